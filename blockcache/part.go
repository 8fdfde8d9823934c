package blockcache

import "os"

// Lent names the data file that a descriptor is of: the next one of the same file id has another name. 0 is none.
type Lent uint64

// HandoutPart is [Cache.Handout] for a file that may be cached in part. ready is how many bytes from off on, of n, were
// written or verified since the cache was opened: the holder of the descriptor may read them, for as long as it holds it.
// f is nil if have already names the descriptor they are in.
//
// ErrMiss says that the byte at off is not there, and ErrUnverified that a ReadAt must verify it first. ErrTooMany says
// that too much is held already: what is held cannot be evicted, so it may be no more than half of a directory.
func (f *File) HandoutPart(off, n int64, have Lent) (ready int64, file *os.File, lent Lent, err error) {
	c, e := f.cache, f.entry
	c.running.RLock()
	defer c.running.RUnlock()
	e.mu.Lock()
	b := e.mu.body
	e.mu.Unlock()
	if b == nil || c.closed || f.released.Load() || off < 0 || n <= 0 || off >= e.info.Length {
		return 0, nil, 0, ErrMiss
	}
	ready, file, lent, err = c.handoutPart(b, off, min(n, e.info.Length-off), have)
	switch err {
	case nil, ErrMiss, ErrUnverified, ErrTooMany:
	default:
		c.openFailed(b, err)
		err = ErrMiss
	}
	return ready, file, lent, err
}

// handoutPart holds entry.names: nothing is punched or unlinked between the look at what is there and the lock of the
// descriptor.
func (c *Cache) handoutPart(b *body, off, n int64, have Lent) (ready int64, file *os.File, lent Lent, err error) {
	b.entry.names.Lock()
	defer b.entry.names.Unlock()
	files, release, err := c.fds.dataNamed(b)
	if err != nil {
		return 0, nil, 0, err
	}
	defer release()
	ours, err := files.data.stat()
	if err != nil {
		return 0, nil, 0, err
	}
	lent = Lent(ours.ino)
	ready, k, err := b.ready(files, off, n)
	if err != nil {
		return 0, nil, 0, err
	}
	if held := b.held.Load(); lent != have || !held {
		if !held && !c.held.admits(b) {
			return 0, nil, 0, ErrTooMany
		}
		if file, err = c.lend(b, files, func(diskState) bool { return true }); err != nil {
			return 0, nil, 0, err
		}
	}
	b.dir.touch(k, c.touches.Add(1))
	return ready, file, lent, nil
}

// ready counts the bytes from off on, up to n and the end of the block k, that are there and trusted.
func (b *body) ready(files *pair, off, n int64) (ready int64, k *block, err error) {
	e := b.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if b.gone {
		return 0, nil, ErrMiss
	}
	if err := b.lookLocked(files); err != nil {
		return 0, nil, err
	}
	first := off / ChunkSize
	k = b.blocks[e.info.blockOf(first)]
	if k == nil || !isRecord(b.slotLocked(first)) {
		return 0, nil, ErrMiss
	}
	_, end := e.info.blockChunks(k.index)
	at := first
	for at < end && at*ChunkSize < off+n && b.trustsLocked(at) {
		at++
	}
	if at == first {
		return 0, nil, ErrUnverified
	}
	return min(at*ChunkSize, off+n) - off, k, nil
}

// admits says whether one more body may be held in part: with all others of its directory that are held, and all that
// may yet be cached of them, it takes no more than half.
func (h *heldFiles) admits(b *body) bool {
	limit := b.dir.state().limit
	fits := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.mu.probes) < h.max && h.mu.bytes[b.dir]+whole(b.entry.info) <= limit/2
	}
	return fits() || h.lookAgain() && fits()
}
