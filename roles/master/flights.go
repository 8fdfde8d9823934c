package master

import (
	"context"
	"sync"
	"time"
)

// flights lets everybody who asks the same at the same time share one answer, as long as it is young enough for them:
// who asks for the present state is not given what was seen before. At most one flight per key is under way and one
// waits, however many ask.
type flights struct {
	mu struct {
		sync.Mutex
		running, waiting map[string]*flight
	}
}

// flight is one question on its way.
type flight struct {
	began time.Time // zero: not yet
	done  chan struct{}
	err   error // once done
}

func newFlights() *flights {
	f := &flights{}
	f.mu.running = make(map[string]*flight)
	f.mu.waiting = make(map[string]*flight)
	return f
}

// do asks, by way of run, or shares the answer of somebody who asks the same and began no earlier than since. spawn
// starts a goroutine. A flight goes on when those who wait for it have left.
func (f *flights) do(ctx context.Context, key string, since time.Time, spawn func(func()), run func() error) error {
	mine := f.join(key, since, spawn, run)
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *flights) join(key string, since time.Time, spawn func(func()), run func() error) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.mu.running[key]
	if now == nil {
		now = &flight{began: time.Now(), done: make(chan struct{})}
		f.mu.running[key] = now
		spawn(func() { f.fly(key, now, run) })
		return now
	}
	if !now.began.Before(since) {
		return now
	}
	next := f.mu.waiting[key]
	if next == nil {
		next = &flight{done: make(chan struct{})}
		f.mu.waiting[key] = next
	}
	return next
}

// fly runs the flight, and then the one that waits behind it.
func (f *flights) fly(key string, now *flight, run func() error) {
	for now != nil {
		now.err = run()
		close(now.done)
		now = f.next(key)
	}
}

// next starts the flight that waits behind the one that ended.
func (f *flights) next(key string) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.mu.waiting[key]
	delete(f.mu.waiting, key)
	if next == nil {
		delete(f.mu.running, key)
		return nil
	}
	next.began = time.Now()
	f.mu.running[key] = next
	return next
}
