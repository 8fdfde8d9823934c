package raftlog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"syscall"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// membership is who keeps the log, as of some entry. It is never changed: with returns another one.
//
// raft itself knows ids only. The addresses are kept here, of everybody who ever was a member: who is in the book
// and neither voter nor learner was removed, and must not be listened to any more.
type membership struct {
	voters   []uint64 // sorted
	learners []uint64 // sorted; they get every entry and have no vote
	book     []Member // in the order in which they came
}

// changeKind says what a change does; the numbers are raft's, and are kept for ever.
type changeKind = raftpb.ConfChangeType

const (
	addVoter   = raftpb.ConfChangeAddNode // also: a learner becomes a voter
	remove     = raftpb.ConfChangeRemoveNode
	readdress  = raftpb.ConfChangeUpdateNode
	addLearner = raftpb.ConfChangeAddLearnerNode
)

// memberChange is one entry of the log that changes the membership.
type memberChange struct {
	kind   changeKind
	member Member // only its ID counts when it is removed
}

// founded is the membership of a new cluster.
func founded(first []Member) membership {
	m := membership{book: slices.Clone(first)}
	for _, p := range first {
		m.voters = append(m.voters, p.ID)
	}
	slices.Sort(m.voters)
	return m
}

// membershipOf joins what raft knows to the addresses.
func membershipOf(conf *raftpb.ConfState, book []Member) membership {
	m := membership{voters: slices.Clone(conf.GetVoters()), learners: slices.Clone(conf.GetLearners()), book: book}
	slices.Sort(m.voters)
	slices.Sort(m.learners)
	return m
}

func (m membership) conf() *raftpb.ConfState {
	return &raftpb.ConfState{Voters: slices.Clone(m.voters), Learners: slices.Clone(m.learners)}
}

func (m membership) votes(id uint64) bool  { return slices.Contains(m.voters, id) }
func (m membership) learns(id uint64) bool { return slices.Contains(m.learners, id) }

// member returns what the book has of id.
func (m membership) member(id uint64) (Member, bool) {
	i := slices.IndexFunc(m.book, func(p Member) bool { return p.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return m.book[i], true
}

// removed reports whether id was a member and is none any more. One that is not in the book may be one whose coming
// this member has not heard of yet.
func (m membership) removed(id uint64) bool {
	_, known := m.member(id)
	return known && !m.votes(id) && !m.learns(id)
}

// present are the voters and the learners, in the order in which they came.
func (m membership) present() []Member {
	return slices.DeleteFunc(slices.Clone(m.book), func(p Member) bool { return m.removed(p.ID) })
}

// unknown returns an id of which the address is not known; 0 if there is none.
func (m membership) unknown() uint64 {
	for _, id := range append(slices.Clone(m.voters), m.learners...) {
		if _, ok := m.member(id); !ok {
			return id
		}
	}
	return 0
}

// with is the membership after a change.
func (m membership) with(c memberChange) membership {
	id := c.member.ID
	drop := func(ids []uint64) []uint64 {
		return slices.DeleteFunc(slices.Clone(ids), func(other uint64) bool { return other == id })
	}
	next := membership{voters: m.voters, learners: m.learners, book: slices.Clone(m.book)}
	if c.kind != readdress {
		next.voters, next.learners = drop(m.voters), drop(m.learners)
	}
	switch c.kind {
	case addVoter:
		next.voters = append(next.voters, id)
		slices.Sort(next.voters)
	case addLearner:
		next.learners = append(next.learners, id)
		slices.Sort(next.learners)
	case remove:
		return next
	}
	if i := slices.IndexFunc(next.book, func(p Member) bool { return p.ID == id }); i >= 0 {
		next.book[i] = c.member
	} else {
		next.book = append(next.book, c.member)
	}
	return next
}

// encodeChange makes a change raft's, carrying whose proposal it is (see entryHeader) and the member.
func encodeChange(c memberChange, life, number uint64) *raftpb.ConfChange {
	about := append(make([]byte, 0, 256), entryVersion)
	about = binary.BigEndian.AppendUint64(about, life)
	about = binary.BigEndian.AppendUint64(about, number)
	text, err := json.Marshal(c.member)
	if err != nil {
		panic(err) // a number and strings only
	}
	return &raftpb.ConfChange{Type: c.kind.Enum(), NodeId: new(c.member.ID), Context: append(about, text...)}
}

// decodeChange is the inverse, of an entry. ok is false for what this version does not know to the last field: a
// member that skipped it would have other members than the rest.
func decodeChange(e *raftpb.Entry) (change *raftpb.ConfChange, c memberChange, life, number uint64, ok bool) {
	change = &raftpb.ConfChange{}
	if e.GetType() != raftpb.EntryConfChange || proto.Unmarshal(e.GetData(), change) != nil || len(change.ProtoReflect().GetUnknown()) > 0 {
		return nil, c, 0, 0, false
	}
	life, number, text, ok := decodeEntry(change.GetContext())
	if !ok {
		return nil, c, 0, 0, false
	}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	c.kind = change.GetType()
	if strict.Decode(&c.member) != nil || c.member.ID == 0 || c.member.ID != change.GetNodeId() {
		return nil, c, 0, 0, false
	}
	return change, c, life, number, true
}

// understood says whether decodeChange is.
func understood(e *raftpb.Entry) bool {
	_, _, _, _, ok := decodeChange(e)
	return ok
}

// notUnderstood is the error of an entry that a newer program wrote.
func notUnderstood(dir string, index uint64) error {
	return fault("apply", dir, because(syscall.EPROTONOSUPPORT,
		"entry %d is of a kind that this version does not know: a newer one wrote it. Run the newer version", index))
}
