package blockcache

import (
	"sync"
	"sync/atomic"
)

// entry is what the cache knows of one file id: while somebody has acquired it,
// or while something of it is on disk.
type entry struct {
	info FileInfo

	// names is held while the file's pair on disk is made, opened, punched or
	// unlinked, so that a pair never meets the names of its predecessor.
	names sync.Mutex

	mu struct {
		sync.Mutex
		handles int
		body    *body // nil while nothing is on disk
		retired bool  // another entry has the id now; this one stays empty
		// unlinking is held against forgetting the entry while its files are being
		// unlinked: another entry of the id would make its own by the same names.
		unlinking int
	}
}

// body is one pair of files on disk. It is left behind, gone, when the pair is
// unlinked or its directory fails; calls that are under way finish on it, and
// what they return is still verified. All fields but the first two are guarded
// by entry.mu.
type body struct {
	entry *entry
	dir   *dir

	pages  map[int64]*page
	paid   []bool // index pages that are allocated on disk
	blocks map[int64]*block
	charge int64 // bytes reserved in dir for all of the pair
	pins   int   // calls under way
	gone   bool

	trusted int64       // chunks that were written or verified since the cache was opened, see trust.go
	written int64       // when the data file was last changed by us, by its own time of change
	writing int         // claims that are being written
	held    atomic.Bool // a descriptor was handed out and may live, see held.go
	kept    atomic.Bool // the only copy: never evicted, see write.go
	// witness stays open from the unlink on, to notice a holder elsewhere.
	witness *pair
}

// page is the part of an index that is one page on disk.
type page struct {
	slots   []uint64
	used    int                    // slots that are not absent
	trusted [pageSlots / 64]uint64 // a bit for each slot
}

// block is a block of which something is, or is about to be, on disk. pins and
// charge change under entry.mu only and may be read without.
type block struct {
	body    *body
	index   int64
	bytes   int64        // present; entry.mu
	leaving bool         // the evictor owns it; entry.mu
	pins    atomic.Int32 // calls under way
	charge  atomic.Int64 // bytes allocated for its chunks
	retired atomic.Bool  // never to be ranked again; set under dir.mu
	touched uint64       // as of Cache.touches; dir.mu
	place   position     // in dir's order; dir.mu
}

func newBody(e *entry, d *dir) *body {
	pages := (headerSlots + e.info.chunks() + pageSlots - 1) / pageSlots
	b := &body{entry: e, dir: d, pages: map[int64]*page{}, paid: make([]bool, pages), blocks: map[int64]*block{}}
	b.paid[0] = true
	return b
}

// overhead is what a pair takes beside its chunks and its further index pages:
// the first page, two names, and the extents of a data file full of holes, of
// which there can be no more than chunks within the quota.
func overhead(i FileInfo, quota int64) int64 {
	const names, extentsPerPage, inlineChunks = 128, 340, 8
	n := int64(pageSize + names)
	if c := min(i.chunks(), quota/ChunkSize); c > inlineChunks {
		n += (c/extentsPerPage + 1) * pageSize
	}
	return n
}

// allocated is what a chunk takes on disk.
func allocated(i FileInfo, chunk int64) int64 {
	return (i.chunkLen(chunk) + pageSize - 1) / pageSize * pageSize
}

// whole is what the file takes when all of it is cached.
func whole(i FileInfo) int64 {
	return overhead(i, maxLength) + indexSize(i)/pageSize*pageSize + (i.Length+pageSize-1)/pageSize*pageSize
}

// Share is what part of the directory that it lies in, or of the largest, the file would take if all of it were cached.
func (f *File) Share() float64 {
	e := f.entry
	e.mu.Lock()
	b := e.mu.body
	e.mu.Unlock()
	var limit int64
	for _, d := range f.cache.dirs {
		if b == nil || b.dir == d {
			limit = max(limit, d.state().limit)
		}
	}
	return float64(whole(e.info)) / float64(max(limit, 1))
}

func slotOf(chunk int64) (page, slot int64) {
	return (headerSlots + chunk) / pageSlots, (headerSlots + chunk) % pageSlots
}

// slotLocked is a chunk's record or state.
func (b *body) slotLocked(chunk int64) uint64 {
	p, s := slotOf(chunk)
	if page := b.pages[p]; page != nil {
		return page.slots[s]
	}
	return absent
}

// setSlotLocked gives a chunk another record or state, which nobody has verified yet.
func (b *body) setSlotLocked(chunk int64, to uint64) {
	p, s := slotOf(chunk)
	pg := b.pages[p]
	if pg == nil {
		if to == absent {
			return
		}
		pg = &page{slots: make([]uint64, min(pageSlots, headerSlots+b.entry.info.chunks()-p*pageSlots))}
		b.pages[p] = pg
	}
	if pg.trusted[s/64]&(1<<(s%64)) != 0 {
		pg.trusted[s/64] &^= 1 << (s % 64)
		b.trusted--
	}
	if pg.slots[s] != absent {
		pg.used--
	}
	if to != absent {
		pg.used++
	}
	pg.slots[s] = to
	if pg.used == 0 {
		delete(b.pages, p)
	}
}

// pinLocked keeps a block from being evicted until unpinLocked.
func (b *body) pinLocked(index int64) *block {
	k := b.blocks[index]
	if k == nil {
		k = &block{body: b, index: index}
		b.blocks[index] = k
	}
	k.pins.Add(1)
	b.pins++
	return k
}

// unpinLocked ends a call. If last is true the body is gone and this was the
// last call on it: the caller retires it. If empty is true nothing is on disk
// but an index: the caller unlinks it.
func (b *body) unpinLocked(k *block) (last, empty bool) {
	k.pins.Add(-1)
	b.pins--
	b.sweepLocked(k)
	return b.gone && b.pins == 0, !b.gone && len(b.blocks) == 0
}

// sweepLocked forgets a block of which nothing is left.
func (b *body) sweepLocked(k *block) {
	if k.pins.Load() == 0 && k.charge.Load() == 0 && !k.leaving && b.blocks[k.index] == k {
		delete(b.blocks, k.index)
		b.dir.retire(k)
	}
}

// bytesLocked is how much of the file is present.
func (b *body) bytesLocked() (n int64) {
	for _, k := range b.blocks {
		n += k.bytes
	}
	return n
}
