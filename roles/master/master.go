package master

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/raftlog"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// Master is one master process.
type Master struct {
	options Options
	self    Member
	log     *slog.Logger
	started time.Time
	now     func() time.Time

	store     *metastore.Store
	raft      *raftlog.Log
	transport *transport
	sources   *sources
	loader    *loader
	registry  *registry
	hub       *hub

	servers []*grpc.Server
	ctx     context.Context // ends when the master stops
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// Start brings a master up: it opens what it knows, joins the quorum, and serves. Close stops it.
func Start(o Options) (*Master, error) {
	o = o.withDefaults()
	self, err := o.self()
	if err != nil {
		return nil, err
	}
	m := &Master{options: o, self: self, log: o.Log, started: time.Now(), now: time.Now, hub: newHub()}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.sources = newSources(o.UFSOptions)
	m.registry = newRegistry(o.WorkerTimeout)
	m.loader = &loader{master: m}
	if err := m.open(); err != nil {
		m.Close()
		return nil, err
	}
	if err := m.serve(); err != nil {
		m.Close()
		return nil, err
	}
	m.transport.start()
	m.wg.Go(m.watchLeadership)
	m.wg.Go(m.watchWorkers)
	return m, nil
}

func (o Options) withDefaults() Options {
	if o.Election == 0 {
		o.Election = time.Second
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 100 * time.Millisecond
	}
	if o.WorkerTimeout == 0 {
		o.WorkerTimeout = 5 * time.Minute
	}
	if o.StripeSize == 0 {
		o.StripeSize = 1 << 30
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (m *Master) open() (err error) {
	o := m.options
	if err := os.MkdirAll(o.JournalDir, 0o700); err != nil {
		return err
	}
	if m.store, err = metastore.Open(o.MetaDir, metastore.Options{BlockSize: o.BlockSize, Owner: owner(), Group: owner(), Log: o.Log}); err != nil {
		return err
	}
	if m.transport, err = newTransport(o, m.self, func(peer uint64) { m.raft.ReportUnreachable(peer) }); err != nil {
		return err
	}
	var members []raftlog.Member
	for _, member := range o.Masters {
		members = append(members, raftlog.Member{ID: member.id(), Address: member.Journal})
	}
	m.raft, err = raftlog.Open(raftlog.Config{
		ClusterID: clusterID(o.Masters), ID: m.self.id(), Dir: o.JournalDir, Members: members,
		StateMachine: m.store, Transport: m.transport,
		Tick: o.Heartbeat, HeartbeatTicks: 1, ElectionTicks: max(2, int(o.Election/o.Heartbeat)),
		SnapshotEntries: o.SnapshotEntries, Log: o.Log,
	})
	return err
}

// serve listens on the clients' address and on the journal's.
func (m *Master) serve() error {
	clients, journal := wire.NewServer(m.log), wire.NewServer(m.log)
	pb.RegisterFileSystemMasterClientServiceServer(clients, &fileService{Master: m})
	pb.RegisterWorkerManagerMasterClientServiceServer(clients, &workerManagerService{Master: m})
	pb.RegisterServiceVersionClientServiceServer(clients, &versionService{Master: m})
	clusterpb.RegisterClusterServer(clients, &clusterService{Master: m})
	clusterpb.RegisterWorkersServer(clients, &workersService{Master: m})
	clusterpb.RegisterRaftServer(journal, &raftService{cluster: clusterID(m.options.Masters), self: m.self.id(), step: m.raft.Step, install: m.raft.InstallSnapshot})
	m.servers = []*grpc.Server{clients, journal}
	for i, addr := range []string{m.self.Address, m.self.Journal} {
		listener, err := m.listen(addr)
		if err != nil {
			return err
		}
		server := m.servers[i]
		m.wg.Go(func() {
			if err := server.Serve(listener); err != nil && m.ctx.Err() == nil {
				m.log.Error("server ended", "address", addr, "err", err)
			}
		})
	}
	return nil
}

// listen announces on addr, or on its port of the address to bind to, if one is configured.
func (m *Master) listen(addr string) (net.Listener, error) {
	if m.options.Bind != "" {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		addr = net.JoinHostPort(m.options.Bind, port)
	}
	l, err := m.options.Network.Listen(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: is another goosefs master running here? Stop it or choose another goosefs.master.rpc.port: %w", addr, syscall.EADDRINUSE)
	}
	return l, err
}

// Failed is closed when the master cannot go on: its disk failed, or its log. Err says why.
func (m *Master) Failed() <-chan struct{} { return m.raft.Failed() }

// Err is why the master cannot go on.
func (m *Master) Err() error {
	if err := m.store.Err(); err != nil {
		return err
	}
	return m.raft.Err()
}

// Close stops the master. A leader hands over first.
func (m *Master) Close() error {
	var err error
	if m.raft != nil {
		err = m.raft.Close()
	}
	m.cancel()
	for _, s := range m.servers {
		s.Stop()
	}
	if m.transport != nil {
		m.transport.close()
	}
	m.wg.Wait()
	if m.store != nil {
		err = errors.Join(err, m.store.Close())
	}
	m.sources.close()
	return err
}

// proposable is a command of the metastore.
type proposable interface{ Encode() []byte }

// propose makes a command happen on all masters and tells mounts which paths they must forget.
func (m *Master) propose(ctx context.Context, c proposable, paths ...string) (*metastore.Result, error) {
	v, err := m.raft.Propose(ctx, c.Encode())
	if err != nil {
		return nil, m.notLeading(err)
	}
	if err, failed := v.(error); failed {
		return nil, err
	}
	result := v.(*metastore.Result)
	m.registry.order(result.Removed)
	m.hub.publish(paths)
	return result, nil
}

// notLeading words an error of the log for clients: what another master can do better is UNAVAILABLE, with a hint.
func (m *Master) notLeading(err error) error {
	switch {
	case errors.Is(err, raftlog.ErrNotLeader), errors.Is(err, raftlog.ErrUnknown), errors.Is(err, raftlog.ErrClosed), errors.Is(err, raftlog.ErrBusy):
		return wire.NotLeader(m.leaderAddress())
	}
	return err
}

// linearize returns when what the store says is the newest that anybody was told. It refuses on a master that does
// not lead.
func (m *Master) linearize(ctx context.Context) error {
	if role, _ := m.raft.Watch(); !role.Leading {
		return wire.NotLeader(m.leaderAddress())
	}
	if err := m.raft.ReadIndex(ctx); err != nil {
		return m.notLeading(err)
	}
	return nil
}

// leaderAddress is where clients find the leader, as far as this master knows.
func (m *Master) leaderAddress() string {
	role, _ := m.raft.Watch()
	if role.Leader == m.self.id() && !role.Leading {
		return "" // not yet
	}
	for _, member := range m.options.Masters {
		if role.Leader == member.id() {
			return member.Address
		}
	}
	return ""
}

// head is the header of a command of a caller, with the caller's operation id.
func (m *Master) head(o *pb.FileSystemMasterCommonPOptions) metastore.Header {
	h := metastore.Header{Time: m.now().UnixMilli(), User: owner(), Group: owner()}
	if id := o.GetOperationId(); id != nil {
		putInt64(h.OpID[:8], id.GetMostSignificantBits())
		putInt64(h.OpID[8:], id.GetLeastSignificantBits())
	}
	return h
}

func pathErr(op, path string, errno syscall.Errno) *fs.PathError {
	return &fs.PathError{Op: op, Path: path, Err: errno}
}
