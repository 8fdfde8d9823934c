package auth

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// as makes a connection that logs in.
func as(t *testing.T, l Login, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := l.Dial(wire.TCP{}, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// whoStreams asks who calls in a stream.
func whoStreams(t *testing.T, conn *grpc.ClientConn) (string, error) {
	t.Helper()
	s, err := clusterpb.NewClusterClient(conn).Invalidations(t.Context(), &clusterpb.InvalidationsRequest{})
	if err != nil {
		return "", err
	}
	m, err := s.Recv()
	if err != nil {
		return "", err
	}
	if _, err := s.Recv(); err != io.EOF {
		t.Errorf("the stream ends with %v", err)
	}
	return m.GetPaths()[0], nil
}

// However many call at once, a connection has one session, and its end takes it away.
func TestLogin(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := as(t, Login{SIMPLE, "alice", ""}, g.addr)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if name, err := who(t, conn, ""); name != "alice" {
				t.Errorf("a call is %q's (%v)", name, err)
			}
			if name, err := whoStreams(t, conn); name != "alice" {
				t.Errorf("a stream is %q's (%v)", name, err)
			}
		})
	}
	all.Wait()
	g.settles(t, 1, 1)
	conn.Close()
	g.settles(t, 0, 0)
}

// A server that asks nobody believes who says something, and takes who says nothing.
func TestLoginWhereNobodyIsAsked(t *testing.T) {
	g := behind(t, Options{}, "127.0.0.1:0")
	if name, err := who(t, as(t, Login{SIMPLE, "alice", ""}, g.addr), ""); name != "alice" {
		t.Errorf("alice is %q (%v)", name, err)
	}
	if name, err := who(t, as(t, Login{}, g.addr), ""); name != "nobody" {
		t.Errorf("who says nothing is %q (%v)", name, err)
	}
}

// Who is refused hears why, in each call, and is not tried for ever.
func TestLoginRefused(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := as(t, Login{SIMPLE, "alice", "bob"}, g.addr)
	for range 2 {
		if _, err := who(t, conn, ""); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), `"alice" may not act for user "bob"`) {
			t.Errorf("a call: %v", err)
		}
		if _, err := whoStreams(t, conn); status.Code(err) != codes.Unauthenticated {
			t.Errorf("a stream: %v", err)
		}
	}
	if _, err := who(t, as(t, Login{}, g.addr), ""); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "goosefs.security.authentication.type=SIMPLE") {
		t.Errorf("who says nothing: %v", err)
	}
	g.settles(t, 0, 0)
}

// forget ends a session on the server without a word to the client, as a proxy does that moves on to another server.
func (g *gated) forget(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.mu.sessions) == 0 {
		t.Fatal("there is no session to forget")
	}
	clear(g.mu.sessions)
}

// A call whose session is gone is made again in a new one. A stream ends as if nobody had listened, and the next is fine.
func TestForgottenSession(t *testing.T) {
	g := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := as(t, Login{SIMPLE, "alice", ""}, g.addr)
	for range 3 {
		if name, err := who(t, conn, ""); name != "alice" {
			t.Fatalf("a call is %q's (%v)", name, err)
		}
		g.forget(t)
	}
	if _, err := whoStreams(t, conn); !wire.Unreached(err) {
		t.Errorf("a stream in a session that is gone: %v", err)
	}
	if name, err := whoStreams(t, conn); name != "alice" {
		t.Errorf("the next is %q's (%v)", name, err)
	}
}

// A server that is started anew knows nobody; its clients authenticate again by themselves.
func TestRestart(t *testing.T) {
	first := behind(t, Options{Scheme: SIMPLE}, "127.0.0.1:0")
	conn := as(t, Login{SIMPLE, "alice", ""}, first.addr)
	if name, err := who(t, conn, ""); name != "alice" {
		t.Fatalf("a call is %q's (%v)", name, err)
	}
	first.server.Stop()
	if _, err := who(t, conn, ""); !wire.Unreached(err) {
		t.Errorf("a call while it is down: %v", err)
	}
	second := behind(t, Options{Scheme: SIMPLE}, first.addr)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		name, err := who(t, conn, "")
		if name == "alice" {
			break
		}
		if !wire.Unreached(err) || time.Now().After(end) {
			t.Fatalf("after the restart: %q, %v", name, err)
		}
	}
	second.settles(t, 1, 1)
}

// sasl is a server's side of authentication that a test makes up.
type sasl struct {
	pb.UnimplementedSaslAuthenticationServiceServer
	answer func(saslStream) error
}

func (s sasl) Authenticate(stream saslStream) error { return s.answer(stream) }

// made starts a server whose side of authentication is made up, if there is any.
func made(t *testing.T, answer func(saslStream) error) string {
	t.Helper()
	l, err := wire.TCP{}.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := wire.NewServer(slog.New(slog.DiscardHandler))
	if answer != nil {
		pb.RegisterSaslAuthenticationServiceServer(server, sasl{answer: answer})
	}
	clusterpb.RegisterClusterServer(server, echo{})
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return l.Addr().String()
}

// A server without the service is called without a session.
func TestServerWithoutAuthentication(t *testing.T) {
	conn := as(t, Login{SIMPLE, "alice", ""}, made(t, nil))
	for range 2 {
		if name, err := who(t, conn, ""); name != "nobody" {
			t.Errorf("a call is %q's (%v)", name, err)
		}
	}
	if name, err := whoStreams(t, conn); name != "nobody" {
		t.Errorf("a stream is %q's (%v)", name, err)
	}
}

// A server that wants more than a name is not ours to please.
func TestServerWantsMore(t *testing.T) {
	conn := as(t, Login{SIMPLE, "alice", ""}, made(t, func(s saslStream) error {
		return s.Send(&pb.SaslMessage{MessageType: pb.SaslMessageType_CHALLENGE.Enum(), Message: []byte("prove it")})
	}))
	if _, err := who(t, conn, ""); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "more than a name") {
		t.Errorf("%v", err)
	}
}

// A caller waits for the handshake no longer than for his call; the next is served by the same handshake.
func TestSlowHandshake(t *testing.T) {
	answer, greeted := make(chan bool), atomic.Int32{}
	conn := as(t, Login{SIMPLE, "alice", ""}, made(t, func(s saslStream) error {
		greeted.Add(1)
		<-answer
		s.Send(&pb.SaslMessage{MessageType: pb.SaslMessageType_SUCCESS.Enum()})
		<-s.Context().Done()
		return nil
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := clusterpb.NewClusterClient(conn).Status(ctx, &clusterpb.StatusRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call that does not wait: %v", err)
	}
	close(answer)
	if _, err := who(t, conn, ""); err != nil {
		t.Errorf("the next: %v", err)
	}
	if n := greeted.Load(); n != 1 {
		t.Errorf("%d handshakes", n)
	}
}

// What is known of a call's maker is put into its context, and metadata of the caller's own stays.
func TestIdentity(t *testing.T) {
	if _, ok := Of(t.Context()); ok {
		t.Error("somebody is known of nothing")
	}
	if id, ok := Of(With(t.Context(), Identity{"bob", "hive"})); !ok || id != (Identity{"bob", "hive"}) {
		t.Errorf("%+v, %v", id, ok)
	}
	ctx := (&session{"x"}).mark(metadata.AppendToOutgoingContext(t.Context(), "k", "v"))
	md, _ := metadata.FromOutgoingContext(ctx)
	if md.Get("k")[0] != "v" || md.Get(channelKey)[0] != "x" {
		t.Errorf("metadata %v", md)
	}
	if err := wire.FromStatus("stat", "/a", refuse("no")); errors.Unwrap(err).Error() != "stat /a: required key not available" {
		t.Errorf("it becomes %v", errors.Unwrap(err))
	}
}

// A server that takes the stream and never answers is given up.
func TestMuteServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := wire.NewMemory()
		l, err := m.Host("server").Listen("server:1")
		if err != nil {
			t.Fatal(err)
		}
		server := wire.NewServer(slog.New(slog.DiscardHandler))
		pb.RegisterSaslAuthenticationServiceServer(server, sasl{answer: func(s saslStream) error {
			<-s.Context().Done()
			return nil
		}})
		go server.Serve(l)
		defer server.Stop()
		conn, err := Login{SIMPLE, "alice", ""}.Dial(m.Host("client"), "server:1")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		_, err = who(t, conn, "")
		if waited := time.Since(began); !wire.Unreached(err) || !strings.Contains(err.Error(), "did not answer") || waited != handshakeFor {
			t.Errorf("after %v: %v", waited, err)
		}
	})
}
