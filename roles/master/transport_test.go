package master

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/raftlog"
	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// The ids of masters a and b.
const idA, idB uint64 = 1, 2

// link is the transport of master a and the service of master b, over a network that can be cut.
type link struct {
	net     *wire.Memory
	from    *transport
	a, b    Member
	arrived chan *raftpb.Message
	lost    chan uint64
	gone    chan bool // with each that is lost: that nobody listens there
	images  chan []byte
	serve   func(cluster uint64) (stop func())
}

func newLink(t *testing.T) *link {
	t.Helper()
	l := &link{
		net: wire.NewMemory(), a: Member{Address: "a:1", Journal: "a:2"}, b: Member{Address: "b:1", Journal: "b:2"},
		arrived: make(chan *raftpb.Message, 100), lost: make(chan uint64, 100), gone: make(chan bool, 100), images: make(chan []byte, 1),
	}
	me := sender{cluster: 7, self: idA, address: l.a.Journal, life: 1}
	l.from = newTransport(me, l.net.Host("a"), slog.New(slog.DiscardHandler), func(peer uint64, gone bool) {
		select {
		case l.gone <- gone:
		default:
		}
		select {
		case l.lost <- peer:
		default:
		}
	})
	l.from.setMembers([]raftlog.Member{{ID: idA, Address: l.a.Journal}, {ID: idB, Address: l.b.Journal}})
	t.Cleanup(l.from.close)
	l.serve = func(cluster uint64) func() {
		listener, err := l.net.Host("b").Listen("b:2")
		if err != nil {
			t.Fatal(err)
		}
		s := wire.NewServer(slog.New(slog.DiscardHandler))
		service := &journalService{}
		service.raft.Store(&raftService{
			cluster: cluster, self: idB, lives: newLives(time.Second), learn: func(uint64, string) {},
			step: func(_ context.Context, m *raftpb.Message) error {
				l.arrived <- m
				return nil
			},
			install: func(_ context.Context, m *raftpb.Message, image io.Reader) error {
				b, err := io.ReadAll(image)
				if err == nil {
					l.images <- b
				}
				return err
			},
		})
		clusterpb.RegisterRaftServer(s, service)
		go s.Serve(listener)
		t.Cleanup(s.Stop)
		return s.Stop
	}
	return l
}

func (l *link) message(index uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgApp.Enum(), To: proto.Uint64(idB), From: proto.Uint64(idA), Index: &index}
}

// Messages arrive in order; what is sent while the peer is away is lost and told; when it is back, new ones arrive.
func TestTransportOutlivesItsPeer(t *testing.T) {
	l := newLink(t)
	stop := l.serve(l.from.from.cluster)
	l.from.start()
	l.from.Send([]*raftpb.Message{l.message(1), l.message(2), {To: proto.Uint64(99)}})
	l.from.Send([]*raftpb.Message{l.message(3)})
	for want := uint64(1); want <= 3; want++ {
		if m := <-l.arrived; m.GetIndex() != want {
			t.Errorf("message %d arrives, want %d", m.GetIndex(), want)
		}
	}
	stop()
	if peer := <-l.lost; peer != idB {
		t.Errorf("lost %x", peer)
	}
	l.from.Send([]*raftpb.Message{l.message(4)})
	for len(l.lost) > 0 {
		<-l.lost // what was lost before
	}
	<-l.lost // perhaps just before message 4
	<-l.lost // surely with it
	l.serve(l.from.from.cluster)
	l.until(t, 5)

	l.net.Cut("a", "b")
	<-l.lost
	l.net.Heal("a", "b")
	l.until(t, 6)
}

// A peer at whose address nobody listens is gone. One that refuses what it is sent is not, and neither is one whose
// connection broke: that says nothing yet.
func TestPeerIsGone(t *testing.T) {
	l := newLink(t)
	stop := l.serve(l.from.from.cluster + 1)
	l.from.start()
	l.from.Send([]*raftpb.Message{l.message(1)})
	if <-l.gone {
		t.Error("a peer of another cluster is taken for gone")
	}
	stop()
	for !<-l.gone {
		l.from.Send([]*raftpb.Message{l.message(2)})
	}
	for err, want := range map[error]bool{
		status.Error(codes.Unavailable, "dial tcp 10.0.0.1:9202: connect: connection refused"): true,
		status.Error(codes.Unavailable, "read: connection reset by peer"):                      false,
		status.Error(codes.Unavailable, "dial tcp 10.0.0.1:9202: i/o timeout"):                 false,
		status.Error(codes.Internal, "connection refused"):                                     false,
		wire.NotLeader("connection refused"):                                                   false,
	} {
		if got := nobodyListens(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// until sends message index until it arrives, and nothing older with it.
func (l *link) until(t *testing.T, index uint64) {
	t.Helper()
	for {
		l.from.Send([]*raftpb.Message{l.message(index)})
		select {
		case m := <-l.arrived:
			if m.GetIndex() < index {
				t.Errorf("message %d arrives after all", m.GetIndex())
			}
			return
		case <-l.lost:
		case <-t.Context().Done():
			t.Fatal("nothing arrives")
		}
	}
}

// Nothing of another cluster, or for another member, is taken.
func TestForeignClusterIsRefused(t *testing.T) {
	l := newLink(t)
	l.serve(l.from.from.cluster + 1)
	l.from.start()
	l.from.Send([]*raftpb.Message{l.message(1)})
	<-l.lost
	err := l.from.SendSnapshot(t.Context(), l.message(2), strings.NewReader("image"))
	if !errors.Is(wire.FromStatus("", "", err), syscall.EPERM) {
		t.Errorf("a foreign snapshot: %v", err)
	}
	if len(l.arrived)+len(l.images) != 0 {
		t.Error("something was taken")
	}
	service := &raftService{cluster: 1, self: 2, lives: newLives(time.Second), learn: func(uint64, string) {}}
	for _, r := range []*clusterpb.Route{nil, {ClusterId: 1, To: 3}, {ClusterId: 3, To: 2}} {
		if err := service.admit(r); !errors.Is(err, syscall.EPERM) {
			t.Errorf("%v: %v", r, err)
		}
	}
	if err := service.admit(&clusterpb.Route{ClusterId: 1, To: 2}); err != nil {
		t.Error(err)
	}
}

// An image arrives whole, of any length, or not at all.
func TestSnapshot(t *testing.T) {
	l := newLink(t)
	l.serve(l.from.from.cluster)
	for _, size := range []int{0, 1, imageChunk, 3*imageChunk + 17} {
		image := bytes.Repeat([]byte("goose"), size/5+1)[:size]
		if err := l.from.SendSnapshot(t.Context(), l.message(1), bytes.NewReader(image)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got := <-l.images; !bytes.Equal(got, image) {
			t.Errorf("%d of %d bytes arrive", len(got), size)
		}
	}
	broken := errors.New("disk on fire")
	half := io.MultiReader(bytes.NewReader(make([]byte, 2*imageChunk)), failing{broken})
	if err := l.from.SendSnapshot(t.Context(), l.message(1), half); !errors.Is(err, broken) {
		t.Errorf("an image that cannot be read: %v", err)
	}
	if len(l.images) != 0 {
		t.Error("half an image was installed")
	}
	if err := l.from.SendSnapshot(t.Context(), &raftpb.Message{To: proto.Uint64(99)}, half); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("to a stranger: %v", err)
	}
	l.net.Cut("a", "b")
	if err := l.from.SendSnapshot(t.Context(), l.message(1), strings.NewReader("image")); err == nil {
		t.Error("over a cut link")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// chunks is a stream of chunks that ends with io.EOF.
func chunks(list ...*clusterpb.SnapshotChunk) *imageReader {
	next := func() (*clusterpb.SnapshotChunk, error) {
		if len(list) == 0 {
			return nil, io.EOF
		}
		c := list[0]
		list = list[1:]
		return c, nil
	}
	first, _ := next()
	return &imageReader{chunk: first, next: next}
}

func chunk(data string, last bool) *clusterpb.SnapshotChunk {
	return &clusterpb.SnapshotChunk{Data: []byte(data), Crc32C: crc32.Checksum([]byte(data), castagnoli), Last: last}
}

// A piece that was damaged on the way, and an image without its end, are errors.
func TestImageReader(t *testing.T) {
	bad := chunk("abc", true)
	bad.Data[1] ^= 1
	for _, c := range []struct {
		what string
		r    *imageReader
		want string
		err  error
	}{
		{"two pieces", chunks(chunk("ab", false), chunk("c", true)), "abc", nil},
		{"an empty end", chunks(chunk("ab", false), chunk("", true)), "ab", nil},
		{"damaged", chunks(chunk("ab", false), bad), "ab", syscall.EBADMSG},
		{"without an end", chunks(chunk("ab", false)), "ab", io.ErrUnexpectedEOF},
	} {
		got, err := io.ReadAll(c.r)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.what, got, err)
		}
	}
}
