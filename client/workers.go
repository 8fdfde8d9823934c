package client

import (
	"context"
	"io/fs"
	"slices"
	"sync"
	"time"

	"goosefs/wire"

	"google.golang.org/grpc"
)

const (
	avoidFor    = 5 * time.Second  // how long a worker that could not be reached is asked last
	listFor     = 10 * time.Second // how old the list of workers may be
	workersWait = 20 * time.Second // how long a read waits for any worker
)

// workers keeps a connection to each worker, the list of those that live, and a grudge against those that failed.
type workers struct {
	network wire.Network
	fs      *FS

	mu struct {
		sync.Mutex
		conns  map[string]*grpc.ClientConn // by host:port
		failed map[string]time.Time        // not asked before, if others can be
		live   []Location
		listed time.Time
		closed bool
	}
}

func newWorkers(cfg Config, f *FS) *workers {
	w := &workers{network: cfg.Network, fs: f}
	w.mu.conns = make(map[string]*grpc.ClientConn)
	w.mu.failed = make(map[string]time.Time)
	return w
}

func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.closed = true
	for _, c := range w.mu.conns {
		c.Close()
	}
}

func (w *workers) conn(l Location) (*grpc.ClientConn, error) {
	addr := wire.HostPort(l.Host, l.Port)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return nil, fs.ErrClosed
	}
	if c := w.mu.conns[addr]; c != nil {
		return c, nil
	}
	c, err := wire.Dial(w.network, addr)
	if err == nil {
		w.mu.conns[addr] = c
	}
	return c, err
}

// avoid remembers that the worker at l could not be reached.
func (w *workers) avoid(l Location) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.failed[wire.HostPort(l.Host, l.Port)] = time.Now().Add(avoidFor)
	w.mu.listed = time.Time{}
}

// candidates are the workers to ask for a block, in order: those the master named, then all others that live; those
// that failed lately come last. refresh asks the masters for a new list first.
func (w *workers) candidates(ctx context.Context, named []Location, refresh bool) []Location {
	live := w.list(ctx, refresh || len(named) == 0)
	all := slices.Clone(named)
	for _, l := range live {
		if !slices.ContainsFunc(all, func(have Location) bool { return have.Host == l.Host && have.Port == l.Port }) {
			all = append(all, l)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	bad := func(l Location) bool { return now.Before(w.mu.failed[wire.HostPort(l.Host, l.Port)]) }
	slices.SortStableFunc(all, func(a, b Location) int {
		switch {
		case bad(a) == bad(b):
			return 0
		case bad(a):
			return 1
		}
		return -1
	})
	return all
}

// list gives the live workers, as known; from the masters if that is too old or fresh is asked for.
func (w *workers) list(ctx context.Context, fresh bool) []Location {
	w.mu.Lock()
	live, known := w.mu.live, !w.mu.listed.IsZero() && (!fresh || time.Since(w.mu.listed) < time.Second)
	old := time.Since(w.mu.listed) > listFor
	w.mu.Unlock()
	if known && !old || !fresh && len(live) > 0 {
		return live
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	found, err := w.fs.Workers(ctx)
	if err != nil {
		return live
	}
	live = nil
	for _, worker := range found {
		if worker.Live {
			live = append(live, Location{WorkerID: worker.ID, Host: worker.Host, Port: worker.Port})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.live, w.mu.listed = live, time.Now()
	return live
}
