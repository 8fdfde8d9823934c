package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/client"

	"golang.org/x/sync/errgroup"
)

const (
	// fillers create at the same time, each in a directory of its own, over fillConnections connections.
	fillers         = 256
	fillConnections = 8
)

// layout is where files lie: file i of directory d is layout.file(d, i).
type layout struct {
	root string
	per  int64 // files in a directory
}

func (l layout) dir(d int64) string     { return fmt.Sprintf("%s/d%06d", l.root, d) }
func (l layout) file(d, i int64) string { return fmt.Sprintf("%s/d%06d/part-%06d.bin", l.root, d, i) }

// at is the path of file number n of all.
func (l layout) at(n int64) string { return l.file(n/l.per, n%l.per) }

// fill makes the files 0 to total of the layout. Those that are there already are left alone. created is how many were
// not.
func (r *run) fill(ctx context.Context, l layout, total int64, what string) (phase Phase, created int64, err error) {
	clients, closeAll, err := r.connect(fillConnections, 0)
	if err != nil {
		return phase, 0, err
	}
	defer closeAll()
	var done, skipped atomic.Int64
	var latencies struct {
		sync.Mutex
		histogram
	}
	stop := r.progress.watch(what, &done, total)
	defer stop()
	meter := r.startMeter()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fillers)
	for d := range (total + l.per - 1) / l.per {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			n := min(l.per, total-d*l.per)
			var own histogram
			known, err := fillDirectory(ctx, clients[d%fillConnections], l, d, n, &done, &own)
			skipped.Add(known)
			latencies.Lock()
			defer latencies.Unlock()
			latencies.merge(&own)
			return err
		})
	}
	err = group.Wait()
	phase = meter.stop("create+complete", fillers, &latencies.histogram)
	return phase, done.Load() - skipped.Load(), err
}

// fillDirectory makes the files 0 to n of directory d. known is how many there were.
func fillDirectory(ctx context.Context, f *client.FS, l layout, d, n int64, done *atomic.Int64, took *histogram) (known int64, err error) {
	at, err := f.Stat(ctx, l.dir(d), client.StatOptions{})
	switch {
	case err == nil:
		known = min(n, at.Length) // of a directory: its children, which were made in order
	case !errors.Is(err, syscall.ENOENT):
		return 0, err
	}
	done.Add(known)
	if known == n {
		return known, nil
	}
	// The last one may have been left incomplete.
	for i := max(0, known-1); i < n; i++ {
		began := time.Now()
		p, again := l.file(d, i), i < known
		if _, err := f.Create(ctx, p, client.CreateOptions{Recursive: true}); err != nil && !(again && errors.Is(err, syscall.EEXIST)) {
			return known, err
		}
		if err := f.Complete(ctx, p, 0); err != nil && !(again && errors.Is(err, syscall.EBUSY)) {
			return known, err
		}
		took.add(time.Since(began))
		if !again {
			done.Add(1)
		}
	}
	return known, nil
}

// fillWide makes one directory with n files.
func (r *run) fillWide(ctx context.Context, dir string, n int64) error {
	f, err := r.open()
	if err != nil {
		return err
	}
	defer f.Close()
	at, err := f.Stat(ctx, dir, client.StatOptions{})
	if err == nil && at.Length == n {
		return nil
	}
	if err == nil {
		if err := f.Remove(ctx, dir, client.RemoveOptions{Recursive: true, CacheOnly: true}); err != nil {
			return err
		}
	}
	var done atomic.Int64
	stop := r.progress.watch("wide directory", &done, n)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for c := range int64(fillers) {
		group.Go(func() error {
			for i := c; i < n; i += fillers {
				p := fmt.Sprintf("%s/part-%06d.bin", dir, i)
				if _, err := f.Create(ctx, p, client.CreateOptions{Recursive: true}); err != nil {
					return err
				}
				if err := f.Complete(ctx, p, 0); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	return group.Wait()
}
