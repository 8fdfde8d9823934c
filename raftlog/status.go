package raftlog

import "go.etcd.io/raft/v3"

// Status describes the log as one member sees it.
type Status struct {
	ClusterID uint64
	ID        uint64 // this member
	Leader    uint64 // 0: unknown
	Term      uint64
	Commit    uint64 // the last entry a majority is known to have
	Applied   uint64 // the last entry this member's state machine has
	Members   []MemberStatus
	Removed   bool // this member is none any more: it has to be wiped to come back
	Full      bool // this member's disk: no commands are taken
}

// MemberStatus describes one member. Only the leader knows of others what they have; elsewhere it is known of this
// member and, as to Active, of the leader.
type MemberStatus struct {
	Member
	Match   uint64 // the last entry the member is known to have on disk
	Active  bool   // heard of within about an election timeout
	Leader  bool
	Learner bool // it has no vote
}

// Status returns the present state; after the end of the log the last one.
func (l *Log) Status() Status {
	answer := make(chan Status, 1)
	l.post(func(r *replica) { answer <- r.status() })
	select {
	case s := <-answer:
		return s
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.mu.status
	}
}

func (r *replica) status() Status {
	s := r.node.Status()
	status := Status{
		ClusterID: r.log.cfg.ClusterID, ID: s.ID, Leader: s.Lead, Term: s.GetTerm(), Commit: s.GetCommit(), Applied: r.applied,
		Removed: r.membership.removed(s.ID), Full: r.log.full.Load(),
	}
	for _, m := range r.membership.present() {
		self, leader := m.ID == s.ID, m.ID == s.Lead
		ms := MemberStatus{Member: m, Active: self || leader, Leader: leader, Learner: r.membership.learns(m.ID)}
		if s.RaftState == raft.StateLeader {
			p := s.Progress[m.ID]
			ms.Match, ms.Active = p.Match, r.active(m.ID)
		} else if self {
			ms.Match = r.applied
		}
		status.Members = append(status.Members, ms)
	}
	return status
}
