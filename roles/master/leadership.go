package master

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"goosefs/metastore"
	"goosefs/raftlog"
	"goosefs/wire"
)

// leadership is the time during which this master leads, if it does.
type leadership struct {
	mu struct {
		sync.Mutex
		term *term // nil: this master does not lead
	}
}

// term is one leadership.
type term struct {
	ctx    context.Context // ends with it
	end    context.CancelFunc
	reap   chan struct{} // a token: there is something to reap
	serves bool          // the root is mounted; guarded by the lock of leadership
}

// leads gives the leadership, once its master can answer for the namespace; until then, and if this master does not
// lead, an error that sends callers elsewhere.
func (m *Master) leads() (*term, error) {
	m.leadership.mu.Lock()
	t := m.leadership.mu.term
	ready := t != nil && t.serves
	m.leadership.mu.Unlock()
	switch {
	case t == nil:
		return nil, wire.NotLeader(m.leaderAddress())
	case !ready:
		return nil, wire.SafeMode()
	}
	return t, nil
}

// linearize returns when what the store says is the newest that anybody was told. It refuses on a master that does
// not lead, and ends when leadership does.
func (m *Master) linearize(ctx context.Context) error {
	t, err := m.leads()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	err = m.raft.ReadIndex(ctx)
	if err != nil && t.ctx.Err() != nil {
		return wire.NotLeader(m.leaderAddress())
	}
	return m.notLeading(err)
}

// surely is asked before an under file system is changed for an operation, which the log cannot undo: it returns true
// if this master leads, knows all that anybody was told, and the operation was not applied before. What was resolved
// until then must be resolved again.
//
// Changes of the namespace alone need no such question: a master that leads no more cannot append them.
func (m *Master) surely(ctx context.Context, id metastore.OpID) (bool, error) {
	if err := m.linearize(ctx); err != nil {
		return false, err
	}
	return !m.operations.applied(id, m.now()), nil
}

// watchLeadership begins and ends leaderships.
func (m *Master) watchLeadership() {
	var known raftlog.Role
	for {
		role, changed := m.raft.Watch()
		if role.Ended || m.ctx.Err() != nil {
			m.resign()
			return
		}
		if role.Leading != known.Leading || role.Leading && role.Term != known.Term {
			m.resign()
			if role.Leading {
				m.log.Info("leading", "term", role.Term)
				t := m.accede()
				m.wg.Go(func() { m.govern(t) })
			} else {
				m.log.Info("not leading", "term", role.Term, "leader", m.leaderAddress())
			}
			known = role
		}
		select {
		case <-changed:
		case <-m.ctx.Done():
		}
	}
}

func (m *Master) accede() *term {
	t := &term{reap: make(chan struct{}, 1)}
	t.ctx, t.end = context.WithCancel(m.ctx)
	m.leadership.mu.Lock()
	defer m.leadership.mu.Unlock()
	m.leadership.mu.term = t
	return t
}

// reigns is the leadership, whether its master can answer for the namespace yet or not; nil if it does not lead.
func (m *Master) reigns() *term {
	m.leadership.mu.Lock()
	defer m.leadership.mu.Unlock()
	return m.leadership.mu.term
}

// resign ends what only a leader may do.
func (m *Master) resign() {
	m.leadership.mu.Lock()
	t := m.leadership.mu.term
	m.leadership.mu.term = nil
	m.leadership.mu.Unlock()
	if t != nil {
		t.end()
	}
	m.hub.reset()
}

// govern does what falls to a leader: the root mount of a new cluster, then what the leader before left undone, then
// the removal of large trees, piece by piece.
func (m *Master) govern(t *term) {
	m.wg.Go(func() { m.tend(t) })
	if m.options.BackUpDaily {
		m.wg.Go(func() { m.backUpDaily(t) })
	}
	if !m.waitUntilSettled(t.ctx) {
		return
	}
	for {
		err := m.mountRoot(t.ctx)
		if err == nil {
			break
		}
		if t.ctx.Err() == nil {
			m.log.Warn("cannot mount the root", "ufs", m.options.RootUFS, "err", err)
		}
		if !pause(t.ctx, time.Second) {
			return
		}
	}
	m.leadership.mu.Lock()
	t.serves = true
	m.leadership.mu.Unlock()
	// What was removed by a leader before may still be cached: perhaps it had no time to give the order.
	for session, files := range m.registry.holdings() {
		m.dropOrphans(t.ctx, session, files)
	}
	m.wg.Go(func() { m.persister.run(t) })
	m.wg.Go(func() { m.collectAbandoned(t) })
	m.wg.Go(func() { m.sweepLeftovers(t) })
	m.wg.Go(func() { (&fileService{Master: m}).expireFiles(t) })
	m.reap(t)
}

// reap finishes the removal of large trees, piece by piece.
func (m *Master) reap(t *term) {
	t.wakeReaper()
	for {
		select {
		case <-t.reap:
		case <-t.ctx.Done():
			return
		}
		// While there is more, its result wakes the reaper again.
		if _, err := m.propose(t.ctx, metastore.Reap{Header: m.head(nil)}); err != nil {
			if !pause(t.ctx, time.Second) {
				return
			}
			t.wakeReaper()
		}
	}
}

func (t *term) wakeReaper() {
	select {
	case t.reap <- struct{}{}:
	default:
	}
}

// pause returns after d, or false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *Master) mountRoot(ctx context.Context) error {
	if m.rootMounted() {
		return nil
	}
	// A local root is made if it is not there: containers start with nothing.
	if dir, ok := LocalFolder(m.options.RootUFS); ok {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	mount := metastore.AddMount{
		Header: m.head(nil), Path: "/", UFS: m.options.RootUFS,
		ReadOnly: m.options.RootReadOnly, Shared: m.options.RootShared, Options: m.options.RootOptions,
	}
	src := m.sources.new(metastore.Mount{Path: "/", UFS: mount.UFS, Options: mount.Options})
	defer src.close()
	if err := src.connect(); err != nil {
		return err
	}
	mount.ReadOnly = mount.ReadOnly || readOnlyKind(src.kind)
	_, err := m.propose(ctx, mount)
	return err
}

// LocalFolder is the folder of this host that uri names, if it does.
func LocalFolder(uri string) (dir string, ok bool) {
	for _, scheme := range []string{"file://", "local://"} {
		uri = strings.TrimPrefix(uri, scheme)
	}
	return uri, strings.HasPrefix(uri, "/")
}

// watchWorkers declares silent workers lost.
func (m *Master) watchWorkers() {
	tick := time.NewTicker(m.options.LostCheck)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, host := range m.registry.expire(now) {
				m.log.Warn("worker lost: no report", "worker", host)
			}
		case <-m.ctx.Done():
			return
		}
	}
}
