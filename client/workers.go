package client

import (
	"context"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"time"

	"goosefs/wire"

	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
)

const linesEach = 2 // connections to one worker

const (
	avoidFor  = 5 * time.Second        // how long a worker that could not be reached is asked last
	listLimit = 5 * time.Second        // how long a read waits for a new list of workers
	noneFor   = 200 * time.Millisecond // how long a list without any worker is believed
)

// workers keeps connections to each worker, the list of those that live, and a grudge against those that failed.
type workers struct {
	cfg     Config
	fs      *FS
	listing singleflight.Group
	buffers mem.BufferPool // of what is received

	mu struct {
		sync.Mutex
		lines  map[string]*lines    // by host:port
		failed map[string]time.Time // not asked before, if others can be
		// sockets are where workers lend descriptors to their own host, by address. It need not be this one.
		sockets map[string]string
		live    []Location
		listed  time.Time // zero: live is not to be trusted
		closed  bool
	}
}

func newWorkers(cfg Config, f *FS) *workers {
	w := &workers{cfg: cfg, fs: f, buffers: new(wire.Buffers)}
	w.mu.lines = make(map[string]*lines)
	w.mu.failed = make(map[string]time.Time)
	w.mu.sockets = make(map[string]string)
	return w
}

func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.closed = true
	for _, l := range w.mu.lines {
		for _, c := range l.conns {
			c.Close()
		}
	}
}

// lines are the connections to one worker, which are used by turns: one alone is served by one goroutine on either side.
type lines struct {
	conns []*grpc.ClientConn
	turn  int
}

func (w *workers) conn(l Location) (*grpc.ClientConn, error) {
	addr := l.address()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return nil, fs.ErrClosed
	}
	to := w.mu.lines[addr]
	if to == nil {
		to = new(lines)
		w.mu.lines[addr] = to
	}
	to.turn = (to.turn + 1) % linesEach
	if to.turn < len(to.conns) {
		return to.conns[to.turn], nil
	}
	c, err := w.cfg.Login.Dial(w.cfg.Network, addr, experimental.WithBufferPool(w.buffers))
	if err == nil {
		to.conns = append(to.conns, c)
	}
	return c, err
}

func (l Location) address() string { return wire.HostPort(l.Host, l.Port) }

// avoid remembers that the worker at l could not be reached.
func (w *workers) avoid(l Location) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.failed[l.address()] = time.Now().Add(avoidFor)
	w.mu.listed = time.Time{}
}

// doubt has the masters asked again for the list of workers.
func (w *workers) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.listed = time.Time{}
}

// bad says that the worker at l could not be reached lately.
func (w *workers) bad(l Location) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	until, failed := w.mu.failed[l.address()]
	if failed && time.Now().After(until) {
		delete(w.mu.failed, l.address())
		failed = false
	}
	return failed
}

// candidates yields the workers to ask for a block, each once: those that the masters named for it, the one on this
// host first if it holds the block; then, if it comes to that, all others that live; last, those that failed lately.
func (w *workers) candidates(ctx context.Context, named []Location) iter.Seq[Location] {
	return func(yield func(Location) bool) {
		asked := make(map[string]bool)
		var later []Location
		next := func(l Location) bool {
			if asked[l.address()] {
				return true
			}
			asked[l.address()] = true
			if w.bad(l) {
				later = append(later, l)
				return true
			}
			return yield(l)
		}
		for _, l := range w.nearest(named) {
			if !next(l) {
				return
			}
		}
		for _, l := range w.list(ctx) {
			if !next(l) {
				return
			}
		}
		for _, l := range later {
			if !yield(l) {
				return
			}
		}
	}
}

// nearest puts the worker on this host first, if it holds bytes of the block.
func (w *workers) nearest(named []Location) []Location {
	here := func(l Location) bool { return l.Cached() && l.Host == w.cfg.Host }
	i := slices.IndexFunc(named, here)
	if i <= 0 {
		return named
	}
	return slices.Concat(named[i:i+1], named[:i], named[i+1:])
}

// here is the worker to ask for a block, if it may be on this host: its address, and the socket where it lends descriptors.
// The masters tell a worker's socket with some blocks only.
func (w *workers) here(named []Location) (address, socket string) {
	if len(named) == 0 {
		return "", ""
	}
	first := w.nearest(named)[0]
	address = first.address()
	w.mu.Lock()
	defer w.mu.Unlock()
	if first.Socket != "" {
		w.mu.sockets[address] = first.Socket
	}
	return address, w.mu.sockets[address]
}

// list gives the live workers, from the masters if what is known is too old. That there is none is never known for long:
// workers come back within a moment of masters that started. If those do not answer, what was known last has to do.
func (w *workers) list(ctx context.Context) []Location {
	w.mu.Lock()
	live, age := w.mu.live, time.Since(w.mu.listed)
	w.mu.Unlock()
	if age < w.cfg.WorkersFor && (len(live) > 0 || age < noneFor) {
		return live
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	flight := w.listing.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(w.fs.ctx, listLimit)
		defer cancel()
		return w.ask(ctx), nil
	})
	select {
	case r := <-flight:
		return r.Val.([]Location)
	case <-ctx.Done():
		return live
	}
}

// ask asks the masters for the live workers.
func (w *workers) ask(ctx context.Context) []Location {
	found, err := w.fs.Workers(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return w.mu.live
	}
	w.mu.live, w.mu.listed = nil, time.Now()
	for _, worker := range found {
		if worker.Live {
			w.mu.live = append(w.mu.live, Location{WorkerID: worker.ID, Host: worker.Host, Port: worker.Port})
		}
	}
	return w.mu.live
}
