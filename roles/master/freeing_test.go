package master

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Free tells every worker that lives, whatever it is known to hold, and returns when the last has obeyed and reports the
// last byte gone.
func TestFreeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		c.says(1, true, block(0), 1, block(1), 1)
		c.says(2, true, block(0), 1)
		c.says(3, true, block(0), 1)
		c.leaves(3) // not waited for
		freed := make(chan error, 1)
		go func() { freed <- c.free(t.Context(), "/f", []int64{testFile, 5<<24 | blockMask}) }()
		still := func() {
			t.Helper()
			synctest.Wait()
			select {
			case err := <-freed:
				t.Fatalf("freed too early: %v", err)
			default:
			}
		}
		still()
		if got := c.orders(1); !slices.Equal(got, []string{fmt.Sprint([]int64{testFile, 5<<24 | blockMask})}) {
			t.Errorf("orders %v", got)
		}
		c.says(1, false, block(0), 0)
		still()
		time.Sleep(freeAgain + 1) // an order may have been lost: it is given again
		still()
		if got := c.orders(2); len(got) != 2 {
			t.Errorf("worker 2 has orders %v", got)
		}
		c.says(1, false, block(1), 0)
		still()
		c.leaves(2)
		still() // worker 1 says that it holds nothing, and may not know yet
		c.obeys(1, 1)
		if err := <-freed; err != nil {
			t.Error(err)
		}
	})
}

// A worker that has not said yet that it holds something drops it, too; one that comes meanwhile is told as well.
func TestFreeReachesWhatIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		c.says(1, true)
		freed := make(chan error, 1)
		go func() { freed <- c.free(t.Context(), "/f", []int64{testFile}) }()
		synctest.Wait()
		c.says(2, true, block(0), 1)
		synctest.Wait()
		for id := range int64(2) {
			if got := c.orders(id + 1); len(got) != 1 {
				t.Errorf("worker %d has orders %v", id+1, got)
			}
		}
		c.obeys(1, 1)
		c.obeys(2, 1, block(0), 0)
		if err := <-freed; err != nil {
			t.Error(err)
		}
	})
}

// Orders that do not fit are given when there is room.
func TestFreeWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		c.says(1, true)
		for range sessionOrders {
			c.order([]int64{3})
		}
		freed := make(chan error, 1)
		go func() { freed <- c.free(t.Context(), "/f", []int64{testFile}) }()
		synctest.Wait()
		c.orders(1)
		c.obeys(1, sessionOrders)
		synctest.Wait()
		if got := c.orders(1); !slices.Equal(got, []string{fmt.Sprintf("[%d]", int64(testFile))}) {
			t.Errorf("orders %v", got)
		}
		c.obeys(1, sessionOrders+1)
		if err := <-freed; err != nil {
			t.Error(err)
		}
	})
}

func TestFreeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		c.says(1, true, block(0), 1)
		begun := time.Now()
		err := c.free(t.Context(), "/f", []int64{testFile})
		if !errors.Is(err, syscall.EBUSY) || err.Error() != "1 files of /f are still held by workers" {
			t.Errorf("gives up with %v", err)
		}
		if took := time.Since(begun); took != freePatience {
			t.Errorf("after %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.free(ctx, "/f", []int64{testFile}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller leaves: %v", err)
		}
	})
}
