package master

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path"
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

	leadership leadership
	operations *operations
	changes    *changes
	sources    *sources
	loader     *loader
	registry   *registry
	hub        *hub

	servers []*grpc.Server
	failed  chan struct{}   // closed when store or raft cannot go on
	ctx     context.Context // ends when the master stops
	cancel  context.CancelFunc
	wg      sync.WaitGroup // all goroutines; handlers, which the servers wait for, may start more
}

// Start brings a master up: it opens what it knows, joins the quorum, and serves. Close stops it.
func Start(o Options) (*Master, error) {
	o = o.withDefaults()
	self, err := o.self()
	if err != nil {
		return nil, err
	}
	m := &Master{
		options: o, self: self, log: o.Log, started: time.Now(), now: time.Now, failed: make(chan struct{}),
		operations: newOperations(), changes: newChanges(), sources: newSources(o), hub: newHub(),
		registry: newRegistry(o.WorkerTimeout, o.VirtualNodes),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.loader = &loader{Master: m, flights: newFlights()}
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
	m.wg.Go(m.watchDisks)
	return m, nil
}

func (m *Master) open() (err error) {
	o := m.options
	if err := os.MkdirAll(o.JournalDir, 0o700); err != nil {
		return err
	}
	if m.store, err = metastore.Open(o.MetaDir, metastore.Options{
		BlockSize: o.BlockSize, FlushInterval: o.FlushInterval, Log: o.Log,
	}); err != nil {
		return err
	}
	m.operations.store = m.store
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
		SnapshotEntries: o.SnapshotEntries, SnapshotBytes: o.SnapshotBytes, CatchUpEntries: o.CatchUpEntries, Log: o.Log,
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
	for i, on := range []struct{ addr, bind, port string }{
		{m.self.Address, m.options.Bind, "goosefs.master.rpc.port"},
		{m.self.Journal, cmp.Or(m.options.JournalBind, m.options.Bind), "goosefs.master.embedded.journal.port"},
	} {
		listener, err := m.listen(on.addr, on.bind, on.port)
		if err != nil {
			return err
		}
		server := m.servers[i]
		m.wg.Go(func() {
			if err := server.Serve(listener); err != nil && m.ctx.Err() == nil {
				m.log.Error("server ended", "address", on.addr, "err", err)
			}
		})
	}
	return nil
}

// listen announces on addr, or on its port of the address to bind to, if one is configured. property is where the port
// comes from.
func (m *Master) listen(addr, bind, property string) (net.Listener, error) {
	if bind != "" {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		addr = net.JoinHostPort(bind, port)
	}
	l, err := m.options.Network.Listen(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: is another goosefs master running here? Stop it or choose another %s: %w", addr, property, syscall.EADDRINUSE)
	}
	return l, err
}

// watchDisks closes failed when the log or the store cannot go on.
func (m *Master) watchDisks() {
	select {
	case <-m.raft.Failed():
	case <-m.store.Failed():
	case <-m.ctx.Done():
		return
	}
	close(m.failed)
}

// Failed is closed when the master cannot go on: its disk failed, or its log. Err says why.
func (m *Master) Failed() <-chan struct{} { return m.failed }

// Err is why the master cannot go on.
func (m *Master) Err() error {
	if err := m.store.Err(); err != nil {
		return err
	}
	return m.raft.Err()
}

// Close stops the master. A leader hands over first. Then calls end, before what they use is closed.
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

// propose makes a command happen on all masters, has workers drop what it removed, and tells mounts that the paths and
// the listings that they are in are not what they were.
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
	for _, p := range paths {
		m.hub.publish([]string{p, path.Dir(p)})
	}
	if result.Unreaped {
		if t, err := m.leads(); err == nil {
			t.wakeReaper()
		}
	}
	return result, nil
}

// notLeading words an error of the log for clients: what another master can do better is UNAVAILABLE, with a hint.
func (m *Master) notLeading(err error) error {
	for _, elsewhere := range []error{raftlog.ErrNotLeader, raftlog.ErrUnknown, raftlog.ErrClosed, raftlog.ErrBusy} {
		if errors.Is(err, elsewhere) {
			return wire.NotLeader(m.leaderAddress())
		}
	}
	return err
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
