package master

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"

	"google.golang.org/protobuf/proto"
)

// leaveLocked leaves an order for the stream; false if there is no room for it. A worker that does not take its orders is
// told to report anew when it gets to it: what it should not have is found then.
func (s *session) leaveLocked(order *clusterpb.WorkerOrders) (fits bool) {
	order = proto.CloneOf(order)
	order.Number = s.ordered + 1
	select {
	case s.orders <- order:
		s.ordered++
		return true
	default:
	}
	s.anew = true
	s.wakeLocked()
	return false
}

// carryOut has all workers that live carry out an order, and returns when they have.
func (r *registry) carryOut(ctx context.Context, order *clusterpb.WorkerOrders) error {
	patience := time.NewTimer(freePatience)
	defer patience.Stop()
	told := make(map[*session]uint64)
	for {
		busy, changed := r.carrying(order, told)
		if busy == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return &metastore.Error{Text: fmt.Sprintf("%d workers do not do as they are told", busy), Err: pathErr("order", "workers", syscall.ETIMEDOUT)}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// carrying tells live workers that have not been told, and counts those that are not done. The channel closes when there
// is news.
func (r *registry) carrying(order *clusterpb.WorkerOrders, told map[*session]uint64) (busy int, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.mu.workers {
		if w.session == nil {
			continue
		}
		number, known := told[w.session]
		if !known && w.session.leaveLocked(order) {
			number, known = w.session.ordered, true
			told[w.session] = number
		}
		if !known || w.session.obeyed < number {
			busy++
		}
	}
	return busy, r.mu.fewer
}

// letGo tells all live workers that files are in the under file system: they need not keep them any more. Who misses it is
// told when he next reports that he does.
func (r *registry) letGo(files []int64) {
	if len(files) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.mu.workers {
		if w.session != nil {
			w.session.leaveLocked(&clusterpb.WorkerOrders{LetGo: files})
		}
	}
}

// letGoOne is letGo of the worker on a stream.
func (r *registry) letGoOne(s *session, files []int64) {
	if len(files) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.leaveLocked(&clusterpb.WorkerOrders{LetGo: files})
}

// blockLength is how long block i of a file is.
func blockLength(i, blockSize, length int64) int64 {
	return max(0, min(blockSize, length-i*blockSize))
}

// sameLength refuses a length of a file that is only cached if the blocks that workers hold belie it. Blocks that nobody
// has are none of its business: a file may be complete that was never written.
func (r *registry) sameLength(path string, file, blockSize, length int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for block, holders := range r.mu.places[file] {
		i, right := block&blockMask, false
		for _, h := range holders {
			right = right || h.bytes == blockLength(i, blockSize, length)
		}
		if !right && len(holders) > 0 {
			return &metastore.Error{
				Text: fmt.Sprintf("Invalid file length %d: block %d of %s was written with %d bytes, not %d", length, i, path, holders[0].bytes, blockLength(i, blockSize, length)),
				Err:  pathErr("complete", path, syscall.EINVAL),
			}
		}
	}
	return nil
}

// dropUnlike has workers drop blocks that are not as long as the file says: what is left of a try that failed.
func (r *registry) dropUnlike(file, blockSize, length int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for block, holders := range r.mu.places[file] {
		for _, h := range holders {
			if w := r.mu.workers[h.worker]; w.session != nil && h.bytes != blockLength(block&blockMask, blockSize, length) {
				w.session.leaveLocked(&clusterpb.WorkerOrders{FreeBlocks: []int64{block}})
			}
		}
	}
}

// written are the files that clients write on workers that live, or that those bring into the under file system.
func (r *registry) written() map[int64]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	files := make(map[int64]bool)
	for _, w := range r.mu.workers {
		if w.session != nil {
			for _, id := range w.writing {
				files[id] = true
			}
		}
	}
	return files
}
