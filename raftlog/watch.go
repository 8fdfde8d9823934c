package raftlog

// Role is a member's place among the others.
type Role struct {
	Leader  uint64 // who leads as far as this member knows; 0: nobody
	Term    uint64 // the raft term in which this was so
	Leading bool   // this member leads, and everything of earlier terms is applied here
	Ended   bool   // the log is closed or has failed; nothing changes any more
	Changes uint64 // of the members, in this process: Members tells who they are now
}

// Watch returns the present role and a channel that is closed when it changes. Changes may be skipped, the
// last one never is; Leading in another Term is another leadership, even if nothing was seen between.
//
//	for {
//		role, changed := log.Watch()
//		... act on role, until role.Ended ...
//		<-changed
//	}
func (l *Log) Watch() (Role, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.role, l.mu.changed
}

func (l *Log) setRole(role Role) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.role == role {
		return
	}
	l.mu.role = role
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
}

func (r *replica) publish() {
	r.log.setRole(Role{Leader: r.leader, Term: r.term, Leading: r.leads != 0 && r.ready, Changes: r.changes})
}

func (r *replica) publishEnd() {
	status := r.status()
	status.Leader = 0
	r.log.mu.Lock()
	r.log.mu.status = status
	r.log.mu.Unlock()
	r.log.setRole(Role{Term: status.Term, Ended: true, Changes: r.changes})
}
