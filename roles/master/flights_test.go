package master

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func spawn(f func()) { go f() }

// However many ask, one look is under way, and one more for those to whom it began too early.
func TestFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		var looks atomic.Int32
		look := func() error {
			looks.Add(1)
			time.Sleep(time.Second)
			return nil
		}
		var all sync.WaitGroup
		ask := func(since time.Time) {
			all.Go(func() {
				if err := f.do(t.Context(), "a", since, spawn, look); err != nil {
					t.Error(err)
				}
			})
		}
		for range 100 {
			ask(time.Time{})
		}
		time.Sleep(500 * time.Millisecond)
		for range 100 {
			ask(time.Now())
		}
		all.Go(func() { f.do(t.Context(), "b", time.Now(), spawn, look) }) // another key goes its own way
		all.Wait()
		if got := looks.Load(); got != 3 {
			t.Errorf("%d looks, want 3", got)
		}
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.mu.running)+len(f.mu.waiting) != 0 {
			t.Error("something is left behind")
		}
	})
}

// Who leaves gets its own error, and the look goes on for the others; its failure is everybody's.
func TestFlightsOutliveTheirCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		failure := errors.New("no")
		look := func() error {
			time.Sleep(time.Second)
			return failure
		}
		stayed := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go func() {
			time.Sleep(2 * time.Microsecond)
			stayed <- f.do(t.Context(), "a", time.Time{}, spawn, look)
		}()
		if err := f.do(ctx, "a", time.Time{}, spawn, look); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("left with %v", err)
		}
		if err := <-stayed; err != failure {
			t.Errorf("stayed for %v", err)
		}
	})
}
