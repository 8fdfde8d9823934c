package auth

import (
	"context"
	"crypto/rand"
	"fmt"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Login is what a process tells servers of itself. The zero value tells nothing, which servers take whose scheme is
// [NOSASL].
type Login struct {
	Scheme Scheme
	User   string
	As     string // whose rights are wanted; empty: User's own
}

// Self is a login as the user that this process runs as.
func Self() Login { return Login{Scheme: SIMPLE, User: ProcessUser()} }

// Dial is [wire.Dial], of a connection that authenticates before its first call, and again when the server has forgotten
// it. A server that knows no authentication is called without.
//
// A server that refuses the login ends calls with UNAUTHENTICATED. One that forgot the session in the middle of a stream's
// opening ends the stream with UNAVAILABLE: nothing was done, and the same call is in order when it is made again.
func (l Login) Dial(network wire.Network, addr string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	if l.Scheme == NOSASL {
		return wire.Dial(network, addr, options...)
	}
	c := &channel{login: l}
	return wire.Dial(network, addr, append([]grpc.DialOption{
		grpc.WithChainUnaryInterceptor(c.unary), grpc.WithChainStreamInterceptor(c.stream),
	}, options...)...)
}

// unary makes a call in the session of the channel. UNAUTHENTICATED says that nothing was done, so the call is made once
// more, in a new session.
func (c *channel) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	for again := true; ; again = false {
		s, err := c.session(ctx, cc)
		if err != nil {
			return err
		}
		err = invoke(s.mark(ctx), method, req, reply, cc, options...)
		if !again || status.Code(err) != codes.Unauthenticated {
			return err
		}
		c.drop(s)
	}
}

func (c *channel) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if method == pb.SaslAuthenticationService_Authenticate_FullMethodName {
		return open(ctx, desc, cc, method, options...)
	}
	s, err := c.session(ctx, cc)
	if err != nil {
		return nil, err
	}
	stream, err := open(s.mark(ctx), desc, cc, method, options...)
	if err != nil {
		return nil, err
	}
	return &marked{ClientStream: stream, channel: c, session: s}, nil
}

// marked is a stream that was opened in a session.
type marked struct {
	grpc.ClientStream
	channel *channel
	session *session
}

// RecvMsg implements [grpc.ClientStream].
func (m *marked) RecvMsg(to any) error {
	err := m.ClientStream.RecvMsg(to)
	if err == nil || status.Code(err) != codes.Unauthenticated {
		return err
	}
	m.channel.drop(m.session)
	return status.Error(codes.Unavailable, "the server knows the session no more: "+status.Convert(err).Message())
}

// session is what a channel got from its server.
type session struct {
	id string // empty: the server does not authenticate
}

// mark puts the session's id into the metadata of a call.
func (s *session) mark(ctx context.Context) context.Context {
	if s.id == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, channelKey, s.id)
}

// authenticate opens a stream and says who this is. It returns the session, and the stream on which it lives, if any.
func (l Login) authenticate(ctx context.Context, cc *grpc.ClientConn) (*session, grpc.BidiStreamingClient[pb.SaslMessage, pb.SaslMessage], error) {
	stream, err := pb.NewSaslAuthenticationServiceClient(cc).Authenticate(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &session{id: newID()}
	hello := &pb.SaslMessage{
		MessageType: pb.SaslMessageType_CHALLENGE.Enum(), Message: plain{l.As, l.User, noPassword}.encode(),
		ClientId: &s.id, AuthenticationScheme: pb.ChannelAuthenticationScheme_SIMPLE.Enum(), ChannelRef: new("goosefs-" + s.id[:8]),
	}
	stream.Send(hello) // if it fails, Recv says why
	answer, err := stream.Recv()
	switch {
	case status.Code(err) == codes.Unimplemented:
		return &session{}, nil, nil
	case err != nil:
		return nil, nil, err
	case answer.GetMessageType() != pb.SaslMessageType_SUCCESS:
		return nil, nil, status.Error(codes.Unauthenticated, "the server wants to know more than a name; only NOSASL and SIMPLE are known here")
	}
	return s, stream, nil
}

// newID makes the id of a channel, a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
