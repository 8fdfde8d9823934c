package raftlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestRestartOfEachAndOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		var acked []string
		propose := func() {
			cmd := fmt.Sprint("c", len(acked))
			c.propose(c.leader(), cmd)
			acked = append(acked, cmd)
		}
		for id := uint64(1); id <= 3; id++ {
			propose()
			c.kill(id)
			c.leader()
			propose()
			c.open(id)
			propose()
		}
		for id := uint64(1); id <= 3; id++ {
			c.kill(id)
		}
		for _, id := range []uint64{3, 1, 2} {
			c.open(id)
		}
		propose()
		c.converged(acked...)
	})
}

// After a clean close the log replays from the state machine's checkpoint, at once.
func TestSingleMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		before := time.Now()
		c.propose(c.leader(), "a")
		if took := time.Since(before); took > 100*time.Millisecond {
			t.Errorf("a single member took %v to lead", took)
		}
		if err := c.logs[1].ReadIndex(t.Context()); err != nil {
			t.Error(err)
		}
		c.propose(c.leader(), "b")
		if err := c.lists[1].Checkpoint(); err != nil {
			t.Fatal(err)
		}
		c.propose(c.leader(), "c")
		c.kill(1)
		c.open(1)
		c.propose(c.leader(), "d")
		c.converged("a", "b", "c", "d")
		c.close()
		c.logs = map[uint64]*Log{}
		c.open(1)
		c.propose(c.leader(), "e")
		c.converged("a", "b", "c", "d", "e")
		c.close()
	})
}

// The commit index is not synced by itself: the state machine may know more than the journal.
func TestStateMachineAheadOfCommitIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		want := numbered("c", 30)
		for _, cmd := range want {
			c.propose(c.leader(), cmd)
		}
		if err := c.lists[1].Checkpoint(); err != nil {
			t.Fatal(err)
		}
		c.kill(1)
		s, err := surveySegments(filepath.Join(c.dir, "1", "journal", journalName(genesisIndex)))
		if err != nil || s.state.GetCommit() >= c.lists[1].Applied() {
			t.Fatalf("the story needs an old commit index: %v %v", s.state, err)
		}
		c.open(1) // list panics if anything is applied twice
		c.propose(c.leader(), "more")
		c.converged(append(want, "more")...)
		c.close()
	})
}

// A crash while a new member's journal is made leaves nothing of it, or all.
func TestCrashDuringBootstrap(t *testing.T) {
	c := newCluster(t, 0, nil)
	c.members = []Member{{ID: 1, Address: "master-1:26000"}}
	c.change = func(cfg *Config) {
		cfg.hooks.crash = func(point string) {
			if point == "journal created" {
				c.freeze(1)
			}
		}
	}
	c.open(1)
	c.bury(1)
	if _, err := os.Stat(filepath.Join(c.dir, "1", "journal", nextName)); err != nil {
		t.Fatalf("the story needs a journal half made: %v", err)
	}
	c.change = nil
	c.open(1)
	c.propose(c.leader(), "a")
	c.converged("a")
	if _, err := os.Stat(filepath.Join(c.dir, "1", "journal", nextName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a leftover: %v", err)
	}
	c.close()
}
