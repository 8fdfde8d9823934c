package master

import (
	"testing"
	"time"

	"goosefs/raftlog"
	"goosefs/wire/clusterpb"
)

// Who is to lead when the leader, master 1, has a disk that is full or slow.
func TestDecideYield(t *testing.T) {
	const (
		silent = 1 << iota // not met
		full               // disk
		slow               // disk
		gone               // not active
		learner
	)
	for name, c := range map[string]struct {
		of   [3]int
		slow time.Duration
		want yielding
	}{
		"all are well":                        {[3]int{0, 0, 0}, 0, yielding{}},
		"a full leader":                       {[3]int{full, 0, 0}, 0, yielding{false, 3, "the disk is full"}},
		"a full leader, a slow follower":      {[3]int{full, 0, slow}, 0, yielding{false, 2, "the disk is full"}},
		"a full leader, slow followers":       {[3]int{full, slow, slow}, 0, yielding{false, 3, "the disk is full"}},
		"a full leader, a silent follower":    {[3]int{full, silent, 0}, 0, yielding{false, 3, "the disk is full"}},
		"a full leader, others were not met":  {[3]int{full, silent, silent}, 0, yielding{}},
		"a full follower":                     {[3]int{0, full, 0}, 0, yielding{}},
		"two are full":                        {[3]int{full, full, 0}, 0, yielding{crowded: true}},
		"two are full, not the leader":        {[3]int{0, full, full}, 0, yielding{crowded: true}},
		"a slow leader":                       {[3]int{slow, 0, 0}, slowFor, yielding{false, 3, "the disk is slow"}},
		"a slow leader, not for long":         {[3]int{slow, 0, 0}, slowFor - 1, yielding{}},
		"a slow leader, a slow follower":      {[3]int{slow, 0, slow}, slowFor, yielding{false, 2, "the disk is slow"}},
		"all are slow":                        {[3]int{slow, slow, slow}, slowFor, yielding{}},
		"a slow leader, full and gone others": {[3]int{slow, full, gone}, slowFor, yielding{}},
		"a slow leader, a learner":            {[3]int{slow, gone, learner}, slowFor, yielding{}},
	} {
		var members []raftlog.MemberStatus
		met := make(map[uint64]*clusterpb.Peer)
		for i, is := range c.of {
			id := uint64(i + 1)
			members = append(members, raftlog.MemberStatus{
				Member: raftlog.Member{ID: id}, Active: is&gone == 0, Leader: id == 1, Learner: is&learner != 0,
			})
			if is&silent == 0 {
				met[id] = &clusterpb.Peer{MemberId: id, Full: is&full != 0, Slow: is&slow != 0}
			}
		}
		if got := decideYield(members, met, met[1], c.slow); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
