package auth

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a service that says who calls.
type echo struct {
	clusterpb.UnimplementedClusterServer
}

func (echo) Status(ctx context.Context, _ *clusterpb.StatusRequest) (*clusterpb.ClusterStatus, error) {
	return &clusterpb.ClusterStatus{Leader: said(ctx)}, nil
}

func (echo) Invalidations(_ *clusterpb.InvalidationsRequest, s grpc.ServerStreamingServer[clusterpb.Invalidation]) error {
	return s.Send(&clusterpb.Invalidation{Paths: []string{said(s.Context())}})
}

func said(ctx context.Context) string {
	id, ok := Of(ctx)
	switch {
	case !ok:
		return "nobody"
	case id.By != id.User:
		return id.User + " by " + id.By
	}
	return id.User
}

// gated is a server behind a gate, on loopback.
type gated struct {
	*Gate
	addr   string
	server *grpc.Server
}

// behind starts a server on addr, of which ":0" is any.
func behind(t testing.TB, o Options, addr string) *gated {
	t.Helper()
	l, err := wire.TCP{}.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	g := &gated{Gate: NewGate(o), addr: l.Addr().String()}
	g.server = wire.NewServer(slog.New(slog.DiscardHandler), g.ServerOptions()...)
	g.Register(g.server)
	clusterpb.RegisterClusterServer(g.server, echo{})
	done := make(chan struct{})
	go func() { defer close(done); g.server.Serve(l) }()
	t.Cleanup(func() { g.server.Stop(); <-done })
	return g
}

func (g *gated) sessions() (sessions, streams int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.mu.sessions), g.mu.streams
}

// settles waits until so many sessions and streams are left.
func (g *gated) settles(t *testing.T, sessions, streams int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		a, b := g.sessions()
		if a == sessions && b == streams {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d sessions and %d streams, want %d and %d", a, b, sessions, streams)
		}
	}
}

// dial makes a connection that knows nothing of authentication.
func dial(t testing.TB, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := wire.Dial(wire.TCP{}, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// who asks the server who calls, over a channel of the given id; "" sends none.
func who(t testing.TB, conn *grpc.ClientConn, channel string) (string, error) {
	t.Helper()
	ctx := t.Context()
	if channel != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, channelKey, channel)
	}
	s, err := clusterpb.NewClusterClient(conn).Status(ctx, &clusterpb.StatusRequest{})
	return s.GetLeader(), err
}

func hello(message, id string) *pb.SaslMessage {
	return &pb.SaslMessage{
		MessageType: pb.SaslMessageType_CHALLENGE.Enum(), Message: []byte(message), ClientId: &id,
		AuthenticationScheme: pb.ChannelAuthenticationScheme_SIMPLE.Enum(), ChannelRef: proto.String("rust-client-" + id[:min(8, len(id))]),
	}
}

// greet opens a stream and says hello. It ends with the test.
func greet(t testing.TB, conn *grpc.ClientConn, m *pb.SaslMessage) (stream grpc.BidiStreamingClient[pb.SaslMessage, pb.SaslMessage], end context.CancelFunc, err error) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	t.Cleanup(end)
	stream, err = pb.NewSaslAuthenticationServiceClient(conn).Authenticate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(m); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err == nil && answer.GetMessageType() != pb.SaslMessageType_SUCCESS {
		t.Fatalf("the server answers %v", answer)
	}
	return stream, end, err
}

// raw is a codec of bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (raw) Name() string                       { return "proto" }

// TestOfficialHandshake plays what the official client sends, byte for byte, and what its user then sees.
func TestOfficialHandshake(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	const id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

	// Before the handshake the id is nobody's.
	if _, err := who(t, conn, id); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "is not authenticated") {
		t.Fatalf("a call before: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		"/com.qcloud.cos.goosefs.grpc.sasl.SaslAuthenticationService/authenticate", grpc.ForceCodec(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	// The client waits for headers before it looks for an answer.
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	request := "0800" + // messageType CHALLENGE
		"1212" + hex.EncodeToString([]byte("\x00runner\x00noPassword")) + // message
		"1a24" + hex.EncodeToString([]byte(id)) + // clientId
		"2001" + // authenticationScheme SIMPLE
		"2a14" + hex.EncodeToString([]byte("rust-client-3f2504e0")) // channelRef
	message, err := hex.DecodeString(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(&message); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil || hex.EncodeToString(answer) != "0801" { // messageType SUCCESS, set
		t.Fatalf("the server answers %x, %v", answer, err)
	}
	// From now on the id is the user's, over any connection, in calls and in streams.
	for range 2 {
		if name, err := who(t, dial(t, g.addr), id); err != nil || name != "runner" {
			t.Errorf("the server takes the call for %q's (%v)", name, err)
		}
	}
	changes, err := clusterpb.NewClusterClient(conn).Invalidations(metadata.AppendToOutgoingContext(t.Context(), channelKey, id), &clusterpb.InvalidationsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := changes.Recv(); err != nil || m.GetPaths()[0] != "runner" {
		t.Errorf("the server takes the stream for %v's (%v)", m.GetPaths(), err)
	}
	g.settles(t, 1, 1)
	// The client goes away.
	cancel()
	g.settles(t, 0, 0)
	if _, err := who(t, conn, id); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a call after the stream: %v", err)
	}
}

// A client that ends its side of the stream ends the session without a fault.
func TestCleanEnd(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	stream, _, err := greet(t, conn, hello("\x00alice\x00noPassword", "one"))
	if err != nil {
		t.Fatal(err)
	}
	if name, err := who(t, conn, "one"); name != "alice" {
		t.Errorf("%q, %v", name, err)
	}
	stream.CloseSend()
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the stream ends with %v", err)
	}
	g.settles(t, 0, 0)
}

// TestRefusals: each wrong handshake gets one clear status, and leaves nothing behind.
func TestRefusals(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE, Impersonation: Impersonation{"hive": {Users: []string{"bob"}}}}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	with := func(edit func(*pb.SaslMessage)) *pb.SaslMessage {
		m := hello("\x00alice\x00noPassword", "two")
		edit(m)
		return m
	}
	for name, c := range map[string]struct {
		message *pb.SaslMessage
		text    string
	}{
		"an empty message":       {&pb.SaslMessage{}, "scheme NOSASL"},
		"SUCCESS first":          {with(func(m *pb.SaslMessage) { m.MessageType = pb.SaslMessageType_SUCCESS.Enum() }), "begins with CHALLENGE"},
		"a type of the future":   {with(func(m *pb.SaslMessage) { m.MessageType = new(pb.SaslMessageType(7)) }), "begins with CHALLENGE"},
		"KERBEROS":               {with(func(m *pb.SaslMessage) { m.AuthenticationScheme = pb.ChannelAuthenticationScheme_KERBEROS.Enum() }), "scheme KERBEROS"},
		"no scheme":              {with(func(m *pb.SaslMessage) { m.AuthenticationScheme = nil }), "scheme NOSASL"},
		"no id":                  {with(func(m *pb.SaslMessage) { m.ClientId = nil }), "no client id"},
		"a long id":              {with(func(m *pb.SaslMessage) { m.ClientId = proto.String(strings.Repeat("x", 1<<20)) }), "1048576 bytes"},
		"no user":                {with(func(m *pb.SaslMessage) { m.Message = []byte("\x00\x00noPassword") }), "no name"},
		"no message":             {with(func(m *pb.SaslMessage) { m.Message = nil }), "0 NUL bytes"},
		"a huge message":         {with(func(m *pb.SaslMessage) { m.Message = make([]byte, 16<<20) }), "16777216 bytes"},
		"for another user":       {with(func(m *pb.SaslMessage) { m.Message = []byte("bob\x00alice\x00noPassword") }), `"alice" may not act for user "bob"`},
		"for a user not allowed": {with(func(m *pb.SaslMessage) { m.Message = []byte("carol\x00hive\x00noPassword") }), `"hive" may not act for user "carol"`},
	} {
		_, end, err := greet(t, conn, c.message)
		if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want UNAUTHENTICATED and %q", name, err, c.text)
		}
		end()
	}
	g.settles(t, 0, 0)
	_, _, err := greet(t, conn, hello("bob\x00hive\x00noPassword", "three"))
	if name, _ := who(t, conn, "three"); err != nil || name != "bob by hive" {
		t.Errorf("hive may act for bob: %q, %v", name, err)
	}
}

// Bytes that are no message, and a stream that ends before it says anything.
func TestTruncated(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, pb.SaslAuthenticationService_Authenticate_FullMethodName, grpc.ForceCodec(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	half := []byte{0x12, 0x7f, 'x'}
	stream.SendMsg(&half)
	if err := stream.RecvMsg(new([]byte)); status.Code(err) != codes.Internal {
		t.Errorf("half a message: %v", err)
	}
	silent, err := pb.NewSaslAuthenticationServiceClient(conn).Authenticate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	silent.CloseSend()
	if _, err := silent.Recv(); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "before it said anything") {
		t.Errorf("nothing at all: %v", err)
	}
	g.settles(t, 0, 0)
}

// An id cannot be taken while it is in use: neither ends the other's session. Afterwards it can.
func TestIDTwice(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	_, end, err := greet(t, conn, hello("\x00alice\x00noPassword", "same"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := greet(t, dial(t, g.addr), hello("\x00mallory\x00noPassword", "same")); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "another session") {
		t.Errorf("the second: %v", err)
	}
	if name, err := who(t, conn, "same"); name != "alice" {
		t.Errorf("the id is %q's (%v)", name, err)
	}
	end()
	g.settles(t, 0, 0)
	if _, _, err := greet(t, conn, hello("\x00bob\x00noPassword", "same")); err != nil {
		t.Errorf("after it was free: %v", err)
	}
	if name, err := who(t, conn, "same"); name != "bob" {
		t.Errorf("the id is %q's (%v)", name, err)
	}
}

// Whoever goes on talking after SUCCESS does not know the protocol: his session ends.
func TestMoreAfterSuccess(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	stream, _, err := greet(t, conn, hello("\x00alice\x00noPassword", "chatty"))
	if err != nil {
		t.Fatal(err)
	}
	stream.Send(hello("\x00root\x00noPassword", "other"))
	if _, err := stream.Recv(); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "nothing more to say") {
		t.Errorf("the stream ends with %v", err)
	}
	g.settles(t, 0, 0)
	for _, id := range []string{"chatty", "other"} {
		if name, err := who(t, conn, id); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s is %q's (%v)", id, name, err)
		}
	}
}

// Streams that say nothing are ended, and while there are as many as may be, no more are taken.
func TestManyStreams(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE, Sessions: 40, Handshake: 500 * time.Millisecond}, "127.0.0.1:0")
	conn := dial(t, g.addr)
	var streams []grpc.BidiStreamingClient[pb.SaslMessage, pb.SaslMessage]
	for range 100 {
		s, err := pb.NewSaslAuthenticationServiceClient(conn).Authenticate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	var mute, tooMany int
	for _, s := range streams {
		_, err := s.Recv()
		switch {
		case status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "has 40 sessions"):
			tooMany++
		case status.Code(err) == codes.Unauthenticated && strings.Contains(err.Error(), "said nothing for 500ms"):
			mute++
		default:
			t.Errorf("a stream ends with %v", err)
		}
	}
	if mute != 40 || tooMany != 60 {
		t.Errorf("%d said nothing, %d were too many", mute, tooMany)
	}
	g.settles(t, 0, 0)
	if _, _, err := greet(t, conn, hello("\x00alice\x00noPassword", "late")); err != nil {
		t.Errorf("one that comes afterwards: %v", err)
	}
}

// A thousand sessions on some connections come and go at once.
func TestThousandSessions(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conns := []*grpc.ClientConn{dial(t, g.addr), dial(t, g.addr), dial(t, g.addr), dial(t, g.addr)}
	ends := make([]context.CancelFunc, 1000)
	var all sync.WaitGroup
	for i := range ends {
		all.Go(func() {
			id := newID()
			_, end, err := greet(t, conns[i%4], hello("\x00alice\x00noPassword", id))
			if name, failed := who(t, conns[(i+1)%4], id); err != nil || name != "alice" {
				t.Errorf("session %d: %q, %v, %v", i, name, err, failed)
			}
			ends[i] = end
		})
	}
	all.Wait()
	g.settles(t, 1000, 1000)
	for _, end := range ends {
		end()
	}
	g.settles(t, 0, 0)
}

// What needs no session, and what may be called by who had one before a restart.
func TestExempt(t *testing.T) {
	unary, stream := clusterpb.Cluster_Status_FullMethodName, clusterpb.Cluster_Invalidations_FullMethodName
	call := func(t *testing.T, g *gated, channel string) (unary, streamed codes.Code) {
		conn := dial(t, g.addr)
		_, err := who(t, conn, channel)
		ctx := t.Context()
		if channel != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, channelKey, channel)
		}
		s, failed := clusterpb.NewClusterClient(conn).Invalidations(ctx, &clusterpb.InvalidationsRequest{})
		if failed == nil {
			_, failed = s.Recv()
		}
		return status.Code(err), status.Code(failed)
	}
	const ok, no = codes.OK, codes.Unauthenticated
	for name, c := range map[string]struct {
		o                                        Options
		without, withoutStream, lost, lostStream codes.Code
	}{
		"none":   {Options{Scheme: SIMPLE}, no, no, no, no},
		"open":   {Options{Scheme: SIMPLE, Open: []string{unary}}, ok, no, ok, no},
		"lost":   {Options{Scheme: SIMPLE, Lost: []string{stream}}, no, no, no, ok},
		"nosasl": {Options{}, ok, ok, ok, ok},
	} {
		g := behind(t, c.o, "127.0.0.1:0")
		if u, s := call(t, g, ""); u != c.without || s != c.withoutStream {
			t.Errorf("%s: without an id %v and %v", name, u, s)
		}
		if u, s := call(t, g, "test-no-auth"); u != c.lost || s != c.lostStream {
			t.Errorf("%s: with an unknown id %v and %v", name, u, s)
		}
	}
}

// FuzzAuthenticate: no message breaks the gate, and none but a well-formed one is let in.
func FuzzAuthenticate(f *testing.F) {
	for _, m := range []*pb.SaslMessage{hello("\x00alice\x00noPassword", "one"), hello("bob\x00alice\x00", "two"), {}} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x12, 0x7f, 'x'})
	g := NewGate(Options{Scheme: SIMPLE, Impersonation: Impersonation{"hive": {Users: []string{"bob"}}}})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m pb.SaslMessage
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		id, err := g.identify(&m)
		switch {
		case err != nil && status.Code(err) != codes.Unauthenticated:
			t.Errorf("%x: %v", b, err)
		case err == nil && (checkName(id.User) != nil || checkID(m.GetClientId()) != nil || id.User != id.By && id.By != "hive"):
			t.Errorf("%x is let in as %+v", b, id)
		}
	})
}
