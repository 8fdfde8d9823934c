package raftlog

import (
	"slices"

	"go.etcd.io/raft/v3"
)

// ReportGone tells that nobody listens at a member's address: its process has ended. A Transport that finds this out
// says so about ten times a second, for as long as it is so. It never blocks.
//
// If that member leads, as far as this one knows, it is forgotten, and another is elected without waiting for the
// election timeout. Nothing is risked by a wrong report: the others vote for nobody as long as they hear from the
// leader.
func (l *Log) ReportGone(id uint64) { l.post(func(r *replica) { r.gone.report(r, id) }) }

// gone is a leader that is no more.
type gone struct {
	leader  uint64
	reports int // since it was forgotten
}

func (g *gone) report(r *replica, id uint64) {
	delete(r.heard, id)
	s := r.node.BasicStatus()
	if s.RaftState == raft.StateFollower && s.Lead == id {
		_ = r.node.ForgetLeader() // an error is a dropped message, and there is none to drop
		*g = gone{leader: id}
		r.observe()
	} else if s.Lead != raft.None || g.leader != id || s.RaftState == raft.StateCandidate {
		return
	}
	if turn(r.membership.voters, r.log.cfg.ID, id, g.reports) {
		_ = r.node.Campaign()
	}
	g.reports++
}

// turnReports is for how many reports a member waits for the vote of the others before it is the next one's turn.
const turnReports = 2

// turn says whether a voter should stand for election after so many reports that the leader is gone. The voters take
// turns, for two that stand at the same time may both fail, and then wait for a whole timeout.
func turn(voters []uint64, self, gone uint64, reports int) bool {
	left := slices.DeleteFunc(slices.Clone(voters), func(id uint64) bool { return id == gone })
	place := slices.Index(left, self)
	return place >= 0 && reports%(turnReports*len(left)) == turnReports*place
}
