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
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/raftlog"
	"goosefs/wire"
	"goosefs/wire/auth"
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

	// Who this master is, and what it has once it belongs to a cluster (birth.go). Nobody looks at these before begun.
	begun     atomic.Bool
	identity  raftlog.Identity
	founded   bool // by this process
	store     *metastore.Store
	raft      *raftlog.Log
	transport *transport

	memberID, life uint64 // of the folder and of the process
	meetings       *meetings
	acquaintances  *acquaintances
	lives          *lives
	journal        *journalService
	admissions     sync.Mutex  // held while somebody is taken in
	crowded        atomic.Bool // too many masters have full disks
	removed        atomic.Bool // from its cluster, as another master said

	leadership leadership
	operations *operations
	changes    *changes
	sources    *sources
	loader     *loader
	registry   *registry
	persister  *persister
	hub        *hub

	mu struct {
		sync.Mutex
		servers []*grpc.Server
		err     error // why the master cannot go on
	}
	failed chan struct{}      // closed when it is so
	unbear context.CancelFunc // ends the search for a cluster
	birth  sync.WaitGroup     // the goroutine that searches
	ctx    context.Context    // ends when the master stops
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines; handlers, which the servers wait for, may start more
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
		registry: newRegistry(o.WorkerTimeout, o.VirtualNodes, time.Now()),
		meetings: newMeetings(o.Network), acquaintances: newAcquaintances(), lives: newLives(o.Election),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.loader = &loader{Master: m, flights: newFlights()}
	m.journal = &journalService{Master: m}
	m.persister = newPersister(m)
	if err := m.start(); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// start begins at once if it is known to which cluster this master belongs, and else looks for it in the background.
func (m *Master) start() error {
	ctx, cancel := context.WithCancel(m.ctx)
	m.unbear = cancel
	if err := os.MkdirAll(m.options.JournalDir, 0o700); err != nil {
		return err
	}
	born, err := m.born()
	if err != nil {
		return err
	}
	if err := m.serveJournal(); err != nil {
		return err
	}
	switch {
	case born:
		return m.begin(resumes)
	case len(m.options.Masters) == 1:
		return m.bear(ctx)
	}
	m.birth.Go(func() {
		if err := m.bear(ctx); err != nil {
			m.fail(err)
		}
	})
	return nil
}

// serveJournal listens on the address for other masters.
func (m *Master) serveJournal() error {
	server := wire.NewServer(m.log)
	clusterpb.RegisterRaftServer(server, m.journal)
	return m.serve(server, m.self.Journal, cmp.Or(m.options.JournalBind, m.options.Bind), "goosefs.master.embedded.journal.port")
}

// serveClients listens on the address for clients and workers.
func (m *Master) serveClients() error {
	gate := auth.NewGate(m.options.Auth)
	server := wire.NewServer(m.log, append(gate.ServerOptions(), m.permissions()...)...)
	gate.Register(server)
	pb.RegisterFileSystemMasterClientServiceServer(server, &fileService{Master: m})
	pb.RegisterWorkerManagerMasterClientServiceServer(server, &workerManagerService{Master: m})
	pb.RegisterMetricsMasterClientServiceServer(server, &metricsService{sums: newClientMetrics()})
	pb.RegisterServiceVersionClientServiceServer(server, &versionService{Master: m})
	clusterpb.RegisterClusterServer(server, &clusterService{Master: m})
	clusterpb.RegisterWorkersServer(server, &workersService{Master: m})
	clusterpb.RegisterAdminServer(server, &adminService{Master: m})
	return m.serve(server, m.self.Address, m.options.Bind, "goosefs.master.rpc.port")
}

func (m *Master) serve(server *grpc.Server, addr, bind, property string) error {
	listener, err := m.listen(addr, bind, property)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.mu.servers = append(m.mu.servers, server)
	m.mu.Unlock()
	m.wg.Go(func() {
		if err := server.Serve(listener); err != nil && m.ctx.Err() == nil {
			m.log.Error("server ended", "address", addr, "err", err)
		}
	})
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

// watchDisks ends the master when the log or the store cannot go on.
func (m *Master) watchDisks() {
	select {
	case <-m.raft.Failed():
		m.fail(m.raft.Err())
	case <-m.store.Failed():
		m.fail(m.store.Err())
	case <-m.ctx.Done():
	}
}

// fail says that the master cannot go on. Only the first reason counts.
func (m *Master) fail(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.err == nil {
		m.mu.err = why
		close(m.failed)
	}
}

// Failed is closed when the master cannot go on: its disk failed, or its log. Err says why.
func (m *Master) Failed() <-chan struct{} { return m.failed }

// Err is why the master cannot go on.
func (m *Master) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.err
}

// Close stops the master. A leader hands over first. Then calls end, before what they use is closed.
func (m *Master) Close() error {
	if m.unbear != nil {
		m.unbear()
	}
	m.birth.Wait()
	var err error
	if m.raft != nil {
		err = m.raft.Close()
	}
	m.cancel()
	m.mu.Lock()
	servers := m.mu.servers
	m.mu.Unlock()
	for _, s := range servers {
		s.Stop()
	}
	if m.transport != nil {
		m.transport.close()
	}
	m.wg.Wait()
	m.meetings.close()
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
	if err := m.hasRoom(); err != nil {
		return nil, err
	}
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
	if role.Leader == m.identity.ID && !role.Leading {
		return "" // not yet
	}
	for _, member := range m.raft.Members() {
		if role.Leader == member.ID {
			return m.clientAddress(member)
		}
	}
	return ""
}

// head is the header of a command that makes nothing which somebody would own, with the caller's operation id, if any.
// [Master.headOf] is for the others.
func (m *Master) head(o *pb.FileSystemMasterCommonPOptions) metastore.Header {
	h := metastore.Header{Time: m.now().UnixMilli(), User: m.options.User, Group: m.options.User}
	if id := o.GetOperationId(); id != nil {
		putInt64(h.OpID[:8], id.GetMostSignificantBits())
		putInt64(h.OpID[8:], id.GetLeastSignificantBits())
	}
	return h
}

// headOf is the header of a command for the caller with the context ctx, who owns what it makes, with his own group.
func (m *Master) headOf(ctx context.Context, o *pb.FileSystemMasterCommonPOptions) metastore.Header {
	h := m.head(o)
	if id, ok := auth.Of(ctx); ok {
		h.User, h.Group = id.User, id.User
		if groups := m.options.Auth.Groups.Of(id.User); len(groups) > 0 {
			h.Group = groups[0]
		}
	}
	return h
}
