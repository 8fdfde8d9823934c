package raftlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// After ReadIndex any member has what was acknowledged before.
func TestReadsSeeWhatWasAcked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.network.set(func() { c.network.mu.delay = 50 * time.Millisecond })
		leader := c.leader()
		for _, cmd := range numbered("c", 20) {
			c.propose(leader, cmd)
			for id, l := range c.logs {
				if err := l.ReadIndex(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(c.lists[id].commands(), cmd) {
					t.Fatalf("member %d was read without %s", id, cmd)
				}
			}
		}
	})
}

// A leader cut off answers no read, though it does not know yet that others lead.
func TestLeaderAloneAnswersNoRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		old := c.leader()
		c.propose(old, "x")
		c.network.isolate(old.cfg.ID, true)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := old.ReadIndex(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v while still believing to lead: %v", err, old.Status().Leader == old.cfg.ID)
		}
		if old.Status().Leader != old.cfg.ID {
			t.Fatal("it should not have noticed yet")
		}
		// Connected again, the same call goes through.
		done := make(chan error, 1)
		go func() { done <- old.ReadIndex(t.Context()) }()
		time.Sleep(5 * time.Second)
		c.network.isolate(old.cfg.ID, false)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// Readers who come during a round share the next one.
func TestReadsAreBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		follower := c.follower()
		var questions int
		c.network.set(func() {
			c.network.mu.delay = 20 * time.Millisecond
			c.network.mu.hold = func(m *raftpb.Message) bool {
				if m.GetType() == raftpb.MsgReadIndex {
					questions++
				}
				return false
			}
		})
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				if err := follower.ReadIndex(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		c.network.set(func() {
			if questions == 0 || questions > 4 {
				t.Errorf("%d rounds for 200 readers", questions)
			}
		})
	})
}

// Lost questions and answers are asked for again.
func TestReadsSurviveLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		follower := c.follower()
		seen := make(map[raftpb.MessageType]int)
		c.network.set(func() {
			c.network.mu.hold = func(m *raftpb.Message) bool {
				if m.GetType() == raftpb.MsgReadIndex || m.GetType() == raftpb.MsgReadIndexResp {
					seen[m.GetType()]++
					return seen[m.GetType()]%2 == 1
				}
				return false
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 5 {
			if err := follower.ReadIndex(ctx); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A single member may know less of its commit index after a restart than it acknowledged before.
func TestReadAfterRestartOfASingleMember(t *testing.T) {
	c := newCluster(t, 1, nil)
	for round := range 20 {
		cmd := fmt.Sprint("c", round)
		c.propose(c.leader(), cmd)
		c.kill(1)
		if err := c.open(1).ReadIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(c.lists[1].commands(), cmd) {
			t.Fatalf("read without %s", cmd)
		}
	}
	c.close()
}

func TestReadWithoutAMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		last := c.follower()
		for id := range c.logs {
			if id != last.cfg.ID {
				c.kill(id)
			}
		}
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := last.ReadIndex(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		done := make(chan error, 1)
		go func() { done <- last.ReadIndex(context.Background()) }()
		synctest.Wait()
		remembered := make(chan int, 1)
		last.post(func(r *replica) { remembered <- len(r.reads.next) + len(r.reads.round) })
		if n := <-remembered; n > 5 {
			t.Errorf("%d readers are remembered, 1 waits", n)
		}
		c.close()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("at the end: %v", err)
		}
	})
}

// An answer counts only for those who asked before the question was put.
func TestReadRounds(t *testing.T) {
	c := newCluster(t, 1, nil)
	defer c.close()
	node, err := raft.NewRawNode(raftConfig(Config{ID: 1}.withDefaults(), raft.NewMemoryStorage(), 0))
	if err != nil {
		t.Fatal(err)
	}
	r := newReads(Config{}.withDefaults(), func() bool { return true })
	reader := func() *read { return &read{t.Context(), make(chan error, 1)} }
	id := func() []byte { return r.id(r.last) }
	first, second := reader(), reader()
	r.join(first)
	r.ask(node)
	r.join(second)
	r.ask(node) // a round is under way
	question := id()
	r.confirmed(raft.ReadState{Index: 5, RequestCtx: []byte("of somebody else")}, 9)
	r.confirmed(raft.ReadState{Index: 5, RequestCtx: (&reads{life: r.life + 1}).id(1)}, 9)
	if len(first.done) != 0 {
		t.Fatal("a foreign answer counted")
	}
	r.again(node)
	r.confirmed(raft.ReadState{Index: 5, RequestCtx: question}, 4) // late, but to this round
	if len(first.done) != 0 {
		t.Fatal("released before the index was applied")
	}
	r.release(5)
	if len(first.done) != 1 || len(second.done) != 0 {
		t.Fatal("the first reader and nobody else should be released")
	}
	r.ask(node)
	r.confirmed(raft.ReadState{Index: 5, RequestCtx: question}, 9)
	if len(second.done) != 0 {
		t.Fatal("an answer to the round before counted")
	}
	r.confirmed(raft.ReadState{Index: 6, RequestCtx: id()}, 9)
	if len(second.done) != 1 {
		t.Fatal("the second reader was not released")
	}
}
