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

	"goosefs/raftlog"
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
	from        sender
	network     wire.Network
	log         *slog.Logger
	unreachable func(peer uint64, gone bool) // told of each failure; gone: its process has ended

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     struct {
		sync.Mutex
		started bool
		peers   map[uint64]*peer
	}
}

// sender is what every message says of the master that sends it.
type sender struct {
	cluster, self uint64
	address       string // for raft
	life          uint64 // random, of this process
}

// peer is a master that is sent to. One that answers at another address is another peer.
type peer struct {
	id      uint64
	addr    string
	queue   chan *raftpb.Message
	conn    *grpc.ClientConn
	t       *transport
	ctx     context.Context
	cancel  context.CancelFunc
	healthy bool // of the sending goroutine alone
}

func newTransport(from sender, network wire.Network, log *slog.Logger, unreachable func(peer uint64, gone bool)) *transport {
	t := &transport{from: from, network: network, log: log, unreachable: unreachable}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.mu.peers = make(map[uint64]*peer)
	return t
}

// start sends what is in the queues, and what will be.
func (t *transport) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.started = true
	for _, p := range t.mu.peers {
		t.wg.Go(p.run)
	}
}

func (t *transport) close() {
	t.cancel()
	t.mu.Lock()
	t.mu.started = false
	peers := t.mu.peers
	t.mu.peers = nil
	t.mu.Unlock()
	t.wg.Wait()
	for _, p := range peers {
		p.conn.Close()
	}
}

// setMembers says who there is to send to.
func (t *transport) setMembers(members []raftlog.Member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	present := make(map[uint64]bool)
	for _, m := range members {
		present[m.ID] = true
		t.reachLocked(m.ID, m.Address)
	}
	for id := range t.mu.peers {
		if !present[id] {
			t.dropLocked(id)
		}
	}
}

// learn says where a sender is of whom this master has not heard as a member yet: it is behind, or new.
func (t *transport) learn(id uint64, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.peers[id] == nil && addr != "" {
		t.reachLocked(id, addr)
	}
}

// reachLocked makes sure that there is a peer.
func (t *transport) reachLocked(id uint64, addr string) {
	if p := t.mu.peers[id]; id == t.from.self || t.mu.peers == nil || p != nil && p.addr == addr {
		return
	}
	t.dropLocked(id)
	conn, err := wire.Dial(t.network, addr)
	if err != nil {
		t.log.Error("a master has an address that is none", "peer", addr, "err", err)
		return
	}
	p := &peer{id: id, addr: addr, queue: make(chan *raftpb.Message, outbox), conn: conn, t: t, healthy: true}
	p.ctx, p.cancel = context.WithCancel(t.ctx)
	t.mu.peers[id] = p
	if t.mu.started {
		t.wg.Go(p.run)
	}
}

func (t *transport) dropLocked(id uint64) {
	if p := t.mu.peers[id]; p != nil {
		delete(t.mu.peers, id)
		p.cancel()
		p.conn.Close()
	}
}

func (t *transport) peer(id uint64) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.peers[id]
}

// Send implements raftlog.Transport.
func (t *transport) Send(msgs []*raftpb.Message) {
	for _, m := range msgs {
		p := t.peer(m.GetTo())
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
	for p.ctx.Err() == nil {
		err := p.stream()
		if p.ctx.Err() != nil {
			return
		}
		if p.healthy {
			p.t.log.Info("master is out of reach", "peer", p.addr, "reason", wire.Reason(err))
			p.healthy = false
		}
		p.drain()
		p.t.unreachable(p.id, nobodyListens(err))
		pause(p.ctx, 100*time.Millisecond)
	}
}

// nobodyListens says that err means there is no process at the peer's address, as far as its host can tell.
func nobodyListens(err error) bool {
	return wire.Unreached(err) && wire.Reason(err) == "connection refused"
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
	ctx, cancel := context.WithCancel(p.ctx)
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
	return &clusterpb.Route{ClusterId: t.from.cluster, From: t.from.self, To: to, Address: t.from.address, Life: t.from.life}
}

// SendSnapshot implements raftlog.Transport.
func (t *transport) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	p := t.peer(m.GetTo())
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
	cluster, self uint64
	step          func(context.Context, *raftpb.Message) error
	install       func(context.Context, *raftpb.Message, io.Reader) error
	learn         func(id uint64, addr string)
	lives         *lives
}

// admit refuses messages of another cluster, for another member, and of two processes that say they are the same one.
func (s *raftService) admit(r *clusterpb.Route) error {
	if r.GetClusterId() != s.cluster || r.GetTo() != s.self {
		return &fs.PathError{Op: "raft", Path: fmt.Sprintf("cluster %x, master %x to %x", r.GetClusterId(), r.GetFrom(), r.GetTo()), Err: syscall.EPERM}
	}
	if err := s.lives.admit(r.GetFrom(), r.GetLife(), time.Now()); err != nil {
		return err
	}
	s.learn(r.GetFrom(), r.GetAddress())
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
