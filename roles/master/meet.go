package master

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/raftlog"
	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// journalService is what other masters call. It answers who this master is from the first moment on, and takes raft's
// messages once there is a log.
type journalService struct {
	clusterpb.UnimplementedRaftServer
	*Master
	raft atomic.Pointer[raftService] // nil: not yet
}

// Meet answers who this master is and how it is. A leader takes one in that has no cluster yet and may come.
func (s *journalService) Meet(ctx context.Context, other *clusterpb.Peer) (*clusterpb.Peer, error) {
	me := s.peer()
	if me.GetClusterId() == 0 {
		return me, nil
	}
	switch {
	case other.GetClusterId() == 0:
		if err := s.begged(other); err != nil {
			me.Refused = err.Error()
		}
	case other.GetClusterId() != me.GetClusterId():
		me.Refused = fmt.Sprintf("%s is a member of cluster %s, and %s of cluster %s", s.self.Journal, clusterName(me.GetClusterId()), other.GetJournalAddress(), clusterName(other.GetClusterId()))
		if s.expected(other.GetJournalAddress()) {
			s.acquaintances.noteStranger(other.GetJournalAddress(), other.GetClusterId(), time.Now())
		}
	default:
		me.Removed = s.Master.raft.Removed(other.GetMemberId())
		s.acquaintances.note(other, time.Now())
	}
	return me, nil
}

// Messages takes raft's messages. Those of a leader that has just taken this master in wait until the log is open.
func (s *journalService) Messages(stream grpc.ClientStreamingServer[clusterpb.RaftBatch, clusterpb.RaftAck]) error {
	for s.raft.Load() == nil {
		if !pause(stream.Context(), 20*time.Millisecond) || s.ctx.Err() != nil {
			return syscall.EAGAIN
		}
	}
	return s.raft.Load().Messages(stream)
}

// Snapshot takes an image.
func (s *journalService) Snapshot(stream grpc.ClientStreamingServer[clusterpb.SnapshotChunk, clusterpb.RaftAck]) error {
	if r := s.raft.Load(); r != nil {
		return r.Snapshot(stream)
	}
	return syscall.EAGAIN
}

// peer is this master as others see it.
func (m *Master) peer() *clusterpb.Peer {
	p := &clusterpb.Peer{MemberId: m.memberID, JournalAddress: m.self.Journal, Address: m.self.Address, Life: m.life}
	if !m.begun.Load() {
		return p
	}
	status := m.raft.Status()
	p.ClusterId, p.MemberId, p.Leader = m.identity.ClusterID, m.identity.ID, status.Leader
	p.Full, p.Slow = status.Full || m.store.Full(), m.raft.Slow() > 0
	for _, member := range status.Members {
		p.Members = append(p.Members, &clusterpb.Member{Id: member.ID, JournalAddress: member.Address, Address: member.Clients, Learner: member.Learner})
	}
	for _, h := range m.store.Hashes() {
		p.Hashes = append(p.Hashes, &clusterpb.StateHash{Commands: h.Commands, Sum: h.Sum[:]})
	}
	return p
}

// meetings keeps connections to the journal addresses of other masters, beside those that raft's messages use.
type meetings struct {
	network wire.Network
	mu      struct {
		sync.Mutex
		conns  map[string]*grpc.ClientConn
		closed bool
	}
}

func newMeetings(network wire.Network) *meetings {
	m := &meetings{network: network}
	m.mu.conns = make(map[string]*grpc.ClientConn)
	return m
}

// meetTimeout is how long another master may take to say who it is.
const meetTimeout = 2 * time.Second

// meet tells the master at addr who this one is, and returns who that is.
func (m *meetings) meet(ctx context.Context, addr string, me *clusterpb.Peer) (*clusterpb.Peer, error) {
	conn, err := m.conn(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, meetTimeout)
	defer cancel()
	return clusterpb.NewRaftClient(conn).Meet(ctx, me)
}

func (m *meetings) conn(addr string) (*grpc.ClientConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return nil, raftlog.ErrClosed
	}
	if c := m.mu.conns[addr]; c != nil {
		return c, nil
	}
	c, err := wire.Dial(m.network, addr)
	if err == nil {
		m.mu.conns[addr] = c
	}
	return c, err
}

func (m *meetings) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.closed = true
	for _, c := range m.mu.conns {
		c.Close()
	}
}

// all meets the masters at the given addresses at the same time. Those that do not answer are left out.
func (m *meetings) all(ctx context.Context, addrs []string, me *clusterpb.Peer) []*clusterpb.Peer {
	replies := make([]*clusterpb.Peer, len(addrs))
	var asking sync.WaitGroup
	for i, addr := range addrs {
		asking.Go(func() {
			if p, err := m.meet(ctx, addr, me); err == nil {
				replies[i] = p
			}
		})
	}
	asking.Wait()
	var answered []*clusterpb.Peer
	for _, p := range replies {
		if p != nil {
			answered = append(answered, p)
		}
	}
	return answered
}
