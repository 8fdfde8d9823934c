package raftlog

import (
	"testing"
	"testing/synctest"
	"time"
)

// reportGone tells members ten times a second that id is gone, until stop is called.
func reportGone(id uint64, members ...*Log) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			for _, l := range members {
				l.ReportGone(id)
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// A leader whose process is known to have ended is replaced before an election timeout is over, whoever has most of
// the log, and whoever of the others hears of it first.
func TestGoneLeaderIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		acked := numbered("a", 5)
		for round := range 5 {
			leader := c.leader()
			c.propose(leader, acked[round])
			killed := leader.cfg.ID
			c.kill(killed)
			began := time.Now()
			var stops []func()
			for _, l := range c.logs {
				stops = append(stops, reportGone(killed, l))
				time.Sleep(time.Duration(round) * 30 * time.Millisecond)
			}
			c.leader()
			if took := time.Since(began); took >= time.Second { // the bubble's clock, not the machine's
				t.Errorf("round %d: %v without a leader", round, took)
			}
			for _, stop := range stops {
				stop()
			}
			c.open(killed)
			c.leader()
		}
		c.converged(acked...)
	})
}

// A wrong report deposes nobody, as long as the others hear from the leader.
func TestLeaderWronglyReportedGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		term := leader.Status().Term
		stop := reportGone(leader.cfg.ID, follower)
		for _, cmd := range numbered("b", 20) {
			c.propose(leader, cmd)
			time.Sleep(200 * time.Millisecond)
		}
		stop()
		if c.leader() != leader || leader.Status().Term != term {
			t.Errorf("leadership changed: %+v", leader.Status())
		}
		c.converged(numbered("b", 20)...)
	})
}

// Of members that are gone only the leader matters, and only to those who vote.
func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		voters     []uint64
		self, gone uint64
		reports    string // x: it stands
	}{
		{[]uint64{1, 2, 3}, 1, 3, "x...x..."},
		{[]uint64{1, 2, 3}, 2, 3, "..x...x."},
		{[]uint64{1, 2, 3}, 3, 1, "..x...x."},
		{[]uint64{1, 2, 3, 4, 5}, 5, 2, "......x.......x."},
		{[]uint64{1, 2}, 1, 2, "x.x."},
		{[]uint64{1, 2, 3}, 4, 3, "........"},
		{[]uint64{1, 2, 3}, 3, 3, "........"},
	} {
		for i, want := range tt.reports {
			if got := turn(tt.voters, tt.self, tt.gone, i); got != (want == 'x') {
				t.Errorf("%d of %v, %d gone, after %d reports: %v", tt.self, tt.voters, tt.gone, i, got)
			}
		}
	}
}
