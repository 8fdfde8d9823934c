package auth

import (
	"io"
	"time"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

type saslStream = grpc.BidiStreamingServer[pb.SaslMessage, pb.SaslMessage]

// Authenticate begins a session, and ends it when the stream ends, which the client does.
func (g *Gate) Authenticate(stream saslStream) error {
	if err := g.enter(); err != nil {
		return err
	}
	defer g.leave()
	// The client's call does not come back before headers do.
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	first, err := g.first(stream)
	if err != nil {
		return err
	}
	id, err := g.identify(first)
	if err != nil {
		g.options.Log.Debug("a client was refused", "channel", first.GetChannelRef(), "err", err)
		return err
	}
	channel := first.GetClientId()
	if err := g.begin(channel, id); err != nil {
		return err
	}
	defer g.end(channel)
	if err := stream.Send(&pb.SaslMessage{MessageType: pb.SaslMessageType_SUCCESS.Enum()}); err != nil {
		return err
	}
	g.options.Log.Debug("session begins", "user", id.User, "by", id.By, "channel", first.GetChannelRef())
	_, err = stream.Recv()
	switch {
	case err == io.EOF || stream.Context().Err() != nil:
		return nil
	case err != nil:
		return err
	}
	return refuse("the session of channel %q has begun, and there is nothing more to say on its stream", channel)
}

// first waits for what the client says first, for as long as a handshake may take.
func (g *Gate) first(stream saslStream) (*pb.SaslMessage, error) {
	type received struct {
		message *pb.SaslMessage
		err     error
	}
	said := make(chan received, 1)
	go func() { // ends with the stream, which ends with its handler
		message, err := stream.Recv()
		said <- received{message, err}
	}()
	late := time.NewTimer(g.options.Handshake)
	defer late.Stop()
	select {
	case r := <-said:
		if r.err == io.EOF {
			return nil, refuse("the stream ended before it said anything")
		}
		return r.message, r.err
	case <-late.C:
		return nil, refuse("the stream said nothing for %v", g.options.Handshake)
	}
}

// identify decides who a client is that opens a stream with the message, or why it is refused.
func (g *Gate) identify(m *pb.SaslMessage) (Identity, error) {
	if m.GetMessageType() != pb.SaslMessageType_CHALLENGE {
		return Identity{}, refuse("a stream begins with CHALLENGE, not with %v", m.GetMessageType())
	}
	if scheme := m.GetAuthenticationScheme(); scheme != pb.ChannelAuthenticationScheme_SIMPLE {
		return Identity{}, refuse("the scheme %v is not known here; set goosefs.security.authentication.type=SIMPLE on the client", scheme)
	}
	if err := checkID(m.GetClientId()); err != nil {
		return Identity{}, refuse("%v", err)
	}
	p, err := parsePlain(m.GetMessage())
	if err != nil {
		return Identity{}, refuse("%v", err)
	}
	if p.as == "" {
		p.as = p.user
	}
	if err := g.options.Impersonation.refusal(p.user, p.as, g.options.Groups.Of); err != nil {
		return Identity{}, refuse("%v", err)
	}
	return Identity{User: p.as, By: p.user}, nil
}
