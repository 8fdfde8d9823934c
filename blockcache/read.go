package blockcache

import (
	"errors"
	"io"
	"syscall"
)

// maxReadErrors is how many reads in a row may fail with EIO before the
// directory counts as failed; one bad sector does not make it.
const maxReadErrors = 8

// ReadAt fills p with verified bytes from off up to the first chunk that is not
// cached: then n < len(p) and err is ErrMiss. At the file's end err is io.EOF.
// A chunk that turns out damaged is dropped and is a miss. Only p[:n] is
// meaningful afterwards.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	c, info := f.cache, f.entry.info
	switch {
	case f.released.Load():
		return 0, info.failure("read", syscall.EBADF)
	case off < 0:
		return 0, info.failure("read", syscall.EINVAL)
	case off >= info.Length:
		return 0, io.EOF
	}
	c.running.RLock()
	defer c.running.RUnlock()
	want := p[:min(int64(len(p)), info.Length-off)]
	for n < len(want) {
		m, ok := c.readSpan(f.entry, want[n:], off+int64(n))
		n += m
		if !ok {
			c.counts.misses.Add(1)
			c.counts.bytesRead.Add(int64(n))
			return n, ErrMiss
		}
	}
	c.counts.hits.Add(1)
	c.counts.bytesRead.Add(int64(n))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// span is a run of present chunks of one block, which is pinned.
type span struct {
	body    *body
	block   *block
	first   int64
	records []uint64
	trusted bool // all of them are
}

// readSpan reads the start of p: the rest of one chunk, or a run of whole ones.
// ok is false if the byte after those n is not to be had.
func (c *Cache) readSpan(e *entry, p []byte, off int64) (n int, ok bool) {
	work := c.takeScratch()
	defer c.scratch.Put(work)
	if c.closed {
		return 0, false
	}
	s, ok := e.pin(off, len(p), work.records[:0])
	if !ok {
		return 0, false
	}
	defer c.unpin(s.body, s.block)
	s.body.dir.touch(s.block, c.touches.Add(1))
	files, err := c.fds.get(s.body)
	if err != nil {
		c.openFailed(s.body, err)
		return 0, false
	}
	defer c.fds.release(files)

	within := off - s.first*ChunkSize
	length := min(int64(len(s.records))*ChunkSize, e.info.Length-s.first*ChunkSize)
	direct := within == 0 && length <= int64(len(p))
	buf := work.chunk[:min(length, ChunkSize)]
	if direct {
		buf = p[:length]
	}
	good, ok := c.readVerified(s, files, buf)
	s.trust(good)
	if direct || good == 0 {
		return good, ok
	}
	return copy(p, buf[within:]), true
}

// pin finds the present chunks from off on that a read of n bytes can take in
// one step: one chunk of which it wants a part, or a run that it wants whole.
func (e *entry) pin(off int64, n int, records []uint64) (span, bool) {
	first := off / ChunkSize
	most := int64(1)
	if off%ChunkSize == 0 {
		_, end := e.info.blockChunks(e.info.blockOf(first))
		most = min(int64(n)/ChunkSize, maxSpan, end-first)
		if first+most == e.info.chunks()-1 && int64(n) == e.info.Length-off && most < maxSpan && first+most < end {
			most++ // the file's last chunk is short
		}
		most = max(most, 1)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.mu.body
	if b == nil {
		return span{}, false
	}
	trusted := true
	for chunk := first; chunk < first+most; chunk++ {
		record := b.slotLocked(chunk)
		if !isRecord(record) {
			break
		}
		records = append(records, record)
		trusted = trusted && b.trustsLocked(chunk)
	}
	if len(records) == 0 {
		return span{}, false
	}
	return span{b, b.pinLocked(e.info.blockOf(first)), first, records, trusted}, true
}

// readVerified reads the span's chunks into buf and returns how many bytes at
// its start are right. The first chunk that is not is spoiled.
func (c *Cache) readVerified(s span, files *pair, buf []byte) (good int, ok bool) {
	d := s.body.dir
	got, err := files.data.ReadAt(buf, s.first*ChunkSize)
	switch {
	case got == len(buf):
		if d.readErrors.Load() != 0 {
			d.readErrors.Store(0)
		}
	case err == io.EOF: // others cut it off; put back in place, what lies between would be zeros to those who hold it
		c.openFailed(s.body, err)
		return 0, false
	case errors.Is(err, syscall.EIO):
		if d.readErrors.Add(1) >= maxReadErrors {
			c.failDir(d, err)
		}
	case judge(err) == faultDevice:
		c.failDir(d, err)
	case judge(err) == faultCaller:
		buf = buf[:got/ChunkSize*ChunkSize] // nothing is known of the rest
	}
	for j, record := range s.records {
		start := j * ChunkSize
		if start >= len(buf) {
			return start, false
		}
		end := min(start+ChunkSize, len(buf))
		if end > got || !recordFits(record, buf[start:end]) {
			c.spoil(s, s.first+int64(j), record, files)
			return start, false
		}
	}
	return len(buf), true
}

// spoil drops a damaged chunk of a pinned block. Its space stays allocated: the
// reader is about to fetch and put it again.
func (c *Cache) spoil(s span, chunk int64, record uint64, files *pair) {
	b, e := s.body, s.body.entry
	e.mu.Lock()
	if b.gone || b.slotLocked(chunk) != record {
		e.mu.Unlock()
		return
	}
	b.setSlotLocked(chunk, leaving)
	s.block.bytes -= e.info.chunkLen(chunk)
	e.mu.Unlock()
	c.counts.damaged.Add(1)
	c.changes.note(blockKey{e.info.ID, s.block.index})
	c.log.Warn("cached chunk is damaged, dropped", "path", b.dir.dataPath(e.info.ID), "offset", chunk*ChunkSize)

	_, err := files.index.WriteAt(encodeSlots([]uint64{absent}), slotOffset(chunk))
	e.mu.Lock()
	b.setSlotLocked(chunk, spoiled)
	e.mu.Unlock()
	if judge(err) == faultDevice {
		c.failDir(b.dir, err)
	}
}

func (c *Cache) takeScratch() *scratch {
	if s, ok := c.scratch.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}
