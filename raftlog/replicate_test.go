package raftlog

import (
	"testing"
	"testing/synctest"
)

func TestReplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		want := numbered("c", 20)
		for i, cmd := range want {
			if got := c.propose(leader, cmd); got != i+1 {
				t.Fatalf("result of command %d: %v", i, got)
			}
		}
		c.converged(want...)
	})
}
