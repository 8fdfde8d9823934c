package worker

import (
	"slices"
	"sync"

	"goosefs/blockcache"
)

// written knows which cached blocks were written by clients. Each is a cached file of its own whose id is the block's: nobody
// knows a file's length while it is written, and its blocks are on several workers. What was fetched from an under file
// system is kept by file. Ids of blocks that were evicted may still be here.
type written struct {
	mu struct {
		sync.Mutex
		blocks map[int64][]int64 // by file
	}
}

// newWritten finds the written blocks in a cache.
func newWritten(cache *blockcache.Cache) *written {
	w := &written{}
	w.mu.blocks = make(map[int64][]int64)
	for b := range cache.Blocks() {
		if isBlock(b.FileID) {
			w.add(b.FileID)
		}
	}
	return w
}

// isBlock says whether an id of a cached file is a block's.
func isBlock(id int64) bool { return id&blockMask != blockMask }

func (w *written) add(block int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	file := block | blockMask
	if !slices.Contains(w.mu.blocks[file], block) {
		w.mu.blocks[file] = append(w.mu.blocks[file], block)
	}
}

// of are the blocks of a file.
func (w *written) of(file int64) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.mu.blocks[file])
}

func (w *written) forget(block int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	file := block | blockMask
	left := slices.DeleteFunc(w.mu.blocks[file], func(b int64) bool { return b == block })
	if len(left) == 0 {
		delete(w.mu.blocks, file)
		return
	}
	w.mu.blocks[file] = left
}

// dropFile drops all that is cached of a file.
func (w *Worker) dropFile(id int64) {
	w.cache.Drop(id)
	for _, block := range w.written.of(id) {
		w.cache.Drop(block)
		w.written.forget(block)
	}
}

// dropBlock drops a block, also one that is nowhere else.
func (w *Worker) dropBlock(block int64) {
	w.cache.DropBlock(block|blockMask, block&blockMask)
	w.cache.Drop(block)
	w.written.forget(block)
}
