package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// errTakenOver is why a stream's bytes do not count: the block was begun anew on another.
var errTakenOver = errors.New("the block was begun anew")

// writes knows which files are being written on this worker, or brought into their under file system, and by which stream
// each block is: a client that lost a stream begins the block anew, and may be quicker than the news that the first is dead.
type writes struct {
	mu struct {
		sync.Mutex
		blocks map[int64]*writing
		files  map[int64]int // streams
	}
}

// writing is one stream that writes a block.
type writing struct {
	context.Context // ends when another begins the block anew
	end             context.CancelCauseFunc
	committing      sync.Mutex // held while the block is made to be there
}

func newWrites() *writes {
	w := &writes{}
	w.mu.blocks = make(map[int64]*writing)
	w.mu.files = make(map[int64]int)
	return w
}

// begin makes a stream the one that writes a block, and whoever wrote it before is over: if that one is just committing, it
// may finish first. The caller calls leave.
func (w *writes) begin(ctx context.Context, block, file int64) (turn *writing, leave func()) {
	turn = &writing{}
	turn.Context, turn.end = context.WithCancelCause(ctx)
	w.mu.Lock()
	before := w.mu.blocks[block]
	w.mu.blocks[block] = turn
	w.mu.Unlock()
	if before != nil {
		before.committing.Lock()
		before.end(errTakenOver)
		before.committing.Unlock()
	}
	out := w.enter(file)
	return turn, func() {
		out()
		turn.end(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.mu.blocks[block] == turn {
			delete(w.mu.blocks, block)
		}
	}
}

// commit does what makes a block be there, unless its stream is over.
func (t *writing) commit(do func() error) error {
	t.committing.Lock()
	defer t.committing.Unlock()
	if t.Err() != nil {
		return context.Cause(t)
	}
	return do()
}

// enter notes that a file is being written; leave ends that.
func (w *writes) enter(file int64) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.files[file]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.mu.files[file]--; w.mu.files[file] == 0 {
			delete(w.mu.files, file)
		}
	}
}

// files are those that are being written.
func (w *writes) files() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.mu.files))
}
