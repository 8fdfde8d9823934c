package blockcache

import (
	"context"
	"sync"
)

// trustsLocked says whether a chunk was written or verified since the cache was opened.
func (b *body) trustsLocked(chunk int64) bool {
	p, s := slotOf(chunk)
	pg := b.pages[p]
	return pg != nil && pg.trusted[s/64]&(1<<(s%64)) != 0
}

// trustLocked notes that a chunk's bytes were just seen to be those of the record, if it still has that.
func (b *body) trustLocked(chunk int64, record uint64) {
	p, s := slotOf(chunk)
	pg := b.pages[p]
	if pg == nil || !isRecord(record) || pg.slots[s] != record || b.trustsLocked(chunk) {
		return
	}
	pg.trusted[s/64] |= 1 << (s % 64)
	b.trusted++
}

// distrustLocked makes the body as it was when the cache was opened: its bytes are there, and nobody knows if they are
// right.
func (b *body) distrustLocked() {
	for _, pg := range b.pages {
		pg.trusted = [pageSlots / 64]uint64{}
	}
	b.trusted = 0
}

// trust notes that the first good bytes of a span were verified.
func (s span) trust(good int) {
	if s.trusted || good == 0 {
		return
	}
	e := s.body.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	for j := range min((good+ChunkSize-1)/ChunkSize, len(s.records)) {
		s.body.trustLocked(s.first+int64(j), s.records[j])
	}
}

// maxDoubts is how many files wait to be verified. Who asks for another one asks again.
const maxDoubts = 256

// doubts are the files that somebody wants to be verified, each once.
type doubts struct {
	next chan int64
	mu   struct {
		sync.Mutex
		waiting map[int64]bool
	}
}

func newDoubts() *doubts {
	d := &doubts{next: make(chan int64, maxDoubts)}
	d.mu.waiting = map[int64]bool{}
	return d
}

func (d *doubts) add(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.waiting[id] {
		return
	}
	select {
	case d.next <- id:
		d.mu.waiting[id] = true
	default:
	}
}

func (d *doubts) remove(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.waiting, id)
}

// verify reads what is doubted, one file at a time, until ctx ends.
func (c *Cache) verify(ctx context.Context) {
	buf := make([]byte, maxSpan*ChunkSize)
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-c.doubts.next:
			for off := int64(0); off >= 0 && ctx.Err() == nil; {
				off = c.verifyFrom(id, off, buf)
			}
			c.doubts.remove(id)
		}
	}
}

// verifyFrom verifies a step of a file from off on, and returns where to go on; below 0 there is nothing left to do.
func (c *Cache) verifyFrom(id, off int64, buf []byte) (next int64) {
	c.running.RLock()
	defer c.running.RUnlock()
	e := c.lookup(id)
	if e == nil || c.closed {
		return -1
	}
	off, ok := e.doubtful(off)
	if !ok {
		return -1
	}
	n, ok := c.readSpan(e, buf[:min(int64(len(buf)), e.info.Length-off)], off)
	if !ok {
		return -1 // it is not whole any more
	}
	return off + int64(n)
}

// doubtful finds the first chunk from off on that is not trusted.
func (e *entry) doubtful(off int64) (at int64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.mu.body
	if b == nil || b.trusted == e.info.chunks() {
		return 0, false
	}
	for chunk := off / ChunkSize; chunk < e.info.chunks(); chunk++ {
		if !b.trustsLocked(chunk) {
			return chunk * ChunkSize, true
		}
	}
	return 0, false
}
