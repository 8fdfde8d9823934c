package master

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"goosefs/metastore"
)

// Free orders are given again after freeAgain to those that still hold something, for somebody may have read it
// meanwhile; it is given up when for freePatience nothing went.
const (
	freeAgain    = time.Second
	freePatience = 10 * time.Second
)

// freeing is one call to free files: which workers were told, and what they still hold.
type freeing struct {
	files []int64
	told  map[*session]uint64 // the number of the order
	held  []int64             // by a worker that lives, as it reports
	busy  int                 // workers that live and have not carried out the order
}

// free has all live workers drop files, and waits until each has done so and none holds a byte of them. A worker may
// hold what it has not reported yet: therefore all are told, whatever is known of them.
func (r *registry) free(ctx context.Context, path string, files []int64) error {
	if len(files) == 0 {
		return nil
	}
	again := time.NewTicker(freeAgain)
	defer again.Stop()
	patience := time.NewTimer(freePatience)
	defer patience.Stop()
	f := &freeing{files: files, held: files, told: make(map[*session]uint64)}
	changed := r.advance(f)
	for f.busy > 0 || len(f.held) > 0 {
		before := f.busy + len(f.held)
		select {
		case <-changed:
		case <-again.C:
			r.order(f.held)
		case <-patience.C:
			return &metastore.Error{Text: fmt.Sprintf("%d files of %s are still held by workers", max(1, len(f.held)), path), Err: pathErr("free", path, syscall.EBUSY)}
		case <-ctx.Done():
			return ctx.Err()
		}
		if changed = r.advance(f); f.busy+len(f.held) < before {
			patience.Reset(freePatience)
		}
	}
	return nil
}

// advance tells live workers that have not been told, and looks how far the others are. The channel closes when there
// is news.
func (r *registry) advance(f *freeing) (changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.busy = 0
	for _, w := range r.mu.workers {
		if w.session == nil {
			continue
		}
		number, told := f.told[w.session]
		if !told && w.session.freeLocked(f.files) {
			number = w.session.ordered
			f.told[w.session], told = number, true
		}
		if !told || w.session.obeyed < number {
			f.busy++
		}
	}
	var held []int64
	for _, file := range f.held {
		if r.heldLocked(file) {
			held = append(held, file)
		}
	}
	f.held = held
	return r.mu.fewer
}

// heldLocked says whether a worker that lives holds something of the file.
func (r *registry) heldLocked(file int64) bool {
	for _, holders := range r.mu.places[file] {
		for _, h := range holders {
			if w := r.mu.workers[h.worker]; w.session != nil {
				return true
			}
		}
	}
	return false
}
