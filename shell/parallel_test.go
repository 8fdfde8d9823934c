package shell

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// numbers yields 0 … n-1 and then err, if there is one.
func numbers(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestInParallelKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		var got []int
		start := time.Now()
		err := inParallel(t.Context(), numbers(100, nil), func(_ context.Context, i int) error {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Duration(100-i) * time.Millisecond) // later ones are done sooner
			now.Add(-1)
			return nil
		}, func(i int, err error) error {
			got = append(got, i)
			return err
		})
		if err != nil || !slices.IsSorted(got) || len(got) != 100 {
			t.Errorf("%v, %v", got, err)
		}
		if most.Load() != parallel {
			t.Errorf("%d at a time, want %d", most.Load(), parallel)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v of 5 s of work", took)
		}
	})
}

// A listing that fails lets what was begun come to its end.
func TestInParallelItemsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		var done int
		err := inParallel(t.Context(), numbers(3, broken), func(ctx context.Context, i int) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}, func(i int, err error) error {
			done++
			return err
		})
		if err != broken || done != 3 {
			t.Errorf("%v after %d, want %v after 3", err, done, broken)
		}
	})
}

// done ends it all: what runs is cancelled, and nothing is left behind (synctest would say so).
func TestInParallelDoneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		var begun atomic.Int64
		err := inParallel(t.Context(), numbers(1000, nil), func(ctx context.Context, i int) error {
			begun.Add(1)
			if i == 0 {
				return enough
			}
			<-ctx.Done()
			return ctx.Err()
		}, func(i int, err error) error { return err })
		if err != enough || begun.Load() > 4*parallel {
			t.Errorf("%v after %d", err, begun.Load())
		}
	})
}

func TestInParallelInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := inParallel(ctx, numbers(1000, nil), func(ctx context.Context, i int) error {
			<-ctx.Done()
			return nil // as if it had made it after all
		}, func(i int, err error) error { return err })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want that time is over", err)
		}
	})
}
