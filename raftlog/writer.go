package raftlog

import (
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// write is one order to the journal goroutine: a message of raft's, or a mark.
type write struct {
	message *raftpb.Message // MsgStorageAppend: entries and hard state to be written, then responses to be given
	install *install        // the image that message brings, if it brings one
	mark    uint64          // the state machine has everything up to here on its disk
	check   bool            // look at the disk, see space.go

	membership membership // as of mark
}

// writer is what the journal goroutine owns. It turns all orders that gathered during one fdatasync into one
// write, and answers them after the next.
type writer struct {
	log     *Log
	journal *journal
	storage *raft.MemoryStorage // shared with raft, locks itself
	state   *raftpb.HardState   // the latest; a commit index alone is written with the next batch
	mark    *walpb.Snapshot     // the last one
	space   space
	done    chan struct{}
}

func newWriter(l *Log, rec *recovered, storage *raft.MemoryStorage) *writer {
	return &writer{
		log: l, journal: rec.journal, storage: storage, state: rec.state, mark: rec.mark, done: make(chan struct{}),
	}
}

// run is the journal goroutine.
func (w *writer) run() {
	defer close(w.done)
	defer func() {
		if p := recover(); p != nil { // raft's storage or etcd's WAL found an invariant broken
			w.log.cfg.Log.Error("the journal panicked", "panic", p, "stack", string(debug.Stack()))
			w.log.fail(fault("write journal", w.journal.path, panicked(p)))
		}
	}()
	for {
		orders := w.log.writes.wait()
		if orders == nil {
			return
		}
		if err := w.execute(orders); err != nil {
			w.log.fail(err)
			return
		}
	}
}

func (w *writer) execute(orders []write) error {
	for len(orders) > 0 {
		n := 0
		for n < len(orders) && orders[n].message != nil && raft.IsEmptySnap(orders[n].message.GetSnapshot()) {
			n++
		}
		var err error
		switch {
		case n > 0:
			err = w.append(orders[:n])
		case orders[0].mark != 0:
			n, err = 1, w.truncate(orders[0].mark, orders[0].membership)
		case orders[0].check:
			n, err = 1, w.checkSpace()
		default:
			n, err = 1, w.replace(orders[0])
		}
		if err != nil {
			return err
		}
		orders = orders[n:]
	}
	return nil
}

// append writes the entries of several messages as one batch, and gives their responses when it is synced.
// Later entries may take the place of earlier ones; reading the journal does the same.
func (w *writer) append(orders []write) error {
	var entries []*raftpb.Entry
	state := w.state
	for _, o := range orders {
		entries = append(entries, o.message.GetEntries()...)
		if s := hardState(o.message); !raft.IsEmptyHardState(s) {
			state = s
		}
	}
	if built != ackBeforeSync {
		if err := w.sync(state, entries); err != nil {
			return err
		}
	}
	w.state = state
	var responses []*raftpb.Message
	for _, o := range orders {
		if err := w.storage.Append(o.message.GetEntries()); err != nil {
			return fault("write journal", w.journal.path, err)
		}
		responses = append(responses, o.message.GetResponses()...)
	}
	w.respond(responses)
	if built == ackBeforeSync {
		return w.sync(state, entries)
	}
	return nil
}

// sync writes a batch, unless all that is new in it is the commit index.
func (w *writer) sync(state *raftpb.HardState, entries []*raftpb.Entry) error {
	if !raft.MustSync(state, w.journal.saved, len(entries)) {
		return nil
	}
	w.log.slow.begin(time.Now())
	err := w.journal.save(state, entries)
	w.log.slow.end(time.Now())
	if err != nil {
		return err
	}
	w.log.cfg.hooks.at("saved")
	if built == answerAtAppend {
		for _, e := range entries {
			if life, number, _, ok := decodeEntry(e.GetData()); ok {
				w.log.waiting.answer(life, number, nil)
			}
		}
	}
	return nil
}

func (w *writer) respond(responses []*raftpb.Message) {
	if len(responses) > 0 {
		w.log.post(func(r *replica) { r.dispatch(responses) })
	}
}

// hardState is that of a MsgStorageAppend; empty if it did not change.
func hardState(m *raftpb.Message) *raftpb.HardState {
	return &raftpb.HardState{Term: new(m.GetTerm()), Vote: new(m.GetVote()), Commit: new(m.GetCommit())}
}

// truncate marks index as the beginning of the journal and deletes what lies before it: on disk all that is not
// needed, in memory not the last entries, for followers that are a little behind.
func (w *writer) truncate(index uint64, m membership) error {
	if index <= w.mark.GetIndex() {
		return nil // an image has gone further meanwhile
	}
	term, err := w.storage.Term(index)
	if err != nil {
		return fault("truncate journal", w.journal.path, fmt.Errorf("entry %d: %w", index, err))
	}
	w.log.cfg.hooks.at("before mark")
	switch err := w.journal.saveBook(m.book); { // the entries that tell it are about to go
	case errors.Is(err, syscall.ENOSPC):
		w.log.cfg.Log.Warn("the log is not truncated: no space to write down who the members are", "error", err)
		return nil
	case err != nil:
		return err
	}
	mark := &walpb.Snapshot{Index: new(index), Term: new(term), ConfState: m.conf()}
	if err := w.journal.mark(w.state, mark); err != nil {
		return err
	}
	w.log.cfg.hooks.at("marked")
	if _, err := w.storage.CreateSnapshot(index, m.conf(), nil); err != nil {
		return fault("truncate journal", w.journal.path, err)
	}
	w.mark = mark
	if err := w.compact(index); err != nil {
		return err
	}
	if err := w.journal.drop(index); err != nil {
		return err
	}
	w.log.cfg.hooks.at("truncated")
	w.log.cfg.Log.Info("log truncated", "before", index+1, "state", "on the state machine's own disk")
	return nil
}

// compact forgets entries before index, in memory, but keeps some for slow followers.
func (w *writer) compact(index uint64) error {
	first, err := w.storage.FirstIndex()
	if err != nil {
		return err
	}
	if first > index {
		return nil
	}
	entries, err := w.storage.Entries(first, index+1, 1<<62)
	if err != nil {
		return fault("truncate journal", w.journal.path, err)
	}
	keep := catchUp(entries, w.log.cfg.CatchUpEntries, w.log.cfg.SnapshotBytes)
	if keep == len(entries) {
		return nil
	}
	return w.storage.Compact(index - uint64(keep))
}

// catchUp returns how many of the last entries are within both limits.
func catchUp(entries []*raftpb.Entry, limit, bytes uint64) int {
	var size uint64
	for n := range entries {
		size += uint64(len(entries[len(entries)-1-n].GetData()))
		if uint64(n) == limit || size > bytes {
			return n
		}
	}
	return len(entries)
}

// replace installs an image: the new journal is made complete, then the state machine restores the image, then
// the journal takes its place. A crash before the second step leaves the old state, a crash after it is
// finished by settle.
func (w *writer) replace(o write) error {
	snapshot := o.message.GetSnapshot().GetMetadata()
	if o.install == nil {
		return fault("install image", w.journal.path, because(syscall.EIO, "raft accepted an image at %d that did not arrive", snapshot.GetIndex()))
	}
	state := w.state
	if s := hardState(o.message); !raft.IsEmptyHardState(s) {
		state = s
	}
	if state.GetCommit() < snapshot.GetIndex() {
		state = &raftpb.HardState{Term: state.Term, Vote: state.Vote, Commit: snapshot.Index}
	}
	mark := &walpb.Snapshot{Index: snapshot.Index, Term: snapshot.Term, ConfState: snapshot.ConfState}
	book := o.install.image.membership.book
	if err := w.journal.prepare(header{w.log.cfg.ClusterID, w.log.cfg.ID, book}, state, mark); err != nil {
		return err
	}
	w.log.cfg.hooks.at("image received")
	restored := make(chan error, 1)
	w.log.tasks.put(task{restore: &restore{image: o.install.image, index: snapshot.GetIndex(), term: snapshot.GetTerm(), done: restored}})
	if err := <-restored; err != nil {
		return err
	}
	w.log.cfg.hooks.at("image restored")
	if err := w.journal.replace(mark, book); err != nil {
		return err
	}
	w.state, w.mark = state, mark
	if err := w.storage.ApplySnapshot(o.message.GetSnapshot()); err != nil {
		return fault("install image", w.journal.path, err)
	}
	w.log.post(func(r *replica) { r.installed(snapshot.GetIndex(), o.install.image.membership) })
	o.install.done <- nil
	w.log.cfg.Log.Info("image installed", "index", snapshot.GetIndex(), "term", snapshot.GetTerm())
	rest := &raftpb.Message{Entries: o.message.GetEntries(), Responses: o.message.GetResponses()}
	return w.append([]write{{message: rest}})
}
