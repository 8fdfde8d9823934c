package sim

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"
)

// world is one run.
type world struct {
	plan    plan
	verbose bool // note what masters log
	began   time.Time
	network *network
	members []*member
	oracle  *oracle
	history *history
	numbers atomic.Uint64 // of operations
	persons atomic.Int64  // who were clients
	mu      struct {
		sync.Mutex
		faults     map[faultKind]int // that happened
		complaints []string
		events     strings.Builder
		replyLoss  float64
	}
}

// verdict is what came of a run.
type verdict struct {
	Seed       uint64
	Acked      int // changes that were acknowledged
	Reads      int
	Refused    int
	Unknown    int // outcomes that clients do not know; the oracle knows them all
	Commands   int // applied, among them repetitions
	Repeated   int
	Faults     map[faultKind]int
	Complaints []string
	Digest     string // of the history: two runs of a seed that went the same way have the same
	Seconds    float64
}

func newWorld(p plan, dir string, verbose bool) *world {
	w := &world{plan: p, verbose: verbose, began: time.Now(), history: &history{}}
	w.oracle = &oracle{world: w}
	w.network = newNetwork(w)
	w.mu.faults = make(map[faultKind]int)
	w.mu.replyLoss = 0.03
	for id := range uint64(3) {
		w.members = append(w.members, newMember(w, id+1, filepath.Join(dir, fmt.Sprint("master", id+1))))
	}
	w.persons.Store(int64(p.clients))
	return w
}

// run is the whole of it, in the time of a bubble.
func (w *world) run() {
	for _, m := range w.members {
		go m.run()
	}
	over := make(chan struct{})
	var clients sync.WaitGroup
	for id := range w.plan.clients {
		clients.Go(func() { newClient(w, id).run(over) })
	}
	var faults sync.WaitGroup
	for _, f := range w.plan.faults {
		faults.Go(func() {
			time.Sleep(f.at)
			w.inflict(f)
		})
	}
	time.Sleep(w.plan.lasts)
	faults.Wait()
	w.recover()
	time.Sleep(calm)
	close(over)
	clients.Wait()
	w.conclude()
	for _, m := range w.members {
		select {
		case m.quit <- true:
		case <-m.gone:
		}
		<-m.gone
	}
	w.network.flying.Wait()
}

// calm is how long clients go on when nothing is wrong any more.
const calm = 5 * time.Second

// recover ends all faults: from here on nothing is wrong.
func (w *world) recover() {
	w.note("all faults end")
	w.network.heal()
	w.mu.Lock()
	w.mu.replyLoss = 0
	w.mu.Unlock()
	for _, m := range w.members {
		m.set(func() { m.mu.slow, m.mu.free, m.mu.down, m.mu.dull = time.Millisecond, plenty, 0, 1 })
		if l := m.alive(); l != nil {
			l.disk.arm("", 0)
			l.disk.fail(0, false)
			l.disk.failFlush(0)
		}
	}
}

// conclude compares the masters with each other, and asks them all what there is.
func (w *world) conclude() {
	const limit = time.Minute
	deadline := time.Now().Add(limit)
	for !w.agreed() {
		if time.Now().After(deadline) {
			w.violate("masters do not agree %s after the last fault", limit)
			for _, m := range w.members {
				if l := m.alive(); l != nil {
					w.note("master %d: %+v, ended: %v", m.id, l.log.Status(), l.log.Err())
				}
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.history.settle()
	reader := newClient(w, w.newcomer())
	for _, m := range w.members {
		for _, p := range everything() {
			if reader.do(op{kind: list, number: w.number(), path: p, anywhere: true, at: m.id, only: true}) != acknowledged {
				w.violate("master %d does not answer after the last fault", m.id)
				return
			}
		}
	}
	first := w.members[0].alive()
	for _, m := range w.members {
		l := m.alive()
		if err := l.store.Check(); err != nil {
			w.violate("the store of master %d: %v", m.id, err)
		}
		if first.store.Hash() != l.store.Hash() {
			w.violate("masters 1 and %d have different states: %x %x", m.id, first.store.Hash(), l.store.Hash())
		}
	}
}

// agreed says whether all masters live, follow the same leader, and have applied everything.
func (w *world) agreed() bool {
	var last, leader uint64
	for _, m := range w.members {
		l := m.alive()
		if l == nil {
			return false
		}
		ctx, cancel := context.WithTimeout(l.ctx, time.Second)
		err := l.log.ReadIndex(ctx)
		cancel()
		role, _ := l.log.Watch()
		if err != nil || role.Leader == 0 || leader != 0 && role.Leader != leader || last != 0 && l.store.LastApplied() != last {
			return false
		}
		last, leader = l.store.LastApplied(), role.Leader
	}
	synctest.Wait()
	for _, m := range w.members {
		if l := m.alive(); l == nil || l.store.LastApplied() != last {
			return false
		}
	}
	return true
}

// everything are all paths that clients know.
func everything() (paths []string) {
	for _, a := range []string{"/a", "/b", "/c"} {
		paths = append(paths, a)
		for _, x := range []string{"/x", "/y", "/z"} {
			paths = append(paths, a+x, a+x+"/x", a+x+"/y", a+x+"/z")
		}
	}
	return paths
}

func (w *world) member(id uint64) *member { return w.members[id-1] }

func (w *world) number() uint64 { return w.numbers.Add(1) }

// newcomer is the id of a client that was not there before.
func (w *world) newcomer() int { return int(w.persons.Add(1)) }

func (w *world) replyLoss() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.replyLoss
}

// injected counts a fault that happened.
func (w *world) injected(kind faultKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.faults[kind]++
}

// note writes down what happens, for people.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.mu.events, "%7.3fs  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// violate notes that a promise was broken.
func (w *world) violate(format string, args ...any) {
	w.note("VIOLATION "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.complaints = append(w.mu.complaints, fmt.Sprintf(format, args...))
}

// logger notes what a master logs.
func (w *world) logger(id uint64) *slog.Logger {
	return slog.New(slog.NewTextHandler(notes{w, id}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// notes is the log of a master.
type notes struct {
	world *world
	id    uint64
}

func (n notes) Write(line []byte) (int, error) {
	_, text, _ := strings.Cut(string(line), "level=")
	n.world.note("  master %d: %s", n.id, strings.TrimSpace(text))
	return len(line), nil
}
