package raftlog

import (
	"context"
	"syscall"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// TransferLeadership makes another member lead and returns when one does. to 0 means the one that has most of
// the log. Proposals are ErrBusy meanwhile. If the other does not take over within an election timeout
// this member goes on leading, and that is an error.
func (l *Log) TransferLeadership(ctx context.Context, to uint64) error {
	done := make(chan error, 1)
	l.post(func(r *replica) { r.startTransfer(to, done) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return ErrClosed
	}
}

// transfer is a hand-over under way; the zero value is none.
type transfer struct {
	done chan error
}

func (r *replica) startTransfer(to uint64, done chan error) {
	r.observe()
	if r.leads == 0 {
		done <- ErrNotLeader
		return
	}
	progress := r.node.Status().Progress
	heir, possible := to, r.membership.votes(to)
	if to == 0 {
		heir, possible = r.bestFollower(progress), len(r.membership.voters) > 1
	}
	switch {
	case to == r.log.cfg.ID:
		done <- nil
	case r.transfer.done != nil:
		done <- ErrBusy
	case possible && heir != 0 && r.active(heir):
		r.transfer.done = done
		r.node.TransferLeader(heir)
	case possible && r.postpone(func(r *replica) { r.startTransfer(to, done) }):
	default:
		done <- because(syscall.EHOSTUNREACH, "no other member can lead now")
	}
}

// bestFollower is the active member that has most of the log, and of these the one with the lowest id; 0: none.
func (r *replica) bestFollower(progress map[uint64]tracker.Progress) uint64 {
	var best uint64
	for id, p := range progress {
		if id == r.log.cfg.ID || p.IsLearner || !r.active(id) {
			continue
		}
		if best == 0 || p.Match > progress[best].Match || (p.Match == progress[best].Match && id < best) {
			best = id
		}
	}
	return best
}

// observe ends the hand-over when somebody else leads.
func (t *transfer) observe(self uint64, s raft.BasicStatus) {
	if s.Lead != self && s.Lead != raft.None {
		t.fail(nil)
	}
}

// tick ends it when raft has given up.
func (t *transfer) tick(s raft.BasicStatus) {
	if t.done != nil && s.RaftState == raft.StateLeader && s.LeadTransferee == raft.None {
		t.fail(because(syscall.ETIMEDOUT, "the other member did not take over"))
	}
}

func (t *transfer) fail(err error) {
	if t.done != nil {
		t.done <- err
		t.done = nil
	}
}
