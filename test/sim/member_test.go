package sim

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/raftlog"
)

// member is one of the three masters, and the machine it runs on.
type member struct {
	id    uint64
	dir   string
	world *world
	quit  chan bool     // ask the present life to end: true for good
	gone  chan struct{} // closed when the last one has ended
	mu    struct {
		sync.Mutex
		life    *life         // nil: the machine is down
		down    time.Duration // how long the machine will be down when it stops
		slow    time.Duration // what a write takes, on average
		free    int64         // bytes on the disk
		resume  chan struct{} // while the process is stopped: closed when it is continued
		skew    time.Duration // of the wall clock
		dull    int           // of so many ticks one counts
		ticks   int
		rot     *float64 // where in the journal a bit will change, when the machine is down
		nwrites uint64
	}
}

// life is a master from its start to its end.
type life struct {
	*member
	ctx   context.Context // ends with it
	end   context.CancelFunc
	disk  *disk
	store *metastore.Store
	log   *raftlog.Log
}

// What a journal's segment takes, what a master wants to be free, and what is.
const (
	segment = 32 << 10
	reserve = 2 * segment
	plenty  = 100 * segment
)

func newMember(w *world, id uint64, dir string) *member {
	m := &member{id: id, dir: dir, world: w, quit: make(chan bool), gone: make(chan struct{})}
	m.mu.skew, m.mu.down = w.plan.skew[id-1], time.Second
	m.mu.slow, m.mu.free, m.mu.dull = time.Millisecond, plenty, 1
	return m
}

// run starts the master again whenever it has ended.
func (m *member) run() {
	defer close(m.gone)
	for last := false; !last; {
		l, err := m.boot()
		if err != nil {
			m.world.violate("master %d does not start: %v", m.id, err)
			return
		}
		graceful := false
		select {
		case <-l.disk.stopped:
		case <-l.log.Failed():
			m.explain(l, l.log.Err())
		case <-l.store.Failed():
			m.explain(l, l.store.Err())
		case last = <-m.quit:
			graceful = true
		}
		m.appear(nil)
		if !graceful {
			l.disk.stop()
		}
		l.close(graceful)
		if !last {
			last = m.wait()
		}
	}
}

// explain complains of a master that ended by itself without a reason.
func (m *member) explain(l *life, err error) {
	l.disk.mu.Lock()
	known := l.disk.hasStopped() || l.disk.mu.broken || l.disk.mu.flush != 0
	l.disk.mu.Unlock()
	m.world.note("master %d ended: %v", m.id, err)
	if !known {
		m.world.violate("master %d ended by itself: %v", m.id, err)
	}
}

// wait is the time the machine is down.
func (m *member) wait() (last bool) {
	m.mu.Lock()
	down := m.mu.down
	m.mu.Unlock()
	select {
	case <-time.After(down):
		return false
	case last = <-m.quit:
		return last
	}
}

// boot starts the master. A journal in which a bit has changed is refused, and put right again.
func (m *member) boot() (*life, error) {
	m.mu.Lock()
	amount := m.mu.rot
	m.mu.rot = nil
	m.mu.Unlock()
	if amount == nil {
		return m.open()
	}
	changed, err := m.rots(*amount)
	if errors.Is(err, os.ErrNotExist) {
		return m.open()
	}
	if err != nil {
		return nil, err
	}
	m.world.injected(bitRot)
	l, err := m.open()
	if err == nil {
		m.world.note("%s changed, master %d starts all the same", changed, m.id)
		return l, nil
	}
	m.world.note("%s changed: %v", changed, err)
	if err := changed.flip(); err != nil {
		return nil, err
	}
	return m.open()
}

func (m *member) open() (*life, error) {
	w, disk := m.world, newDisk(m)
	l := &life{member: m, disk: disk}
	l.ctx, l.end = context.WithCancel(context.Background())
	o := metastore.Options{FlushInterval: w.plan.flush, FlushChanges: w.plan.changes}
	o.Inject(metastore.Faults{Commit: disk.commit})
	var err error
	if l.store, err = metastore.Open(filepath.Join(m.dir, "metadata"), o); err != nil {
		l.end()
		return nil, err
	}
	cfg := raftlog.Config{
		ClusterID: 7, ID: m.id, Dir: filepath.Join(m.dir, "journal"),
		StateMachine: stateMachine{l.store, w.oracle, m.id}, Transport: &end{w.network, l},
		Tick:            time.Duration(w.plan.clocks[m.id-1] * float64(100*time.Millisecond)),
		SnapshotEntries: w.plan.snapshot, CatchUpEntries: w.plan.catchUp, ReserveBytes: reserve,
	}
	for id := range uint64(3) {
		cfg.Members = append(cfg.Members, raftlog.Member{ID: id + 1})
	}
	if w.verbose {
		cfg.Log = w.logger(m.id)
	}
	cfg.Inject(raftlog.Faults{Write: disk.write, At: disk.crash, Tick: l.tick, Free: m.free})
	if l.log, err = raftlog.Open(cfg); err != nil {
		l.end()
		return nil, errors.Join(err, l.store.Close())
	}
	m.appear(l)
	w.note("master %d starts: %d entries applied", m.id, l.store.LastApplied())
	return l, nil
}

// appear makes a life the one that others see; nil: the machine is down.
func (m *member) appear(l *life) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.life = l
}

// alive is the present life, unless its machine has stopped.
func (m *member) alive() *life {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.life == nil || m.mu.life.disk.hasStopped() {
		return nil
	}
	return m.mu.life
}

// close ends the life. The errors of one that ends because its machine stopped say nothing.
func (l *life) close(graceful bool) {
	l.end()
	err := l.log.Close()
	err = errors.Join(err, l.store.Close())
	l.disk.mu.Lock()
	known := l.disk.hasStopped() || l.disk.mu.broken || l.disk.mu.flush != 0
	l.disk.mu.Unlock()
	if err != nil && graceful && !known {
		l.world.violate("closing master %d: %v", l.id, err)
	}
}

// tick is raftlog's Faults.Tick: a process that is stopped stands still, and a machine that has stopped ends.
func (l *life) tick() (counts bool, err error) {
	l.stand()
	if l.disk.hasStopped() {
		return false, errStopped
	}
	l.member.mu.Lock()
	defer l.member.mu.Unlock()
	l.member.mu.ticks++
	return l.member.mu.ticks%l.member.mu.dull == 0, nil
}

// stand waits while the process is stopped.
func (l *life) stand() {
	for {
		l.member.mu.Lock()
		resume := l.member.mu.resume
		l.member.mu.Unlock()
		if resume == nil {
			return
		}
		select {
		case <-resume:
		case <-l.disk.stopped:
			return
		}
	}
}

// now is the wall clock.
func (m *member) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.mu.skew)
}

// free is raftlog's Faults.Free.
func (m *member) free() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.free
}

// latency is what the next write takes. Some take twice as long as others, in an order that is always the same.
func (m *member) latency() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.nwrites++
	return m.mu.slow/2 + m.mu.slow*time.Duration(m.mu.nwrites*2654435761%1024)/1024
}

// set changes the machine.
func (m *member) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// errUnreachable: nothing was asked of the master.
var errUnreachable = syscall.ECONNREFUSED

// do has the master do an operation, as roles/master does: it leads, a quorum says so, and what it changes goes through
// the log. maybe says that a change may have happened, or may happen yet, if err is not nil.
func (l *life) do(ctx context.Context, o op) (a answer, maybe bool, err error) {
	if role, _ := l.log.Watch(); !role.Leading && !o.anywhere {
		return a, false, raftlog.ErrNotLeader
	}
	if err := l.log.ReadIndex(ctx); err != nil {
		return a, false, err
	}
	if o.kind.reads() {
		a = l.look(o)
	} else {
		var result any
		if result, err = l.log.Propose(ctx, o.command(l.now().UnixMilli())); err == nil {
			a = answerOf(result)
		}
		maybe = !errors.Is(err, raftlog.ErrNotLeader) && !errors.Is(err, raftlog.ErrBusy) && !errors.Is(err, raftlog.ErrClosed) && !errors.Is(err, raftlog.ErrFull)
	}
	l.stand()
	if l.disk.hasStopped() {
		err = errors.Join(err, errStopped) // nobody heard of it
	}
	return a, maybe, err
}

// look is what the store says.
func (l *life) look(o op) answer {
	r, err := l.store.Listing(o.path)
	switch {
	case err != nil:
		return answer{errno: errnoOf(err)}
	case r.Inode == nil:
		return answer{errno: syscall.ENOENT}
	case o.kind == stat || !r.Inode.Dir:
		return answer{text: describe(*r.Inode)}
	}
	return answer{text: listing(r.Children)}
}

func listing(children []metastore.Inode) string {
	var lines []string
	for _, n := range children {
		lines = append(lines, line(n.Name, describe(n)))
	}
	return strings.Join(lines, ", ")
}
