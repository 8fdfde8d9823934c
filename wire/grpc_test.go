package wire

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"goosefs/wire/clusterpb"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a service whose answers a test makes up.
type cluster struct {
	clusterpb.UnimplementedClusterServer
	status  func(context.Context) (*clusterpb.ClusterStatus, error)
	changes func(grpc.ServerStreamingServer[clusterpb.Invalidation]) error
}

func (c cluster) Status(ctx context.Context, _ *clusterpb.StatusRequest) (*clusterpb.ClusterStatus, error) {
	return c.status(ctx)
}

func (c cluster) Invalidations(_ *clusterpb.InvalidationsRequest, s grpc.ServerStreamingServer[clusterpb.Invalidation]) error {
	return c.changes(s)
}

// serve runs a server and gives a client of it, and what ends the server.
func serve(t *testing.T, c cluster, log *slog.Logger) (client clusterpb.ClusterClient, stop func()) {
	t.Helper()
	m := NewMemory()
	l, err := m.Host("server").Listen("server:1")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(log)
	clusterpb.RegisterClusterServer(s, c)
	go s.Serve(l)
	conn, err := Dial(m.Host("client"), "server:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); s.Stop() })
	return clusterpb.NewClusterClient(conn), s.Stop
}

// A panic in a handler is INTERNAL to its caller and a line in the log, and the server lives on.
func TestPanicIsAnAnswer(t *testing.T) {
	var log strings.Builder
	client, _ := serve(t, cluster{
		status:  func(context.Context) (*clusterpb.ClusterStatus, error) { panic("at the disco") },
		changes: func(grpc.ServerStreamingServer[clusterpb.Invalidation]) error { panic("in a stream") },
	}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		_, err := client.Status(t.Context(), &clusterpb.StatusRequest{})
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "disco") {
			t.Errorf("the caller hears %v", err)
		}
	}
	stream, err := client.Invalidations(t.Context(), &clusterpb.InvalidationsRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Internal {
		t.Errorf("the caller of a stream hears %v", err)
	}
	for _, want := range []string{"at the disco", "in a stream", "Status", "grpc_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// What a handler returns becomes a status, of calls and of streams.
func TestHandlerErrors(t *testing.T) {
	refuse := &fs.PathError{Op: "stat", Path: "/a", Err: syscall.ENOTEMPTY}
	client, _ := serve(t, cluster{
		status:  func(context.Context) (*clusterpb.ClusterStatus, error) { return nil, refuse },
		changes: func(grpc.ServerStreamingServer[clusterpb.Invalidation]) error { return refuse },
	}, slog.New(slog.DiscardHandler))
	_, err := client.Status(t.Context(), &clusterpb.StatusRequest{})
	if got := FromStatus("", "", err); !errors.Is(got, syscall.ENOTEMPTY) {
		t.Errorf("a call: %v", got)
	}
	stream, err := client.Invalidations(t.Context(), &clusterpb.InvalidationsRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if got := FromStatus("", "", err); !errors.Is(got, syscall.ENOTEMPTY) {
		t.Errorf("a stream: %v", got)
	}
}

// A message beyond the limit is refused, and the connection goes on.
func TestMessageLimit(t *testing.T) {
	size := MaxRecv + 1
	client, _ := serve(t, cluster{status: func(context.Context) (*clusterpb.ClusterStatus, error) {
		return &clusterpb.ClusterStatus{Version: strings.Repeat("x", size)}, nil
	}}, slog.New(slog.DiscardHandler))
	if _, err := client.Status(t.Context(), &clusterpb.StatusRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("too large: %v", err)
	}
	size = 5 << 20
	if got, err := client.Status(t.Context(), &clusterpb.StatusRequest{}); err != nil || len(got.GetVersion()) != size {
		t.Errorf("large: %v", err)
	}
}

// Stop ends calls under way and returns after the last handler.
func TestStopWaitsForHandlers(t *testing.T) {
	began, ended := make(chan bool), false
	client, stop := serve(t, cluster{status: func(ctx context.Context) (*clusterpb.ClusterStatus, error) {
		close(began)
		<-ctx.Done()
		ended = true
		return nil, ctx.Err()
	}}, slog.New(slog.DiscardHandler))
	answer := make(chan error, 1)
	go func() {
		_, err := client.Status(t.Context(), &clusterpb.StatusRequest{})
		answer <- err
	}()
	<-began
	stop()
	if !ended {
		t.Error("a handler outlives its server")
	}
	if err := <-answer; !Unreached(err) {
		t.Errorf("the caller hears %v", err)
	}
}
