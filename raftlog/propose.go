package raftlog

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// proposal is one command on its way.
type proposal struct {
	number uint64
	entry  []byte
	done   chan outcome // one place: whoever takes the proposal out of waiting answers, once
}

type outcome struct {
	result any
	err    error
}

// Propose appends a command and returns what Apply returned for it on this member. The errors are described
// with them; with ErrUnknown or an error of ctx the command may have happened, or may happen later. The
// log keeps cmd: it must not be changed afterwards. nil and empty commands are commands too.
func (l *Log) Propose(ctx context.Context, cmd []byte) (any, error) {
	if len(cmd) > l.cfg.MaxCommandBytes {
		return nil, ErrTooLarge
	}
	if l.full.Load() {
		return nil, ErrFull
	}
	p := l.waiting.add(cmd)
	defer l.waiting.remove(p.number)
	select {
	case l.proposed <- p:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stop:
		return nil, ErrClosed
	}
	select {
	case o := <-p.done:
		return o.result, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// An entry is a version byte, the life of the process that proposed it, its number in that life, and the
// command. By these the proposer knows its own entries again, whatever term or index they got.
const (
	entryVersion = 1
	entryHeader  = 1 + 8 + 8
)

// waiting holds the proposals that are not answered.
type waiting struct {
	life uint64 // random: entries of an earlier life are not ours
	mu   struct {
		sync.Mutex
		last      uint64
		proposals map[uint64]*proposal
	}
}

func newWaiting() *waiting {
	w := &waiting{life: rand.Uint64()}
	w.mu.proposals = make(map[uint64]*proposal)
	return w
}

// add numbers a command. It waits for nothing until accepted.
func (w *waiting) add(cmd []byte) *proposal {
	p := &proposal{done: make(chan outcome, 1), entry: make([]byte, 0, entryHeader+len(cmd))}
	w.mu.Lock()
	w.mu.last++
	p.number = w.mu.last
	w.mu.Unlock()
	p.entry = append(p.entry, entryVersion)
	p.entry = binary.BigEndian.AppendUint64(p.entry, w.life)
	p.entry = binary.BigEndian.AppendUint64(p.entry, p.number)
	p.entry = append(p.entry, cmd...)
	return p
}

// accept makes p wait for its entry to be applied.
func (w *waiting) accept(p *proposal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.proposals[p.number] = p
}

func (w *waiting) remove(number uint64) *proposal {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.mu.proposals[number]
	delete(w.mu.proposals, number)
	return p
}

// answer gives the result of an applied entry to its proposer, if that is here and still waits.
func (w *waiting) answer(life, number uint64, result any) {
	if life != w.life {
		return
	}
	if p := w.remove(number); p != nil {
		p.done <- outcome{result: result}
	}
}

// abandon answers everybody who waits with err.
func (w *waiting) abandon(err error) {
	w.mu.Lock()
	proposals := w.mu.proposals
	w.mu.proposals = make(map[uint64]*proposal)
	w.mu.Unlock()
	for _, p := range proposals {
		p.done <- outcome{err: err}
	}
}

// decodeEntry splits the data of an entry. ok is false for an entry of another version.
func decodeEntry(data []byte) (life, number uint64, cmd []byte, ok bool) {
	if len(data) < entryHeader || data[0] != entryVersion {
		return 0, 0, nil, false
	}
	return binary.BigEndian.Uint64(data[1:]), binary.BigEndian.Uint64(data[9:]), data[entryHeader:], true
}

// propose gives raft the proposals in parts: one message to each follower, one write. raft takes a part or
// nothing of it.
func (r *replica) propose(batch []*proposal) {
	r.observe()
	if r.leads == 0 {
		for _, p := range batch {
			p.done <- outcome{err: ErrNotLeader}
		}
		return
	}
	for _, p := range batch {
		r.log.waiting.accept(p)
	}
	for len(batch) > 0 {
		part := batch[:partLength(batch)]
		batch = batch[len(part):]
		entries := make([]*raftpb.Entry, len(part))
		for i, p := range part {
			entries[i] = &raftpb.Entry{Data: p.entry}
		}
		err := r.node.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(r.log.cfg.ID), Entries: entries})
		if err == nil {
			continue
		}
		if errors.Is(err, raft.ErrProposalDropped) { // too much is uncommitted, or leadership is handed over
			err = ErrBusy
		}
		for _, p := range part {
			if r.log.waiting.remove(p.number) != nil {
				p.done <- outcome{err: err}
			}
		}
	}
}

// partLength is how many proposals fit into one message; at least one.
func partLength(batch []*proposal) int {
	bytes := 0
	for i, p := range batch {
		if bytes += len(p.entry); bytes > maxMessageBytes && i > 0 {
			return i
		}
	}
	return len(batch)
}
