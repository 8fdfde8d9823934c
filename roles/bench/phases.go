package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"goosefs/client"
)

// operation is one call of a client: the n-th of client c. more is false when the client has nothing left to do.
// names is how many names it told, beside what it did.
type operation func(ctx context.Context, f *client.FS, c int, n int64) (names int64, more bool, err error)

// meter measures what a phase costs.
type meter struct {
	r       *run
	began   time.Time
	masters time.Duration
	own     time.Duration
}

func (r *run) startMeter() *meter {
	m := &meter{r: r, began: time.Now(), own: ownBusy()}
	if r.masters != nil {
		m.masters = r.masters.busy()
	}
	return m
}

func (m *meter) stop(operation string, clients int, took *histogram) Phase {
	seconds := time.Since(m.began).Seconds()
	p := Phase{
		Operation: operation, Clients: clients, Operations: took.total, Seconds: seconds, PerSecond: float64(took.total) / seconds,
		P50: ms(took.quantile(0.50)), P99: ms(took.quantile(0.99)), Max: ms(took.max),
		ClientBusySeconds: (ownBusy() - m.own).Seconds(),
	}
	if m.r.masters != nil {
		p.MasterBusySeconds = (m.r.masters.busy() - m.masters).Seconds()
	}
	return p
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measure lets every client do op again and again, for the time of a phase. Failures are counted, and the first is told.
func (r *run) measure(ctx context.Context, name string, clients []*client.FS, op operation) Phase {
	return r.measureFor(ctx, r.options.Duration, name, clients, op)
}

// measureFor is measure for another time.
func (r *run) measureFor(ctx context.Context, long time.Duration, name string, clients []*client.FS, op operation) Phase {
	var done, names, failures atomic.Int64
	var total struct {
		sync.Mutex
		histogram
		failure error
	}
	stop := r.progress.watch(fmt.Sprintf("%s, %d clients", name, len(clients)), &done, 0)
	defer stop()
	meter := r.startMeter()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := meter.began.Add(long)
	var wg sync.WaitGroup
	for c, f := range clients {
		wg.Go(func() {
			var took histogram
			var failure error
			for n := int64(0); ctx.Err() == nil; n++ {
				began := time.Now()
				if began.After(end) {
					break
				}
				told, more, err := op(ctx, f, c, n)
				if !more {
					break
				}
				if err != nil {
					failures.Add(1)
					failure = err
					continue
				}
				took.add(time.Since(began))
				done.Add(1)
				names.Add(told)
			}
			total.Lock()
			defer total.Unlock()
			total.merge(&took)
			if total.failure == nil {
				total.failure = failure
			}
		})
	}
	wg.Wait()
	p := meter.stop(name, len(clients), &total.histogram)
	p.Names, p.Failures = names.Load(), failures.Load()
	if total.failure != nil {
		p.Failure = total.failure.Error()
	}
	return p
}

// phases measures every operation with so many clients. Files that it makes are its own, in work; others are those of l,
// total of them.
func (r *run) phases(ctx context.Context, n int, l layout, total int64, work string) ([]Phase, error) {
	clients, closeAll, err := r.connect(n, r.options.Connections)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	made := make([]int64, n) // by client; each is written by its client alone
	moved := make([]int64, n)
	file := func(c int, i int64) string {
		return fmt.Sprintf("%s/c%03d/d%04d/part-%06d.bin", work, c, i/filesPerWorkDirectory, i)
	}
	const renamed = ".moved"
	existing := func(c int, i int64) string { return l.at(rand.Int64N(total)) }

	steps := []struct {
		name string
		op   operation
	}{
		{"create", func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			_, err := f.Create(ctx, file(c, i), client.CreateOptions{Recursive: true})
			made[c] = i + 1
			return 0, true, err
		}},
		{"complete", func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			if i >= made[c] {
				return 0, false, nil
			}
			return 0, true, f.Complete(ctx, file(c, i), 0)
		}},
		{"stat", func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			_, err := f.Stat(ctx, existing(c, i), client.StatOptions{})
			return 1, true, err
		}},
		{fmt.Sprintf("batch of %d", r.options.Batch), func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			paths := make([]string, r.options.Batch)
			for j := range paths {
				paths[j] = existing(c, i)
			}
			infos, failed, err := f.StatBatch(ctx, paths, client.StatOptions{})
			if err == nil && len(failed) > 0 {
				err = fmt.Errorf("stat of %d paths: %d failed, %s the first", len(paths), len(failed), failed[0])
			}
			return int64(len(infos)), true, err
		}},
		{"list", func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			var entries int64
			for _, err := range f.List(ctx, l.dir(rand.Int64N((total+l.per-1)/l.per)), client.StatOptions{}) {
				if err != nil {
					return entries, true, err
				}
				entries++
			}
			return entries, true, nil
		}},
		{"rename", func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			if i >= made[c] {
				return 0, false, nil
			}
			moved[c] = i + 1
			return 0, true, f.Rename(ctx, file(c, i), file(c, i)+renamed)
		}},
		{"delete", func(ctx context.Context, f *client.FS, c int, i int64) (int64, bool, error) {
			if i >= moved[c] {
				return 0, false, nil
			}
			return 0, true, f.Remove(ctx, file(c, i)+renamed, client.RemoveOptions{CacheOnly: true})
		}},
	}
	var phases []Phase
	for _, s := range steps {
		if !r.wants(s.name) {
			continue
		}
		phases = append(phases, r.measure(ctx, s.name, clients, s.op))
		if ctx.Err() != nil {
			return phases, context.Cause(ctx)
		}
	}
	return phases, r.remove(ctx, clients[0], work)
}

// filesPerWorkDirectory is how many files a client makes in one directory before it makes the next.
const filesPerWorkDirectory = 1000
