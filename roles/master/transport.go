package master

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	outbox        = 4096    // messages that wait for one peer; more are dropped, raft sends again
	batchMessages = 128     // in one gRPC message
	batchBytes    = 8 << 20 // in one gRPC message, about
	imageChunk    = 1 << 20
)

// castagnoli guards the pieces of a snapshot on their way.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// transport carries raft's messages to the other masters: one stream for each, with a queue that drops what does not
// fit, and a call of its own for a snapshot. It implements raftlog.Transport.
type transport struct {
	cluster, self uint64
	network       wire.Network
	log           *slog.Logger
	unreachable   func(peer uint64) // told once for each failure

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	peers  map[uint64]*peer // fixed
}

type peer struct {
	id      uint64
	addr    string
	queue   chan *raftpb.Message
	conn    *grpc.ClientConn
	t       *transport
	healthy bool // of the sending goroutine alone
}

func newTransport(o Options, self Member, unreachable func(uint64)) (*transport, error) {
	t := &transport{cluster: clusterID(o.Masters), self: self.id(), network: o.Network, log: o.Log, unreachable: unreachable, peers: make(map[uint64]*peer)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	for _, m := range o.Masters {
		if m == self {
			continue
		}
		conn, err := wire.Dial(o.Network, m.Journal)
		if err != nil {
			t.close()
			return nil, err
		}
		t.peers[m.id()] = &peer{id: m.id(), addr: m.Journal, queue: make(chan *raftpb.Message, outbox), conn: conn, t: t, healthy: true}
	}
	return t, nil
}

func (t *transport) start() {
	for _, p := range t.peers {
		t.wg.Go(p.run)
	}
}

func (t *transport) close() {
	t.cancel()
	t.wg.Wait()
	for _, p := range t.peers {
		p.conn.Close()
	}
}

// Send implements raftlog.Transport.
func (t *transport) Send(msgs []*raftpb.Message) {
	for _, m := range msgs {
		p := t.peers[m.GetTo()]
		if p == nil {
			continue
		}
		select {
		case p.queue <- m:
		default: // raft repeats what matters
		}
	}
}

func (p *peer) run() {
	for p.t.ctx.Err() == nil {
		err := p.stream()
		if p.t.ctx.Err() != nil {
			return
		}
		if p.healthy {
			p.t.log.Info("master is out of reach", "peer", p.addr, "reason", wire.Reason(err))
			p.healthy = false
		}
		p.drain()
		p.t.unreachable(p.id)
		pause(p.t.ctx, 100*time.Millisecond)
	}
}

// drain drops what waits: the peer was away, and raft sends anew what still matters.
func (p *peer) drain() {
	for {
		select {
		case <-p.queue:
		default:
			return
		}
	}
}

// stream sends what is in the queue until it fails.
func (p *peer) stream() error {
	ctx, cancel := context.WithCancel(p.t.ctx)
	defer cancel()
	stream, err := clusterpb.NewRaftClient(p.conn).Messages(ctx)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- stream.RecvMsg(new(clusterpb.RaftAck)) }()
	for {
		select {
		case m := <-p.queue:
			batch := &clusterpb.RaftBatch{Route: p.t.route(p.id)}
			if err := p.gather(batch, m); err != nil {
				return err
			}
			if err := stream.Send(batch); err != nil {
				return <-ended // Send says EOF; the reason is with the receiver
			}
			if !p.healthy {
				p.t.log.Info("master is back", "peer", p.addr)
				p.healthy = true
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// gather puts m and what waits behind it into batch.
func (p *peer) gather(batch *clusterpb.RaftBatch, m *raftpb.Message) error {
	for size := 0; ; {
		data, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		batch.Messages = append(batch.Messages, data)
		if size += len(data); size >= batchBytes || len(batch.Messages) >= batchMessages {
			return nil
		}
		select {
		case m = <-p.queue:
		default:
			return nil
		}
	}
}

func (t *transport) route(to uint64) *clusterpb.Route {
	return &clusterpb.Route{ClusterId: t.cluster, From: t.self, To: to}
}

// SendSnapshot implements raftlog.Transport.
func (t *transport) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	p := t.peers[m.GetTo()]
	if p == nil {
		return &fs.PathError{Op: "send snapshot", Path: fmt.Sprint(m.GetTo()), Err: syscall.ENOENT}
	}
	message, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx) // a stream that ends without its last chunk: the peer discards what it has
	defer cancel()
	stream, err := clusterpb.NewRaftClient(p.conn).Snapshot(ctx)
	if err != nil {
		return err
	}
	chunk := &clusterpb.SnapshotChunk{Route: t.route(m.GetTo()), Message: message}
	for !chunk.Last {
		data := make([]byte, imageChunk)
		n, err := io.ReadFull(image, data)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		chunk.Data, chunk.Last = data[:n], err != nil
		chunk.Crc32C = crc32.Checksum(chunk.Data, castagnoli)
		if err := stream.Send(chunk); err != nil {
			break // CloseAndRecv knows the reason
		}
		chunk = &clusterpb.SnapshotChunk{Last: chunk.Last}
	}
	_, err = stream.CloseAndRecv()
	return err
}

// raftService takes what other masters' transports send.
type raftService struct {
	clusterpb.UnimplementedRaftServer
	cluster, self uint64
	step          func(context.Context, *raftpb.Message) error
	install       func(context.Context, *raftpb.Message, io.Reader) error
}

// admit refuses messages of another cluster and for another member.
func (s *raftService) admit(r *clusterpb.Route) error {
	if r.GetClusterId() != s.cluster || r.GetTo() != s.self {
		return &fs.PathError{Op: "raft", Path: fmt.Sprintf("cluster %x, master %x to %x", r.GetClusterId(), r.GetFrom(), r.GetTo()), Err: syscall.EPERM}
	}
	return nil
}

func (s *raftService) Messages(stream grpc.ClientStreamingServer[clusterpb.RaftBatch, clusterpb.RaftAck]) error {
	for {
		batch, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&clusterpb.RaftAck{})
		}
		if err != nil {
			return err
		}
		if err := s.admit(batch.GetRoute()); err != nil {
			return err
		}
		for _, data := range batch.GetMessages() {
			m := new(raftpb.Message)
			if err := proto.Unmarshal(data, m); err != nil {
				return err
			}
			if err := s.step(stream.Context(), m); err != nil {
				return err
			}
		}
	}
}

func (s *raftService) Snapshot(stream grpc.ClientStreamingServer[clusterpb.SnapshotChunk, clusterpb.RaftAck]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := s.admit(first.GetRoute()); err != nil {
		return err
	}
	m := new(raftpb.Message)
	if err := proto.Unmarshal(first.GetMessage(), m); err != nil {
		return err
	}
	if err := s.install(stream.Context(), m, &imageReader{chunk: first, next: stream.Recv}); err != nil {
		return err
	}
	return stream.SendAndClose(&clusterpb.RaftAck{})
}

// imageReader is the image in a stream of chunks. It ends with io.EOF only behind the last chunk.
type imageReader struct {
	chunk   *clusterpb.SnapshotChunk
	next    func() (*clusterpb.SnapshotChunk, error)
	checked bool
}

func (r *imageReader) Read(p []byte) (int, error) {
	for {
		if !r.checked {
			if crc32.Checksum(r.chunk.GetData(), castagnoli) != r.chunk.GetCrc32C() {
				return 0, &fs.PathError{Op: "receive snapshot", Path: "chunk", Err: syscall.EBADMSG}
			}
			r.checked = true
		}
		if len(r.chunk.GetData()) > 0 {
			n := copy(p, r.chunk.Data)
			r.chunk.Data = r.chunk.Data[n:]
			return n, nil
		}
		if r.chunk.GetLast() {
			return 0, io.EOF
		}
		chunk, err := r.next()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		r.chunk, r.checked = chunk, false
	}
}
