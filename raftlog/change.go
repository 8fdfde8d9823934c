package raftlog

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// maxLag is how many entries a learner may lack and still become a voter: it will have them at once.
const maxLag = 1000

// AddLearner lets a new member have the log. It gets every entry and has no vote: a member that is far behind, or
// that never comes, holds nobody up. Its id must be new: that of a member which lost its disk is never used again, as
// nobody knows any more what it promised.
//
// This and the other methods that change the members are for the leader, and return when the change has been applied
// here. One change at a time is on its way; another one meanwhile is ErrBusy.
func (l *Log) AddLearner(ctx context.Context, m Member) error {
	return l.change(ctx, memberChange{addLearner, m})
}

// Promote makes a learner a voter, if it has nearly all of the log.
func (l *Log) Promote(ctx context.Context, id uint64) error {
	return l.change(ctx, memberChange{addVoter, Member{ID: id}})
}

// Remove takes a member away for good. It is refused if those that are left could not agree on anything now, and of
// the leader itself: that has to hand over first.
func (l *Log) Remove(ctx context.Context, id uint64) error {
	return l.change(ctx, memberChange{remove, Member{ID: id}})
}

// Readdress changes what is carried about a member.
func (l *Log) Readdress(ctx context.Context, m Member) error {
	return l.change(ctx, memberChange{readdress, m})
}

func (l *Log) change(ctx context.Context, c memberChange) error {
	p := l.waiting.add(nil)
	defer l.waiting.remove(p.number)
	l.post(func(r *replica) { r.change(c, p) })
	select {
	case o := <-p.done:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return ErrUnknown
	}
}

// change proposes a change of the members.
func (r *replica) change(c memberChange, p *proposal) {
	r.observe()
	status := r.status()
	switch {
	case r.leads == 0:
		p.done <- outcome{err: ErrNotLeader}
		return
	case !r.ready || r.changing != 0: // raft would take it for an empty entry, and nobody would ever hear of it
		p.done <- outcome{err: ErrBusy}
		return
	}
	asked := c
	c, err := decideChange(status, r.membership, c)
	if c.kind == remove && c.member.ID != r.log.cfg.ID && errors.Is(err, syscall.EBUSY) {
		if r.postpone(func(r *replica) { r.change(asked, p) }) {
			return // who seems to be away may just not have been heard of yet
		}
	}
	if err == nil {
		r.log.waiting.accept(p)
		r.changing = p.number
		err = r.node.ProposeConfChange(encodeChange(c, r.log.waiting.life, p.number))
		if err == nil {
			return
		}
		r.changing = 0
		r.log.waiting.remove(p.number)
		err = ErrBusy
	}
	p.done <- outcome{err: err}
}

// decideChange refuses a change that makes no sense, or that would leave members that cannot agree on anything. It
// fills in what the members know already.
func decideChange(s Status, members membership, c memberChange) (memberChange, error) {
	id := c.member.ID
	refused := func(errno syscall.Errno, format string, args ...any) (memberChange, error) {
		return c, &ChangeError{because(errno, format, args...)}
	}
	known, ever := members.member(id)
	switch c.kind {
	case addLearner:
		if id == 0 || ever {
			return refused(syscall.EEXIST, "member id %x is or was in use", id)
		}
		for _, p := range members.present() {
			if p.Address == c.member.Address {
				return refused(syscall.EEXIST, "%s is the address of a member already; remove that first", p.Address)
			}
		}
		return c, nil
	case readdress:
		if !ever || members.removed(id) {
			return refused(syscall.ENOENT, "there is no member %x", id)
		}
		return c, nil
	}
	if !ever || members.removed(id) {
		return refused(syscall.ENOENT, "there is no member %x", id)
	}
	c.member = known
	voters, active := 0, 0
	for _, m := range s.Members {
		if m.ID == id {
			switch {
			case c.kind == remove && m.Leader:
				return refused(syscall.EBUSY, "%s leads; let another one lead first", m.Address)
			case c.kind == addVoter && !m.Learner:
				return refused(syscall.EEXIST, "%s has a vote already", m.Address)
			case c.kind == addVoter && (!m.Active || m.Match == 0 || m.Match+maxLag < s.Commit):
				return refused(syscall.EAGAIN, "%s does not have the log yet (%d of %d entries)", m.Address, m.Match, s.Commit)
			}
		}
		if m.ID == id && c.kind == remove || m.Learner && m.ID != id {
			continue // has no say afterwards
		}
		voters++
		if m.Active {
			active++
		}
	}
	if members.learns(id) && c.kind == remove {
		return c, nil
	}
	if active < voters/2+1 {
		return refused(syscall.EBUSY, "of the %d masters with a vote afterwards only %d answer: the quorum would be lost", voters, active)
	}
	return c, nil
}

// ChangeError is why a change of the members was refused. Nothing happened.
type ChangeError struct{ reason *reason }

func (e *ChangeError) Error() string { return e.reason.Error() }
func (e *ChangeError) Unwrap() error { return e.reason }

// changed takes in changes that were applied.
func (r *replica) changed(a applied) {
	if len(a.changes) == 0 {
		return
	}
	for _, c := range a.changes {
		r.node.ApplyConfChange(c)
	}
	r.changing = 0
	r.setMembership(a.membership)
	r.log.cfg.Log.Info("members changed", "members", describe(a.membership))
	for _, p := range a.changers {
		r.log.waiting.answer(p.life, p.number, nil)
	}
}

// setMembership is called when a change was applied or an image installed.
func (r *replica) setMembership(m membership) {
	r.membership = m
	r.changes++
	r.log.mu.Lock()
	r.log.mu.membership = m
	r.log.mu.Unlock()
	r.publish()
}

func describe(m membership) (list []string) {
	for _, p := range m.present() {
		word := ""
		if m.learns(p.ID) {
			word = " (learner)"
		}
		list = append(list, fmt.Sprintf("%x at %s%s", p.ID, p.Address, word))
	}
	return list
}
