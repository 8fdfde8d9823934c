package master

import (
	"context"
	"time"

	"goosefs/raftlog"
	"goosefs/wire/clusterpb"
)

// slowFor is for how long each sync of a leader's journal has to be slow before another is to lead.
const slowFor = 10 * time.Second

// yieldDisk lets another lead if this leader's disk is full or slow and the other's is not; and notes whether so many
// are full that nothing could be agreed on.
func (m *Master) yieldDisk(ctx context.Context) {
	me := m.peer()
	met := map[uint64]*clusterpb.Peer{me.GetMemberId(): me}
	for _, p := range m.acquaintances.recent(time.Now()) {
		met[p.GetMemberId()] = p
	}
	y := decideYield(m.raft.Status().Members, met, me, m.raft.Slow())
	m.crowded.Store(y.crowded)
	if y.heir == 0 {
		return
	}
	m.log.Warn("another master is to lead", "reason", y.why, "master", m.journalAddress(y.heir))
	if err := m.raft.TransferLeadership(ctx, y.heir); err != nil && ctx.Err() == nil {
		m.log.Warn("it did not take over", "reason", err)
	}
}

// yielding is what decideYield decides.
type yielding struct {
	crowded bool   // too many disks are full: nothing could be agreed on
	heir    uint64 // who is to lead; 0: nobody else
	why     string
}

// decideYield decides, from what the masters said last, whether the leader me does better to hand over. slow is for how
// long its disk has been so. A master that was not met may have space, and is no heir.
func decideYield(members []raftlog.MemberStatus, met map[uint64]*clusterpb.Peer, me *clusterpb.Peer, slow time.Duration) (y yielding) {
	voters, roomy, fast := 0, 0, uint64(0)
	var heir uint64
	for _, member := range members {
		if member.Learner {
			continue
		}
		voters++
		p := met[member.ID]
		if p.GetFull() {
			continue
		}
		roomy++
		if p == nil || !member.Active || member.Leader {
			continue
		}
		heir = member.ID
		if !p.GetSlow() {
			fast = member.ID
		}
	}
	y.crowded = roomy < voters/2+1
	switch {
	case y.crowded:
	case me.GetFull() && heir != 0:
		y.heir, y.why = heir, "the disk is full"
		if fast != 0 {
			y.heir = fast
		}
	case slow >= slowFor && fast != 0:
		y.heir, y.why = fast, "the disk is slow"
	}
	return y
}
