package raftlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"go.etcd.io/raft/v3/raftpb"
)

// task is one order to the apply goroutine; one of the four.
type task struct {
	entries   []*raftpb.Entry // to be applied
	responses []*raftpb.Message
	image     chan<- takenImage // one place: an image is wanted
	restore   *restore
	truncate  chan error // one place: the state machine is to checkpoint, and the log to be truncated
}

func (t task) restoreDone() chan error {
	if t.restore == nil {
		return nil
	}
	return t.restore.done
}

// restore is an image to be restored from a file.
type restore struct {
	image       receivedImage
	index, term uint64
	done        chan error // one place
}

// takenImage is an image of the state at an index.
type takenImage struct {
	io.WriterTo
	index, term uint64
	membership  membership
	err         error
}

func (i takenImage) close() error {
	if c, ok := i.WriterTo.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// applier is what the apply goroutine owns: the state machine. It is apart from the raft goroutine so that a
// slow Apply (a recursive delete, a checkpoint) does not stop heartbeats and cost the leadership, and apart
// from the journal goroutine so that it overlaps with the next fdatasync.
type applier struct {
	log         *Log
	index, term uint64  // of the last entry applied
	memberships []since // at the last mark, and after each change behind it
	marked      uint64  // the last mark asked for
	bytes       uint64  // of commands applied since
	done        chan struct{}
}

// since is a membership, and the entry that made it so.
type since struct {
	index uint64
	membership
}

func newApplier(l *Log, rec *recovered, storage termer) *applier {
	term, err := storage.Term(rec.applied)
	if err != nil {
		panic(err) // reconcile has seen to it
	}
	return &applier{
		log: l, index: rec.applied, term: term, memberships: rec.memberships, marked: rec.mark.GetIndex(), done: make(chan struct{}),
	}
}

type termer interface{ Term(uint64) (uint64, error) }

// run is the apply goroutine. A panic of the state machine is not recovered, see StateMachine.
func (a *applier) run() {
	defer close(a.done)
	for {
		tasks := a.log.tasks.wait()
		if tasks == nil {
			return
		}
		if err := a.execute(tasks); err != nil {
			a.log.fail(err)
			a.refuse(tasks)
			return
		}
	}
}

// refuse answers those who would wait for ever, now and later, after a failure.
func (a *applier) refuse(tasks []task) {
	for ; tasks != nil; tasks = a.log.tasks.wait() {
		for _, t := range tasks {
			if t.image != nil {
				t.image <- takenImage{err: ErrClosed}
			}
			for _, done := range []chan error{t.truncate, t.restoreDone()} {
				select {
				case done <- ErrClosed:
				default: // answered already, or nobody asks
				}
			}
		}
	}
}

func (a *applier) execute(tasks []task) error {
	for len(tasks) > 0 {
		n := 0
		for n < len(tasks) && len(tasks[n].entries) > 0 {
			n++
		}
		var err error
		switch {
		case n > 0:
			err = a.apply(tasks[:n])
		case tasks[0].restore != nil:
			n, err = 1, a.restore(tasks[0].restore)
			tasks[0].restore.done <- err
		case tasks[0].truncate != nil:
			n, err = 1, a.checkpoint()
			tasks[0].truncate <- err
			if errors.Is(err, ErrFull) {
				err = nil
			}
		default:
			n = 1
			tasks[0].image <- a.image()
		}
		if err != nil {
			return err
		}
		tasks = tasks[n:]
	}
	return nil
}

// apply gives the entries of several tasks to the state machine as one batch, and the results to the proposers.
func (a *applier) apply(tasks []task) error {
	var (
		b         batch
		responses []*raftpb.Message
	)
	for _, t := range tasks {
		for _, e := range t.entries {
			if err := a.take(e, &b); err != nil {
				return err
			}
		}
		responses = append(responses, t.responses...)
	}
	results := a.log.cfg.StateMachine.Apply(a.index, b.cmds)
	if len(results) != len(b.cmds) {
		panic(fmt.Sprintf("raftlog: Apply returned %d results for %d commands", len(results), len(b.cmds)))
	}
	for i, p := range b.proposers {
		a.log.waiting.answer(p.life, p.number, results[i])
	}
	done := applied{a.index, a.term, b.changes, b.changers, a.membership(), responses}
	a.log.post(func(r *replica) { r.appliedTo(done) })
	if a.index-a.marked < a.log.cfg.SnapshotEntries && a.bytes < a.log.cfg.SnapshotBytes {
		return nil
	}
	if err := a.checkpoint(); !errors.Is(err, ErrFull) {
		return err
	}
	return nil // it is told in the log, and tried again later
}

// batch is what goes to the state machine in one call, and what else was in the entries.
type batch struct {
	cmds                [][]byte
	proposers, changers []proposer
	changes             []*raftpb.ConfChange
}

// proposer says whose an entry is.
type proposer struct{ life, number uint64 }

// take adds an entry to the batch.
func (a *applier) take(e *raftpb.Entry, b *batch) error {
	a.index, a.term = e.GetIndex(), e.GetTerm()
	if e.GetType() == raftpb.EntryNormal && len(e.GetData()) == 0 {
		return nil // a new leader's first entry
	}
	if e.GetType() != raftpb.EntryNormal {
		change, c, life, number, ok := decodeChange(e)
		if !ok {
			return notUnderstood(a.log.cfg.Dir, e.GetIndex())
		}
		a.memberships = append(a.memberships, since{e.GetIndex(), a.membership().with(c)})
		b.changes = append(b.changes, change)
		b.changers = append(b.changers, proposer{life, number})
		return nil
	}
	life, number, cmd, ok := decodeEntry(e.GetData())
	if !ok {
		return notUnderstood(a.log.cfg.Dir, e.GetIndex())
	}
	b.cmds = append(b.cmds, cmd)
	b.proposers = append(b.proposers, proposer{life, number})
	a.bytes += uint64(len(cmd))
	return nil
}

// membership is the present one.
func (a *applier) membership() membership { return a.memberships[len(a.memberships)-1].membership }

// checkpoint has the log truncated. It is the state machine that says how far. If that has no space the error is
// ErrFull, which is nobody's end.
func (a *applier) checkpoint() error {
	cfg := a.log.cfg
	a.bytes = 0
	if c, ok := cfg.StateMachine.(Checkpointer); ok {
		if err := c.Checkpoint(); errors.Is(err, syscall.ENOSPC) {
			cfg.Log.Warn("the log is not truncated: no space for the state machine's checkpoint", "error", err)
			return ErrFull
		} else if err != nil {
			return fmt.Errorf("checkpoint of the state machine: %w", err)
		}
	}
	if durable := min(a.index, cfg.StateMachine.Applied()); durable > a.marked {
		cfg.hooks.at("checkpointed")
		a.marked = durable
		for len(a.memberships) > 1 && a.memberships[1].index <= durable {
			a.memberships = a.memberships[1:]
		}
		a.log.writes.put(write{mark: durable, membership: a.memberships[0].membership})
	}
	return nil
}

func (a *applier) image() takenImage {
	w, err := a.log.cfg.StateMachine.Snapshot()
	return takenImage{w, a.index, a.term, a.membership(), err}
}

// restore replaces the state by an image.
func (a *applier) restore(r *restore) error {
	f, err := os.Open(r.image.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := a.log.cfg.StateMachine.Restore(f); err != nil {
		return fmt.Errorf("restore the image at %d: %w", r.index, err)
	}
	if applied := a.log.cfg.StateMachine.Applied(); applied != r.index {
		return fault("restore", a.log.cfg.Dir, because(syscall.EIO, "the image at %d left the state machine at %d", r.index, applied))
	}
	a.index, a.term, a.marked, a.bytes = r.index, r.term, r.index, 0
	a.memberships = []since{{r.index, r.image.membership}}
	return nil
}
