package raftlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A hundred proposals at once are far fewer writes, on every member.
func TestGroupCommit(t *testing.T) { synctest.Test(t, groupCommit) }

func groupCommit(t *testing.T) {
	var saves [4]atomic.Int64
	c := newCluster(t, 3, func(cfg *Config) {
		id := cfg.ID
		cfg.hooks.save = func(int) error {
			saves[id].Add(1)
			time.Sleep(2 * time.Millisecond) // a disk
			return nil
		}
	})
	defer c.close()
	leader := c.leader()
	for i := range saves {
		saves[i].Store(0)
	}
	var group sync.WaitGroup
	for _, cmd := range numbered("c", 100) {
		group.Go(func() { c.propose(leader, cmd) })
	}
	group.Wait()
	c.eventually("all to have all", func() bool {
		return len(c.lists[1].commands()) == 100 && len(c.lists[2].commands()) == 100 && len(c.lists[3].commands()) == 100
	})
	for id := 1; id <= 3; id++ {
		t.Logf("member %d: %d writes", id, saves[id].Load())
		if n := saves[id].Load(); n == 0 || n > 10 {
			t.Errorf("member %d: %d writes for 100 proposals", id, n)
		}
	}
}

func TestResultsGoToTheirProposers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		got := make([]int, 300)
		var group sync.WaitGroup
		for i := range got {
			group.Go(func() { got[i] = c.propose(leader, fmt.Sprint(i)).(int) })
		}
		group.Wait()
		cmds := c.lists[leader.cfg.ID].commands()
		for i, place := range got {
			if cmds[place-1] != fmt.Sprint(i) {
				t.Fatalf("proposal %d was told place %d, where %q is", i, place, cmds[place-1])
			}
		}
		c.converged(cmds...)
	})
}

func TestTooLargeAndEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, func(cfg *Config) { cfg.MaxCommandBytes = 2 << 20 })
		defer c.close()
		leader := c.leader()
		if _, err := leader.Propose(t.Context(), make([]byte, 2<<20+1)); !errors.Is(err, ErrTooLarge) || !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("got %v", err)
		}
		longest := string(bytes.Repeat([]byte("x"), 2<<20))
		c.propose(leader, longest)
		c.propose(leader, "")
		c.converged(longest, "")
	})
}

// When nothing can be committed and nothing more is taken, proposals fail for certain, and happen never.
func TestTooMuchUncommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		for _, l := range c.lists {
			l.slow(time.Hour) // what is committed is not applied, and leadership stays
		}
		var busy, unknown []string
		for _, name := range numbered("c", maxUncommittedBytes>>22+5) {
			cmd := name + string(make([]byte, 4<<20-entryHeader-len(name)))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			switch _, err := leader.Propose(ctx, []byte(cmd)); {
			case errors.Is(err, ErrBusy):
				busy = append(busy, cmd)
			case errors.Is(err, context.DeadlineExceeded):
				unknown = append(unknown, cmd)
			default:
				t.Errorf("%s: %v", name, err)
			}
			cancel()
		}
		if len(busy) == 0 || len(unknown) == 0 {
			t.Errorf("%d refused, %d on their way", len(busy), len(unknown))
		}
		for _, l := range c.lists {
			l.slow(0)
		}
		time.Sleep(2 * time.Hour)
		c.converged(unknown...)
		c.propose(leader, "again")
	})
}

func TestProposeGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		c.network.isolate(leader.cfg.ID, true)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := leader.Propose(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		leader.waiting.mu.Lock()
		defer leader.waiting.mu.Unlock()
		if n := len(leader.waiting.mu.proposals); n != 0 {
			t.Errorf("%d proposals are remembered", n)
		}
	})
}

// Proposals on their way when the log closes are told that nobody knows.
func TestProposeDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		leader := c.leader()
		c.network.isolate(leader.cfg.ID, true)
		done := make(chan error, 1)
		go func() {
			_, err := leader.Propose(t.Context(), []byte("x"))
			done <- err
		}()
		synctest.Wait()
		leader.stopOnce.Do(func() { close(leader.stop) })
		if err := <-done; !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
		c.close()
	})
}

func TestPartLength(t *testing.T) {
	size := func(n int) *proposal { return &proposal{entry: make([]byte, n)} }
	half := size(maxMessageBytes / 2)
	for _, test := range []struct {
		batch []*proposal
		want  int
	}{
		{[]*proposal{half}, 1},
		{[]*proposal{half, half}, 2},
		{[]*proposal{half, half, half}, 2},
		{[]*proposal{size(3 * maxMessageBytes), half}, 1},
	} {
		if got := partLength(test.batch); got != test.want {
			t.Errorf("of %d: %d, want %d", len(test.batch), got, test.want)
		}
	}
}
