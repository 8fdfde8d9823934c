package raftlog

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"go.etcd.io/raft/v3/raftpb"
)

// task is one order to the apply goroutine; one of the three.
type task struct {
	entries   []*raftpb.Entry // to be applied
	responses []*raftpb.Message
	image     chan<- takenImage // one place: an image is wanted
	restore   *restore
}

// restore is an image to be restored from a file.
type restore struct {
	path        string
	index, term uint64
	done        chan error // one place
}

// takenImage is an image of the state at an index.
type takenImage struct {
	io.WriterTo
	index, term uint64
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
	index, term uint64 // of the last entry applied
	marked      uint64 // the last mark asked for
	bytes       uint64 // of commands applied since
	done        chan struct{}
}

func newApplier(l *Log, rec *recovered, storage termer) *applier {
	term, err := storage.Term(rec.applied)
	if err != nil {
		panic(err) // reconcile has seen to it
	}
	return &applier{log: l, index: rec.applied, term: term, marked: rec.mark.GetIndex(), done: make(chan struct{})}
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
			if t.restore != nil {
				select {
				case t.restore.done <- ErrClosed:
				default: // answered already
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
	type key struct{ life, number uint64 }
	var (
		cmds      [][]byte
		proposers []key
		responses []*raftpb.Message
	)
	for _, t := range tasks {
		for _, e := range t.entries {
			a.index, a.term = e.GetIndex(), e.GetTerm()
			if len(e.GetData()) == 0 {
				continue // a new leader's first entry
			}
			life, number, cmd, ok := decodeEntry(e.GetData())
			if !ok || e.GetType() != raftpb.EntryNormal {
				return fault("apply", a.log.cfg.Dir, because(syscall.EPROTONOSUPPORT, "entry %d is of a kind that this version does not know: a newer one wrote it", e.GetIndex()))
			}
			cmds = append(cmds, cmd)
			proposers = append(proposers, key{life, number})
			a.bytes += uint64(len(cmd))
		}
		responses = append(responses, t.responses...)
	}
	results := a.log.cfg.StateMachine.Apply(a.index, cmds)
	if len(results) != len(cmds) {
		panic(fmt.Sprintf("raftlog: Apply returned %d results for %d commands", len(results), len(cmds)))
	}
	for i, p := range proposers {
		a.log.waiting.answer(p.life, p.number, results[i])
	}
	index, term := a.index, a.term
	a.log.post(func(r *replica) { r.appliedTo(index, term, responses) })
	return a.checkpoint()
}

// checkpoint has the log truncated once enough was applied. It is the state machine that says how far.
func (a *applier) checkpoint() error {
	cfg := a.log.cfg
	if a.index-a.marked < cfg.SnapshotEntries && a.bytes < cfg.SnapshotBytes {
		return nil
	}
	if c, ok := cfg.StateMachine.(Checkpointer); ok {
		if err := c.Checkpoint(); err != nil {
			return fmt.Errorf("checkpoint of the state machine: %w", err)
		}
	}
	a.bytes = 0
	if durable := min(a.index, cfg.StateMachine.Applied()); durable > a.marked {
		cfg.hooks.at("checkpointed")
		a.marked = durable
		a.log.writes.put(write{mark: durable})
	}
	return nil
}

func (a *applier) image() takenImage {
	w, err := a.log.cfg.StateMachine.Snapshot()
	return takenImage{w, a.index, a.term, err}
}

// restore replaces the state by an image.
func (a *applier) restore(r *restore) error {
	f, err := os.Open(r.path)
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
	return nil
}
