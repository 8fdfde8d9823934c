package blockcache

import "syscall"

// Put offers bytes to be cached: whole chunks from a chunk's border, or up to
// the file's end. kept says that every chunk is cached now, or is being put by
// another call. If it is false the disk is full, slow to empty, or failed; that
// is counted and is no error. err is EINVAL for a range that is none, and EBADF
// after Release. p is not kept.
func (f *File) Put(off int64, p []byte) (kept bool, err error) {
	c, info := f.cache, f.entry.info
	n := int64(len(p))
	switch {
	case f.released.Load():
		return false, info.failure("put", syscall.EBADF)
	case off < 0 || off%ChunkSize != 0 || off > info.Length || n > info.Length-off,
		n%ChunkSize != 0 && off+n != info.Length:
		return false, info.failure("put", syscall.EINVAL)
	}
	c.running.RLock()
	defer c.running.RUnlock()
	kept = true
	for done := int64(0); done < n; {
		m, span := c.putSpan(f.entry, off+done, p[done:])
		if span == spanRefused {
			m = n - done
		}
		if span != spanKept {
			kept = false
			c.counts.notKeptBytes.Add(m)
		}
		done += m
	}
	if !kept {
		c.counts.notKept.Add(1)
	}
	return kept, nil
}

// spanResult is what became of a part of a Put.
type spanResult int

const (
	spanKept    spanResult = iota
	spanSkipped            // not kept; the next part may be
	spanRefused            // not kept, and no more will be
)

// putSpan keeps the start of p and returns how many bytes that was.
func (c *Cache) putSpan(e *entry, off int64, p []byte) (n int64, result spanResult) {
	if c.closed {
		return 0, spanRefused
	}
	b := c.bodyFor(e)
	if b == nil {
		return 0, spanRefused
	}
	first := off / ChunkSize
	end := first + (int64(len(p))+ChunkSize-1)/ChunkSize
	cl, skip, result := c.claim(b, first, end)
	if cl.block == nil {
		return min(skip*ChunkSize, int64(len(p))), result
	}
	defer c.unpin(b, cl.block)
	start := (cl.first - first) * ChunkSize
	length := min(cl.n*ChunkSize, int64(len(p))-start)
	if !c.write(cl, p[start:start+length]) {
		return start + length, spanRefused
	}
	c.counts.bytesKept.Add(length)
	return start + length, result
}

// claim is a run of chunks of one pinned block which this call alone may write;
// their space is reserved.
type claim struct {
	body     *body
	block    *block
	first, n int64
}

// claim takes the first run of chunks in [first, end) that may be written. If
// there is none, the claim is empty and skip chunks are dealt with.
func (c *Cache) claim(b *body, first, end int64) (cl claim, skip int64, result spanResult) {
	e, d := b.entry, b.dir
	e.mu.Lock()
	defer e.mu.Unlock()
	if b.gone {
		return claim{}, 0, spanRefused
	}
	at, n, result := b.writableLocked(first, end)
	if n == 0 {
		return claim{}, at - first, result
	}
	k := b.pinLocked(e.info.blockOf(at))
	for try := 0; n > 0 && !b.gone; try++ {
		chunks, pages := b.costLocked(at, n)
		ok, nearFull := d.reserve(chunks + pages)
		if nearFull {
			c.wake()
		}
		if ok {
			b.claimLocked(k, at, n, chunks, pages)
			return claim{b, k, at, n}, 0, result
		}
		if try > 0 {
			break
		}
		e.mu.Unlock()
		c.makeRoom(d, chunks+pages)
		e.mu.Lock()
		at, n, result = b.writableLocked(at, min(end, at+n))
	}
	e.mu.Unlock()
	c.unpin(b, k)
	e.mu.Lock()
	if n == 0 && !b.gone {
		return claim{}, at - first, result // others put it meanwhile
	}
	return claim{}, 0, spanRefused
}

// writableLocked finds the first run of chunks that a Put may write, within one
// block. Without one, first is end and n is 0. Chunks that are leaving are
// passed over and not kept.
func (b *body) writableLocked(first, end int64) (at, n int64, result spanResult) {
	info := b.entry.info
	for at = first; at < end; at++ {
		slot := b.slotLocked(at)
		k := b.blocks[info.blockOf(at)]
		switch {
		case slot == leaving, k != nil && k.leaving:
			result = spanSkipped
			continue
		case slot == writing, isRecord(slot):
			continue
		}
		break
	}
	_, blockEnd := info.blockChunks(info.blockOf(min(at, info.chunks()-1)))
	end = min(end, blockEnd, at+maxSpan)
	for at+n < end {
		if slot := b.slotLocked(at + n); slot != absent && slot != spoiled {
			break
		}
		n++
	}
	return at, n, result
}

// costLocked is what a run of chunks will take that is not allocated yet, in
// the data and in the index.
func (b *body) costLocked(first, n int64) (chunks, pages int64) {
	lastPaid := int64(-1)
	for chunk := first; chunk < first+n; chunk++ {
		if b.slotLocked(chunk) != spoiled {
			chunks += allocated(b.entry.info, chunk)
		}
		if p, _ := slotOf(chunk); !b.paid[p] && p != lastPaid {
			pages += pageSize
			lastPaid = p
		}
	}
	return chunks, pages
}

func (b *body) claimLocked(k *block, first, n, chunks, pages int64) {
	for chunk := first; chunk < first+n; chunk++ {
		b.setSlotLocked(chunk, writing)
		p, _ := slotOf(chunk)
		b.paid[p] = true
	}
	k.charge.Add(chunks)
	b.charge += chunks + pages
	b.writing++
}

// write carries out a claim: data first, then the records, then they are
// visible. If it fails the claim's space is freed, or kept as spoiled.
func (c *Cache) write(cl claim, p []byte) bool {
	b, e := cl.body, cl.body.entry
	work := c.takeScratch()
	defer c.scratch.Put(work)
	records := work.records[:cl.n]
	for j := range records {
		chunk := p[j*ChunkSize : min((j+1)*ChunkSize, len(p))]
		records[j] = makeRecord(e.info.ID, cl.first+int64(j), checksum(chunk))
	}
	written, err := c.writeClaim(cl, p, records)

	e.mu.Lock()
	for j, record := range records {
		if err != nil {
			record = spoiled
		}
		b.setSlotLocked(cl.first+int64(j), record)
		b.trustLocked(cl.first+int64(j), record)
	}
	b.written = max(b.written, written)
	b.writing--
	if err == nil {
		cl.block.bytes += int64(len(p))
	}
	e.mu.Unlock()
	b.dir.touch(cl.block, c.touches.Add(1))
	if err == nil {
		c.changes.note(blockKey{e.info.ID, cl.block.index})
		return true
	}
	c.writeFailed(b, err)
	return false
}

// writeClaim also tells when the data file was changed, as of after the write.
func (c *Cache) writeClaim(cl claim, p []byte, records []uint64) (written int64, err error) {
	files, err := c.fds.get(cl.body)
	if err != nil {
		return 0, err
	}
	defer c.fds.release(files)
	if _, err := files.data.WriteAt(p, cl.first*ChunkSize); err != nil {
		return 0, err
	}
	if s, err := files.data.stat(); err == nil {
		written = s.changed
	}
	_, err = files.index.WriteAt(encodeSlots(records), slotOffset(cl.first))
	return written, err
}

// writeFailed does what a failed write calls for beyond not keeping the bytes.
func (c *Cache) writeFailed(b *body, err error) {
	switch judge(err) {
	case faultSpace:
		b.dir.full()
		c.log.Info("disk is full", "path", b.dir.path)
		c.wake()
	default:
		c.openFailed(b, err)
	}
}
