package raftlog

import (
	"fmt"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// replica is everything the raft goroutine owns; nothing else may touch it. It takes in ticks, messages,
// proposals and the answers of the other two goroutines, one at a time, and hands out what raft then wants
// done. It never waits for a disk or a peer.
type replica struct {
	log     *Log
	node    *raft.RawNode
	storage *raft.MemoryStorage // what is in the journal; locks itself

	leads   uint64 // the term in which this member leads, as last published; 0: it does not
	leader  uint64 // as last published
	term    uint64 // as last published
	applied uint64 // by the apply goroutine in this life, or durable from the last
	ready   bool   // of the terms before leads, everything is applied

	ticks     uint64            // since the start
	heard     map[uint64]uint64 // by member, the tick in which it was last heard of
	since     uint64            // the tick in which leads began
	postponed []func(*replica)  // until the next tick

	membership membership // as of applied
	changing   uint64     // number of the proposal of a change of the members that is on its way; 0: none
	changes    uint64     // of the members, so far

	reads      reads
	transfer   transfer
	gone       gone
	install    *install // being handed to raft
	checking   bool     // the journal goroutine has been asked to look at its disk
	untilCheck time.Duration
	sending    map[uint64]bool // members to which an image is on its way
}

func newReplica(l *Log, rec *recovered, node *raft.RawNode, storage *raft.MemoryStorage) *replica {
	r := &replica{log: l, node: node, storage: storage, applied: rec.applied, membership: rec.membership, heard: make(map[uint64]uint64), sending: make(map[uint64]bool)}
	r.reads = newReads(l.cfg, r.readable)
	return r
}

// maxDrain bounds what is taken from one source before raft is asked what to do: enough to make batches, few
// enough that no source starves.
const maxDrain = 512

// run is the raft goroutine. end is called when the loop is over, for whatever reason.
func (r *replica) run(end func()) {
	defer end()
	defer func() {
		if p := recover(); p != nil {
			r.log.cfg.Log.Error("raft panicked", "panic", p, "stack", string(debug.Stack()))
			r.log.fail(fault("raft", r.log.cfg.Dir, panicked(p)))
		}
	}()
	ticker := time.NewTicker(r.log.cfg.Tick)
	defer ticker.Stop()
	if len(r.membership.voters) == 1 {
		_ = r.node.Campaign() // nobody else could be leader; it does nothing on a learner
	}
	for {
		r.handleReady()
		select {
		case <-r.log.stop:
			return
		case <-ticker.C:
			r.tick()
		case <-r.log.events.more:
			for _, event := range r.log.events.take() {
				event(r)
			}
		case m := <-r.log.received:
			r.step(m)
			drain(r.log.received, r.step)
		case p := <-r.log.proposed:
			batch := []*proposal{p}
			drain(r.log.proposed, func(p *proposal) { batch = append(batch, p) })
			r.propose(batch)
		case w := <-r.log.reading:
			r.reads.join(w)
			drain(r.log.reading, r.reads.join)
		}
	}
}

// drain takes what waits in c, within reason.
func drain[T any](c <-chan T, take func(T)) {
	for range maxDrain {
		select {
		case item := <-c:
			take(item)
		default:
			return
		}
	}
}

func panicked(p any) error {
	if err, ok := p.(error); ok {
		return err
	}
	return fmt.Errorf("%v", p)
}

func (r *replica) tick() {
	if tick := r.log.cfg.hooks.tick; tick != nil {
		counts, err := tick()
		if err != nil {
			r.log.fail(err)
		}
		if !counts || err != nil {
			return
		}
	}
	r.ticks++
	r.node.Tick()
	again := r.postponed
	r.postponed = nil
	for _, event := range again {
		event(r)
	}
	if r.untilCheck -= r.log.cfg.Tick; r.untilCheck <= 0 && !r.checking {
		r.untilCheck, r.checking = spaceCheck, true
		r.log.writes.put(write{check: true})
	}
	r.reads.tick(r.node)
	r.transfer.tick(r.node.BasicStatus())
}

// step gives raft a message of another member. raft's error says that the message does not concern us.
func (r *replica) step(m *raftpb.Message) {
	r.heard[m.GetFrom()] = r.ticks
	if m.GetType() == raftpb.MsgApp && len(m.GetEntries()) > 0 && r.log.full.Load() {
		return // as if lost: the leader sends them again
	}
	if m.GetType() == raftpb.MsgHeartbeat && r.lost(m) {
		return
	}
	if err := r.node.Step(m); err != nil {
		r.log.cfg.Log.Debug("message ignored", "from", m.GetFrom(), "type", m.GetType(), "reason", err)
	}
}

// lost says whether a leader's heartbeat shows that the journal has less than this member told it. A leader speaks of no
// entry that it was not told is on the disk here: the disk lost what it had said was written. Such a member must not
// vote: it would let others be elected who lack what it helped to agree on.
func (r *replica) lost(m *raftpb.Message) bool {
	last, err := r.storage.LastIndex()
	if err != nil || m.GetCommit() <= last || m.GetTerm() < r.node.BasicStatus().GetTerm() {
		return false
	}
	r.log.fail(refuse(r.log.cfg.Dir, syscall.EIO,
		"entry %d was written here, and the journal ends at entry %d: the disk lost it. %s", m.GetCommit(), last, wayOut))
	return true
}

// active says whether a member was heard of within an election timeout. (raft's RecentActive will not do: it begins
// anew with every timeout, and is false of everybody for a moment.)
func (r *replica) active(id uint64) bool {
	at, heard := r.heard[id]
	return id == r.log.cfg.ID || heard && r.ticks-at <= uint64(r.log.cfg.ElectionTicks)
}

// postpone lets event run at the next tick, if this member leads for less than an election timeout: it was elected by
// some, and the others may answer any moment. It is false when there is nothing to wait for.
func (r *replica) postpone(event func(*replica)) bool {
	if r.leads == 0 || r.ticks-r.since > uint64(r.log.cfg.ElectionTicks) {
		return false
	}
	r.postponed = append(r.postponed, event)
	return true
}

// handleReady hands out what raft wants done, until it wants nothing.
func (r *replica) handleReady() {
	for {
		r.reads.ask(r.node)
		if !r.node.HasReady() {
			return
		}
		rd := r.node.Ready()
		r.observe()
		for _, s := range rd.ReadStates {
			r.reads.confirmed(s, r.applied)
		}
		r.dispatch(rd.Messages)
	}
}

// readable reports whether raft may be asked for the commit index. A leader among several answers only once it has
// committed something in its own term. A single member does not wait for that, and after a restart its
// commit index, which is not synced by itself, may be older than what it acknowledged.
func (r *replica) readable() bool { return len(r.membership.voters) > 1 || r.ready }

// post lets the raft goroutine do something, soon, if it is still there.
func (l *Log) post(event func(*replica)) { l.events.put(event) }

// dispatch sorts messages by who is to have them. Order is kept for each.
func (r *replica) dispatch(messages []*raftpb.Message) {
	var out []*raftpb.Message
	for _, m := range messages {
		switch {
		case m.GetTo() == raft.LocalAppendThread:
			w := write{message: m}
			if !raft.IsEmptySnap(m.GetSnapshot()) {
				w.install, r.install = r.install, nil
			}
			r.log.writes.put(w)
		case m.GetTo() == raft.LocalApplyThread:
			r.log.tasks.put(task{entries: m.GetEntries(), responses: m.GetResponses()})
		case m.GetTo() == r.log.cfg.ID:
			r.step(m)
		case m.GetType() == raftpb.MsgSnap:
			r.sendImage(m)
		default:
			out = append(out, m)
		}
	}
	if len(out) > 0 {
		r.log.cfg.Transport.Send(out)
	}
}

// applied is what the apply goroutine tells of a batch.
type applied struct {
	index, term uint64 // of its last entry
	changes     []*raftpb.ConfChange
	changers    []proposer // whose they are
	membership  membership // after them
	responses   []*raftpb.Message
}

func (r *replica) appliedTo(a applied) {
	r.applied = a.index
	r.changed(a)
	r.dispatch(a.responses)
	r.observe()
	if r.leads != 0 && !r.ready && a.term == r.leads {
		r.ready = true
		r.publish()
	}
	r.reads.release(a.index)
}

// observe looks whether leadership has changed since it was last published. Proposals on their way are
// given up with the leadership in which they were made.
func (r *replica) observe() {
	s := r.node.BasicStatus()
	var leads uint64
	if s.RaftState == raft.StateLeader {
		leads = s.GetTerm()
	}
	if leads == r.leads && s.Lead == r.leader && s.GetTerm() == r.term {
		return
	}
	lost := r.leads != 0 && leads != r.leads
	if leads != r.leads {
		r.since = r.ticks
	}
	if s.Lead != r.leader || lost {
		r.log.cfg.Log.Info("leadership", "leader", s.Lead, "term", s.GetTerm(), "member", r.log.cfg.ID)
	}
	r.leads, r.leader, r.term, r.ready = leads, s.Lead, s.GetTerm(), r.ready && !lost && leads != 0
	r.publish()
	if lost {
		r.changing = 0
		r.log.waiting.abandon(ErrUnknown)
	}
	r.transfer.observe(r.log.cfg.ID, s)
	r.reads.again(r.node)
}
