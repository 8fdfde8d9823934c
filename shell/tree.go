package shell

import (
	"context"
	"iter"
	"sync"

	"goosefs/client"

	"golang.org/x/sync/errgroup"
)

// parallel is how many files, or directories, a command works on at a time.
const parallel = 8

// tree yields what is below a directory, in a fixed order: its children by name, then what is below each of them. A
// directory that goes away meanwhile is passed over. The sequence ends after the first error.
func tree(ctx context.Context, c cluster, dir string, o client.StatOptions) iter.Seq2[client.Info, error] {
	return func(yield func(client.Info, error) bool) { walk(ctx, c, dir, o, true, yield) }
}

// walk says whether to go on. It never keeps a listing open while it lists another one.
func walk(ctx context.Context, c cluster, dir string, o client.StatOptions, top bool, yield func(client.Info, error) bool) bool {
	var below []string
	for info, err := range c.List(ctx, dir, o) {
		if isNotExist(err) && !top {
			return true
		}
		if !yield(info, err) || err != nil {
			return false
		}
		if info.Dir {
			below = append(below, info.Path)
		}
	}
	for _, dir := range below {
		if !walk(ctx, c, dir, o, false, yield) {
			return false
		}
	}
	return true
}

// visit calls do with all that is below a directory, many directories at a time, in no order. do is called by one
// goroutine at a time. A file visits itself.
func visit(ctx context.Context, c cluster, dir string, o client.StatOptions, do func(client.Info)) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	var list func(dir string, top bool) error
	list = func(dir string, top bool) error {
		var below []string
		for info, err := range c.List(ctx, dir, o) {
			if isNotExist(err) && !top {
				return nil
			}
			if err != nil {
				return err
			}
			if info.Dir {
				below = append(below, info.Path)
			}
			mu.Lock()
			do(info)
			mu.Unlock()
		}
		for _, dir := range below {
			if group.TryGo(func() error { return list(dir, false) }) {
				continue
			}
			if err := list(dir, false); err != nil {
				return err
			}
		}
		return nil
	}
	group.Go(func() error { return list(dir, true) })
	return group.Wait()
}

// inParallel calls do for each item, several at a time, and done with the results, in the order of the items and on
// the caller's goroutine. It ends early when done returns an error, which cancels what runs, when the items do, and when
// ctx ends. It never leaves a goroutine behind.
func inParallel[T any](ctx context.Context, items iter.Seq2[T, error], do func(context.Context, T) error, done func(T, error) error) error {
	return inParallelOf(ctx, parallel, items, do, done)
}

// inParallelOf is inParallel for so many items at a time.
func inParallelOf[T any](ctx context.Context, parallel int, items iter.Seq2[T, error], do func(context.Context, T) error, done func(T, error) error) error {
	type job struct {
		item   T
		result chan error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan job, 4*parallel) // in order; finished ones wait here for a slow one before them
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	var ended error // why there are no more items
	running.Go(func() {
		defer close(jobs)
		for item, err := range items {
			if ended = err; err != nil {
				return
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				ended = ctx.Err()
				return
			}
			j := job{item, make(chan error, 1)}
			running.Go(func() {
				j.result <- do(ctx, item)
				<-slots
			})
			jobs <- j
		}
	})
	var failed error
	for j := range jobs {
		err := <-j.result
		if failed == nil {
			if failed = done(j.item, err); failed != nil {
				cancel()
			}
		}
	}
	running.Wait()
	if failed == nil {
		failed = ended
	}
	return failed
}
