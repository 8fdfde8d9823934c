package raftlog

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlowness(t *testing.T) {
	var s slowness
	at := func(ms int) time.Time { return time.Unix(1e9, 0).Add(time.Duration(ms) * time.Millisecond) }
	for i, step := range []struct {
		do   string
		ms   int
		want int // how long it lasts
	}{
		{"begin", 0, 0},
		{"look", 1000, 0},
		{"look", 1500, 1500},
		{"end", 2000, 2000},
		{"look", 3000, 3000}, // between two
		{"begin", 4000, 4000},
		{"end", 5500, 5500},
		{"begin", 6000, 6000},
		{"end", 6100, 0},
		{"begin", 7000, 0},
		{"end", 8000, 0}, // not more than a second
	} {
		switch step.do {
		case "begin":
			s.begin(at(step.ms))
		case "end":
			s.end(at(step.ms))
		}
		if got := s.lasts(at(step.ms)); got != time.Duration(step.want)*time.Millisecond {
			t.Errorf("step %d, %s at %d ms: %v", i, step.do, step.ms, got)
		}
	}
}

// A disk that hangs is found to be slow while it hangs; the cluster goes on, for the leader's own disk is not needed.
func TestSlowDiskIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sick atomic.Uint64 // the member
		c := newCluster(t, 3, func(cfg *Config) {
			id := cfg.ID
			cfg.Inject(Faults{Write: func(write func() error) error {
				if id == sick.Load() {
					time.Sleep(3 * time.Second)
				}
				return write()
			}})
		})
		defer c.close()
		leader, follower := c.leader(), c.follower()
		sick.Store(follower.cfg.ID)
		c.propose(leader, "x")
		time.Sleep(2 * time.Second)
		if slow := follower.Slow(); slow < time.Second {
			t.Errorf("a disk that takes three seconds is slow for %v", slow)
		}
		if slow := leader.Slow(); slow != 0 {
			t.Errorf("a disk that is well is slow for %v", slow)
		}
	})
}
