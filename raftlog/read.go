package raftlog

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.etcd.io/raft/v3"
)

// read is one caller of ReadIndex.
type read struct {
	ctx  context.Context
	done chan error // one place
}

// ReadIndex returns nil when this member's state machine has everything that was committed before the call:
// a read of it is then linearizable. It works on followers too. Without a leader it waits until ctx ends.
func (l *Log) ReadIndex(ctx context.Context) error {
	if built == noReadIndex {
		return nil
	}
	w := &read{ctx, make(chan error, 1)}
	select {
	case l.reading <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return ErrClosed
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reads gathers callers of ReadIndex into rounds. One round at a time asks the leader, who asks a majority,
// for the commit index; those who come meanwhile wait for the next round, for the answer under way may be
// older than their call.
//
// A round may be asked several times: messages get lost, leaders change. Each time it has a new id, and
// an answer to any of them will do. Ids are never used twice, not even after a restart, for the answer
// to an old question must not pass for the answer to a new one.
type reads struct {
	ready    func() bool // false: a single member that has not applied what it acknowledged in an earlier life
	life     uint64      // random
	last     uint64      // id of the last question
	retry    int         // ticks after which an unanswered round is asked again
	next     []*read
	round    []*read // asked, not answered; nil: no round is under way
	first    uint64  // id of the round's first question
	ticks    int     // since its last question
	answered []answered
}

// answered is a round that waits for the state machine to reach the index.
type answered struct {
	index uint64
	reads []*read
}

func newReads(cfg Config, ready func() bool) reads {
	return reads{ready: ready, life: rand.Uint64(), retry: max(1, cfg.ElectionTicks/2)}
}

func (r *reads) join(w *read) { r.next = append(r.next, w) }

// ask starts a round if none is under way and somebody waits.
func (r *reads) ask(node *raft.RawNode) {
	if len(r.round) > 0 || len(r.next) == 0 || !r.ready() {
		return
	}
	r.round, r.next = r.next, nil
	if built == sameReadID {
		r.last = 0
	}
	r.first = r.last + 1
	r.question(node)
}

// again asks once more for the round under way. Those who have left are forgotten.
func (r *reads) again(node *raft.RawNode) {
	r.round, r.next = present(r.round), present(r.next)
	if len(r.round) > 0 {
		r.question(node)
	}
}

func (r *reads) question(node *raft.RawNode) {
	r.last++
	r.ticks = 0
	node.ReadIndex(r.id(r.last))
}

func (r *reads) id(question uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.life), question)
}

func (r *reads) tick(node *raft.RawNode) {
	if r.ticks++; r.ticks >= r.retry {
		r.again(node)
	}
}

// confirmed takes a majority's answer: index was the commit index at some moment after the question.
func (r *reads) confirmed(s raft.ReadState, applied uint64) {
	if len(s.RequestCtx) != 16 || binary.BigEndian.Uint64(s.RequestCtx) != r.life {
		return
	}
	id := binary.BigEndian.Uint64(s.RequestCtx[8:])
	if len(r.round) == 0 || id < r.first || id > r.last {
		return
	}
	r.answered = append(r.answered, answered{s.Index, r.round})
	r.round = nil
	r.release(applied)
}

// release answers those whose index the state machine has reached.
func (r *reads) release(applied uint64) {
	kept := r.answered[:0]
	for _, a := range r.answered {
		if a.index > applied {
			kept = append(kept, a)
			continue
		}
		for _, w := range a.reads {
			w.done <- nil
		}
	}
	clear(r.answered[len(kept):])
	r.answered = kept
}

func (r *reads) fail(err error) {
	waiting := append(r.next, r.round...)
	for _, a := range r.answered {
		waiting = append(waiting, a.reads...)
	}
	for _, w := range waiting {
		w.done <- err
	}
}

func present(reads []*read) []*read {
	var kept []*read
	for _, w := range reads {
		if w.ctx.Err() == nil {
			kept = append(kept, w)
		}
	}
	return kept
}
