package wiretest

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// TestRecordedConversations says to a cluster what an official client said, byte for byte, and wants the answers that it got.
func TestRecordedConversations(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "recorded", "*.txt"))
	must(t, err)
	if len(paths) < 5 {
		t.Fatalf("only %v", paths)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { played(t, path) })
	}
}

// played has a recorded conversation with a new cluster.
func played(t *testing.T, path string) (*replay, []event) {
	t.Helper()
	events := readConversation(t, path)
	r := &replay{t: t, scene: newScene(t, schemeOf(events)), calls: map[int]*playedCall{}, conns: map[string]*grpc.ClientConn{}, same: newSameness()}
	for _, e := range events {
		r.play(e)
	}
	for _, n := range slices.Sorted(maps.Keys(r.calls)) {
		r.calls[n].cancel()
	}
	if !slices.ContainsFunc(events, func(e event) bool { return e.verb == "<" || e.verb == "data" }) {
		t.Error("nothing was ever answered")
	}
	return r, events
}

// TestRecordedSession: who logged in in a recorded conversation owns what he wrote, and nobody is let in by the id of his channel
// once he has left.
func TestRecordedSession(t *testing.T) {
	r, events := played(t, filepath.Join("testdata", "recorded", "simple.txt"))
	var channels []string
	for _, e := range events {
		if e.verb == "call" && e.channel != "" && !slices.Contains(channels, e.channel) {
			channels = append(channels, e.channel)
		}
	}
	if len(channels) < 2 {
		t.Fatalf("channels: %q", channels)
	}
	path := "/alice/f"
	for _, channel := range append(channels, "") {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "channel-id", channel)
		for end := time.Now().Add(rolestest.Patience); ; time.Sleep(5 * time.Millisecond) {
			_, err := pb.NewFileSystemMasterClientServiceClient(r.conns[sceneMaster]).GetStatus(ctx, &pb.GetStatusPRequest{Path: &path})
			if status.Code(err) == codes.Unauthenticated {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("channel %q is still let in: %v", channel, err)
			}
		}
	}
	conn, err := auth.Login{Scheme: auth.SIMPLE, User: "bob"}.Dial(r.net.Host("client"), sceneMaster)
	must(t, err)
	defer conn.Close()
	reply, err := pb.NewFileSystemMasterClientServiceClient(conn).GetStatus(t.Context(), &pb.GetStatusPRequest{Path: &path})
	if err != nil || reply.GetFileInfo().GetOwner() != "alice" || !reply.GetFileInfo().GetCompleted() {
		t.Errorf("%v, %v", reply, err)
	}
}

// schemeOf is how a recorded client logged in.
func schemeOf(events []event) auth.Scheme {
	if slices.ContainsFunc(events, func(e event) bool { return strings.HasSuffix(e.method, "/authenticate") }) {
		return auth.SIMPLE
	}
	return auth.NOSASL
}

// replay is a conversation that is had again.
type replay struct {
	*scene
	t     *testing.T
	calls map[int]*playedCall
	conns map[string]*grpc.ClientConn
	same  *sameness
}

type playedCall struct {
	grpc.ClientStream
	method string
	cancel context.CancelFunc
}

func (r *replay) play(e event) {
	r.t.Helper()
	c := r.calls[e.call]
	switch e.verb {
	case "call":
		r.begin(e)
	case ">", "chunk":
		b := r.same.request(r.t, c.method, e.message)
		if err := c.SendMsg(&b); err != nil && err != io.EOF {
			r.t.Fatalf("%s: %v", e, err)
		}
	case "half":
		must(r.t, c.CloseSend())
	case "<":
		var got []byte
		if err := c.RecvMsg(&got); err != nil {
			r.t.Fatalf("call %d, %s: %v where there was an answer", e.call, c.method, err)
		}
		r.same.reply(r.t, c.method, got, e.message)
	case "data":
		r.data(c, e)
	case "end":
		r.end(c, e)
	case "left":
		c.cancel()
	}
}

func (r *replay) begin(e event) {
	r.t.Helper()
	at := address(e.place)
	if r.conns[at] == nil {
		conn, err := wire.Dial(r.net.Host("client"), at)
		must(r.t, err)
		r.t.Cleanup(func() { conn.Close() })
		r.conns[at] = conn
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), rolestest.Patience)
	r.t.Cleanup(cancel)
	if e.channel != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "channel-id", e.channel)
	}
	stream, err := r.conns[at].NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, e.method, grpc.ForceCodecV2(raw{}))
	must(r.t, err)
	r.calls[e.call] = &playedCall{stream, e.method, cancel}
}

// data wants bytes of a block, in whatever frames.
func (r *replay) data(c *playedCall, e event) {
	r.t.Helper()
	var all []byte
	for int64(len(all)) < e.length {
		var b []byte
		if err := c.RecvMsg(&b); err != nil {
			r.t.Fatalf("call %d: %v after %d of %d bytes", e.call, err, len(all), e.length)
		}
		var part pb.ReadResponse
		must(r.t, proto.Unmarshal(b, &part))
		all = append(all, part.GetChunk().GetData()...)
	}
	if digest(all) != e.sha {
		r.t.Errorf("call %d: %d other bytes", e.call, len(all))
	}
}

func (r *replay) end(c *playedCall, e event) {
	r.t.Helper()
	var more []byte
	err := c.RecvMsg(&more)
	if err == nil {
		r.t.Errorf("call %d, %s: one more answer, % x", e.call, c.method, more)
		return
	}
	if err == io.EOF {
		err = nil
	}
	s := status.Convert(err)
	if text := strings.ReplaceAll(s.Message(), r.root, "ROOT"); uint32(s.Code()) != e.code || text != e.text {
		r.t.Errorf("call %d, %s: %v %q, and it was %d %q", e.call, c.method, s.Code(), text, e.code, e.text)
	}
}
