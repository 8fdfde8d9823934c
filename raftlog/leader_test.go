package raftlog

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/tracker"
)

func TestLeaderKilledNothingAckedIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		var acked []string
		for round := range 3 {
			leader := c.leader()
			for _, cmd := range numbered(string(rune('a'+round)), 10) {
				c.propose(leader, cmd)
				acked = append(acked, cmd)
			}
			killed := leader.cfg.ID
			before := time.Now()
			c.kill(killed)
			c.leader()
			if took := time.Since(before); took > 3*time.Second { // the bubble's clock, not the machine's
				t.Errorf("%v without a leader", took)
			}
			c.open(killed)
			c.leader()
		}
		c.converged(acked...)
	})
}

func TestProposeOnFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		if _, err := c.follower().Propose(t.Context(), []byte("x")); !errors.Is(err, ErrNotLeader) {
			t.Fatalf("got %v", err)
		}
		c.propose(c.leader(), "y")
		c.converged("y")
	})
}

// A leader that nobody hears says so: its proposal is unknown, later ones are refused, and what it appended
// alone gives way to what the others agreed on.
func TestLeaderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		old := c.leader()
		c.propose(old, "before")
		c.network.isolate(old.cfg.ID, true)
		if _, err := old.Propose(t.Context(), []byte("alone")); !errors.Is(err, ErrUnknown) {
			t.Fatalf("proposal of a leader alone: %v", err)
		}
		if role, _ := old.Watch(); role.Leading || role.Leader != 0 {
			t.Fatalf("it gave the proposal up and is still %+v", role)
		}
		if _, err := old.Propose(t.Context(), []byte("late")); !errors.Is(err, ErrNotLeader) {
			t.Fatalf("after stepping down: %v", err)
		}
		var others []uint64
		for id := range c.logs {
			if id != old.cfg.ID {
				others = append(others, id)
			}
		}
		c.propose(c.leader(others...), "after")
		c.network.isolate(old.cfg.ID, false)
		c.leader()
		c.converged("before", "after")
	})
}

// A member that was cut off comes back without disturbing the leader (PreVote).
func TestReturnWithoutDisturbance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		term := leader.Status().Term
		c.network.isolate(follower.cfg.ID, true)
		time.Sleep(time.Minute)
		c.network.isolate(follower.cfg.ID, false)
		if c.leader() != leader || leader.Status().Term != term {
			t.Fatalf("leadership changed: %+v", leader.Status())
		}
	})
}

func TestWatchTellsWhenEarlierTermsAreApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		for _, cmd := range numbered("c", 50) {
			c.propose(c.leader(), cmd)
		}
		c.kill(1)
		l := c.open(1)
		for {
			role, changed := l.Watch()
			if role.Leading {
				if got := len(c.lists[1].commands()); got != 50 {
					t.Fatalf("leading with %d of 50 commands applied", got)
				}
				break
			}
			<-changed
		}
		_, changed := l.Watch()
		c.close()
		<-changed
		if role, _ := l.Watch(); !role.Ended || role.Leading || role.Leader != 0 {
			t.Fatalf("after the end: %+v", role)
		}
		if s := l.Status(); s.Leader != 0 || s.Commit == 0 || len(s.Members) != 1 {
			t.Fatalf("status after the end: %+v", s)
		}
	})
}

func TestTransferLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		if err := follower.TransferLeadership(t.Context(), 0); !errors.Is(err, ErrNotLeader) {
			t.Errorf("on a follower: %v", err)
		}
		if err := leader.TransferLeadership(t.Context(), leader.cfg.ID); err != nil {
			t.Errorf("to itself: %v", err)
		}
		if err := leader.TransferLeadership(t.Context(), 9); err == nil {
			t.Error("to a stranger: no error")
		}
		before := time.Now()
		if err := leader.TransferLeadership(t.Context(), follower.cfg.ID); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > time.Second/2 {
			t.Errorf("took %v, as long as an election", took)
		}
		if got := c.leader(); got != follower {
			t.Fatalf("%d leads", got.cfg.ID)
		}
		if err := follower.TransferLeadership(t.Context(), 0); err != nil || c.leader() == follower {
			t.Errorf("to the best follower: %v", err)
		}
	})
}

// A hand-over to a member that just went away is given up; meanwhile proposals are refused for certain.
func TestTransferFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		c.network.isolate(follower.cfg.ID, true)
		done := make(chan error, 1)
		go func() { done <- leader.TransferLeadership(t.Context(), follower.cfg.ID) }()
		synctest.Wait()
		if _, err := leader.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrBusy) {
			t.Errorf("propose meanwhile: %v", err)
		}
		if err := leader.TransferLeadership(t.Context(), 0); !errors.Is(err, ErrBusy) {
			t.Errorf("a second hand-over: %v", err)
		}
		if err := <-done; err == nil {
			t.Error("the hand-over to a missing member succeeded")
		}
		c.propose(leader, "y")
		c.network.isolate(follower.cfg.ID, false)
		c.converged("y")
	})
}

// A leader that was just elected has not heard of all: it hands over, and removes, once it has.
func TestTransferRightAfterAnElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader, heir := c.leader(), c.follower()
		var silent *Log
		for _, l := range c.logs {
			if l != leader && l != heir {
				silent = l
			}
		}
		time.Sleep(5 * time.Second)
		c.network.isolate(silent.cfg.ID, true)
		if err := leader.TransferLeadership(t.Context(), heir.cfg.ID); err != nil {
			t.Fatal(err)
		}
		c.network.isolate(silent.cfg.ID, false)
		if err := c.leader(leader.cfg.ID, heir.cfg.ID).TransferLeadership(t.Context(), silent.cfg.ID); err != nil {
			t.Fatal(err)
		}
		if c.leader() != silent {
			t.Error("another leads")
		}
		// One that stays away is refused in the end.
		c.network.isolate(leader.cfg.ID, true)
		time.Sleep(5 * time.Second)
		before := time.Now()
		if err := silent.TransferLeadership(t.Context(), heir.cfg.ID); err != nil {
			t.Fatal(err)
		}
		if err := c.leader(silent.cfg.ID, heir.cfg.ID).TransferLeadership(t.Context(), leader.cfg.ID); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("to one that is away: %v", err)
		}
		if err := heir.Remove(t.Context(), silent.cfg.ID); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("the quorum hangs on it: %v", err)
		}
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseHandsLeadershipOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		before := time.Now()
		if err := leader.Close(); err != nil {
			t.Fatal(err)
		}
		delete(c.logs, leader.cfg.ID)
		c.propose(c.leader(), "x")
		if took := time.Since(before); took > time.Second/2 {
			t.Errorf("%v without a leader, as long as an election", took)
		}
		if err := leader.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		if _, err := leader.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("propose after Close: %v", err)
		}
		if err := leader.ReadIndex(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		if err := leader.TransferLeadership(t.Context(), 0); !errors.Is(err, ErrClosed) {
			t.Errorf("transfer after Close: %v", err)
		}
	})
}

func TestCloseOfALeaderAloneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		leader := c.leader()
		for id := range c.logs {
			if id != leader.cfg.ID {
				c.kill(id)
			}
		}
		before := time.Now()
		c.close()
		if took := time.Since(before); took > closeTransferTimeout {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		c.propose(leader, "x")
		c.converged("x")
		gone := c.follower()
		c.kill(gone.cfg.ID)
		time.Sleep(5 * time.Second)
		s := leader.Status()
		if s.ClusterID != 7 || s.ID != leader.cfg.ID || s.Leader != s.ID || s.Term == 0 || s.Commit != s.Applied || s.Commit < 3 {
			t.Errorf("%+v", s)
		}
		for _, m := range s.Members {
			if m.Leader != (m.ID == s.ID) || m.Active != (m.ID != gone.cfg.ID) || m.Match != s.Commit || m.Address == "" {
				t.Errorf("member %+v of %+v", m, s)
			}
		}
	})
}

func TestBestFollower(t *testing.T) {
	r := &replica{
		log: &Log{cfg: Config{ID: 1, ElectionTicks: 10}}, ticks: 30,
		heard: map[uint64]uint64{2: 20, 3: 30, 4: 19, 5: 30}, // 4 was silent for too long; nothing is known of 6
	}
	progress := map[uint64]tracker.Progress{1: {Match: 9}, 2: {Match: 7}, 3: {Match: 7}, 4: {Match: 8}, 5: {Match: 8, IsLearner: true}, 6: {Match: 8}}
	if got := r.bestFollower(progress); got != 2 {
		t.Errorf("got %d", got)
	}
	if got := r.bestFollower(map[uint64]tracker.Progress{1: {}}); got != 0 {
		t.Errorf("alone: got %d", got)
	}
}

func TestSlowApplyDoesNotCostLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		term := leader.Status().Term
		for _, l := range c.lists {
			l.slow(30 * time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := leader.Propose(ctx, []byte("slow")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		if s := leader.Status(); s.Term != term || s.Leader != s.ID {
			t.Errorf("leadership moved: %+v", s)
		}
		c.converged("slow")
	})
}
