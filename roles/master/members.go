package master

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"goosefs/raftlog"
	"goosefs/wire/clusterpb"
)

// What a leader does about the members of the log. New ones come as learners and get a vote once they have the log;
// one that lost its disk comes back with a new id, in the place of the old one; a leader whose disk is full or slow
// lets another lead (yield.go).

// admit takes the master at addr in, if it runs there with an empty folder. In the place of a member at the same
// address that does not live any more it is put by removing that one first.
func (m *Master) admit(ctx context.Context, addr string) error {
	p, err := m.meetings.meet(ctx, addr, m.peer())
	switch {
	case err != nil:
		return &raftError{fmt.Sprintf("no master answers at %s: start it, with an empty folder, and with this master among its goosefs.master.embedded.journal.addresses", addr), syscall.EHOSTUNREACH}
	case p.GetClusterId() == m.identity.ClusterID && m.raft.Removed(p.GetMemberId()):
		return &raftError{addr + " was removed from this cluster: stop it, run goosefs fsadmin journal rejoin there, and start it again first", syscall.EPERM}
	case p.GetClusterId() == m.identity.ClusterID:
		return &raftError{addr + " is a member already", syscall.EEXIST}
	case p.GetClusterId() != 0:
		return &raftError{fmt.Sprintf("%s belongs to another cluster (%s): empty its folders first", addr, clusterName(p.GetClusterId())), syscall.EPERM}
	case p.GetJournalAddress() != addr:
		return &raftError{fmt.Sprintf("the master at %s says that it is %s", addr, p.GetJournalAddress()), syscall.EINVAL}
	}
	for _, member := range m.raft.Status().Members {
		if member.ID == p.GetMemberId() {
			return nil // it is about to find out
		}
		if member.Address != addr {
			continue
		}
		if member.Active && !member.Learner {
			return &raftError{addr + " was heard of a moment ago; a master with an empty folder there may not take its place yet", syscall.EBUSY}
		}
		m.log.Info("a master lost its folder: its old member is removed", "address", addr, "member", member.ID)
		if err := m.raft.Remove(ctx, member.ID); err != nil {
			return err
		}
	}
	err = m.raft.AddLearner(ctx, raftlog.Member{ID: p.GetMemberId(), Address: addr, Clients: p.GetAddress()})
	m.transport.setMembers(m.raft.Members()) // the new one waits for the journal
	return err
}

// tend looks after the members for as long as this master leads.
func (m *Master) tend(t *term) {
	for pause(t.ctx, m.tendEvery()) {
		m.promote(t.ctx)
		m.readdress(t.ctx)
		m.yieldDisk(t.ctx)
	}
}

// tendEvery is short while somebody waits for a vote.
func (m *Master) tendEvery() time.Duration {
	for _, member := range m.raft.Status().Members {
		if member.Learner {
			return m.options.Heartbeat
		}
	}
	return min(acquaintEvery, 10*m.options.Heartbeat)
}

// promote gives learners a vote that have the log and can be met.
func (m *Master) promote(ctx context.Context) {
	status := m.raft.Status()
	for _, member := range status.Members {
		if !member.Learner || member.Match == 0 || !member.Active {
			continue
		}
		p, err := m.meetings.meet(ctx, member.Address, m.peer())
		if err != nil || p.GetMemberId() != member.ID || p.GetClusterId() != status.ClusterID {
			continue
		}
		err = m.raft.Promote(ctx, member.ID)
		if err == nil {
			m.log.Info("a master has a vote", "address", member.Address, "member", member.ID)
		} else if !errors.Is(err, syscall.EAGAIN) && ctx.Err() == nil {
			m.log.Warn("a master gets no vote", "address", member.Address, "reason", err)
		}
	}
}

// readdress writes down where members can be reached now: where clients find each, and a single master that moved.
func (m *Master) readdress(ctx context.Context) {
	is := map[uint64]raftlog.Member{m.identity.ID: m.member()}
	for _, p := range m.acquaintances.recent(time.Now()) {
		is[p.GetMemberId()] = raftlog.Member{ID: p.GetMemberId(), Address: p.GetJournalAddress(), Clients: p.GetAddress()}
	}
	for _, known := range m.raft.Members() {
		now, met := is[known.ID]
		if !met || now == known || now.Address == "" || now.Clients == "" {
			continue
		}
		if err := m.raft.Readdress(ctx, now); err != nil && ctx.Err() == nil {
			m.log.Warn("a master's new address is not written down yet", "was", known.Address, "is", now.Address, "reason", err)
		}
	}
}

// hasRoom refuses what would have to be written while too many disks are full.
func (m *Master) hasRoom() error {
	if m.crowded.Load() || m.store.Full() {
		return raftlog.ErrFull
	}
	return nil
}

// memberAt finds the member at a journal address.
func (m *Master) memberAt(addr string) (raftlog.MemberStatus, error) {
	for _, member := range m.raft.Status().Members {
		if member.Address == addr {
			return member, nil
		}
	}
	return raftlog.MemberStatus{}, &raftError{fmt.Sprintf("%s is not among the masters; goosefs fsadmin journal quorum info -domain MASTER lists them", addr), syscall.ENOENT}
}

// journalAddress is where raft reaches a member.
func (m *Master) journalAddress(id uint64) string {
	for _, p := range m.raft.Members() {
		if p.ID == id {
			return p.Address
		}
	}
	return fmt.Sprintf("%x", id)
}

// clientAddress is where clients reach a member: as the log says, or, of one that an older program wrote down, as the
// configuration does.
func (m *Master) clientAddress(p raftlog.Member) string {
	if p.Clients != "" {
		return p.Clients
	}
	for _, c := range m.options.Masters {
		if c.Journal == p.Address {
			return c.Address
		}
	}
	return ""
}

// rootMounted says whether the cluster has its root.
func (m *Master) rootMounted() bool {
	for _, mount := range m.store.Mounts() {
		if mount.Path == "/" {
			return true
		}
	}
	return false
}

// raftError is a refusal about members, in words for a person.
type raftError struct {
	text  string
	errno syscall.Errno
}

func (e *raftError) Error() string { return e.text }
func (e *raftError) Unwrap() error { return e.errno }

// problems are what is wrong with masters, a line each.
func (m *Master) problems() (lines []string) {
	if !m.begun.Load() {
		return nil
	}
	accused, status := m.acquaintances.accusations(), m.raft.Status()
	met := make(map[uint64]*clusterpb.Peer)
	for _, p := range append(m.acquaintances.recent(time.Now()), m.peer()) {
		met[p.GetMemberId()] = p
	}
	strangers := m.acquaintances.strangers(time.Now())
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, member := range status.Members {
		if how := accused[member.ID]; how != "" {
			say("Master %s is out of service: %s. Stop it, run goosefs fsadmin journal rejoin there, and start it again.", member.Address, how)
			continue
		}
		switch p := met[member.ID]; {
		case p == nil && strangers[member.Address] != 0: // said below
		case p == nil:
			say("Master %s does not answer.", member.Address)
		case p.GetFull():
			say("Master %s has a full disk: it takes no changes until there is space.", member.Address)
		case p.GetSlow():
			say("Master %s has a slow disk: a sync of its journal takes more than a second.", member.Address)
		case member.Learner:
			say("Master %s has no vote yet: it is fetching the journal.", member.Address)
		}
	}
	for _, id := range m.lives.twins(time.Now()) {
		say("Two processes say that they are master %s: its folder was copied. Stop the one that does not belong.", m.journalAddress(id))
	}
	for _, addr := range slices.Sorted(maps.Keys(strangers)) {
		say("Master %s belongs to another cluster (%s). If it is to be one of this cluster, stop it, run goosefs fsadmin journal rejoin there, and start it again.", addr, clusterName(strangers[addr]))
	}
	if status.Removed || m.removed.Load() {
		say("Master %s was removed from the cluster. To bring it back, stop it, run goosefs fsadmin journal rejoin there, and start it again.", m.self.Journal)
	}
	return lines
}
