package blockcache

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"
)

// roundInterval is how often the evictor looks at the disks by itself: for
// space that others took or gave back, and for orphans that were let go.
const roundInterval = time.Second

// run is the evictor's goroutine.
func (c *Cache) run(ctx context.Context) {
	tick := time.NewTicker(roundInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.kick:
		case <-tick.C:
		}
		c.look()
		if c.evicts {
			c.round(ctx)
		}
	}
}

// wake asks for a round; one that is asked for already is enough.
func (c *Cache) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// look learns what the disks have left.
func (c *Cache) look() {
	for _, b := range c.held.look() {
		c.disturbed(b)
	}
	for _, d := range c.dirs {
		c.settle(d)
		if d.isFailed() {
			continue
		}
		if err := d.measure(); judge(err) == faultDevice {
			c.failDir(d, err)
		}
	}
}

// settle closes the orphans that nobody holds any more and gives back their space.
func (c *Cache) settle(d *dir) {
	d.mu.Lock()
	orphans := slices.Clone(d.mu.orphans)
	d.mu.Unlock()
	for _, o := range orphans {
		if !o.pair.data.lockAlone() {
			continue
		}
		c.fds.release(o.pair)
		d.mu.Lock()
		d.mu.orphans = slices.DeleteFunc(d.mu.orphans, func(x orphan) bool { return x.pair == o.pair })
		d.mu.owed -= o.charge
		d.mu.Unlock()
		c.fds.whenClosed(o.pair.body, func() { d.release(o.charge) })
	}
}

// round evicts until every tier that is above its high watermark is at its low
// one, or nothing more can go.
func (c *Cache) round(ctx context.Context) {
	for ctx.Err() == nil {
		freed := int64(0)
		for _, v := range c.victims() {
			if ctx.Err() != nil {
				return
			}
			d := v.block.body.dir
			d.evicting.Lock()
			freed += c.evictBlock(v.block)
			d.evicting.Unlock()
		}
		if freed == 0 {
			return
		}
	}
}

// victims are the blocks that a round has to evict.
func (c *Cache) victims() []candidate {
	tiers := c.states()
	for i, t := range tiers {
		tier, dirs := t.needs()
		for j := range t.dirs {
			t.dirs[j].cold = c.tiers[i].dirs[j].cold(max(tier, dirs[j]))
		}
	}
	return plan(tiers)
}

// states is what decisions are made on.
func (c *Cache) states() []tierState {
	tiers := make([]tierState, len(c.tiers))
	for i, t := range c.tiers {
		tiers[i] = tierState{high: t.high, low: t.low}
		for _, d := range t.dirs {
			tiers[i].dirs = append(tiers[i].dirs, d.state())
		}
	}
	return tiers
}

// maxTries bounds how long a writer looks for room: a victim that turns out to
// be held elsewhere gives none.
const maxTries = 8

// makeRoom evicts just enough for n more bytes and says whether there was room,
// which others may take before the caller does. The caller holds no lock.
func (c *Cache) makeRoom(d *dir, n int64) bool {
	if !c.evicts {
		return false
	}
	d.evicting.Lock()
	defer d.evicting.Unlock()
	for range maxTries {
		s := d.state()
		if s.used+n <= s.limit {
			return true
		}
		s.cold = d.cold(n - (s.limit - s.used))
		victims := planRoom(s, n)
		if victims == nil {
			return false
		}
		for _, v := range victims {
			c.evictBlock(v.block)
		}
	}
	return false
}

// evictBlock frees a block that is not in use and returns how many bytes were
// given back: the records first, then the space. The last block of a file takes
// the pair with it, as does any block whose space cannot be freed alone.
func (c *Cache) evictBlock(k *block) (freed int64) {
	b, e := k.body, k.body.entry
	files, err := c.fds.get(b)
	if err != nil {
		c.openFailed(b, err)
		return 0
	}
	e.names.Lock()
	defer e.names.Unlock()
	e.mu.Lock()
	if b.gone || k.leaving || k.pins.Load() > 0 || k.charge.Load() == 0 || b.kept.Load() {
		e.mu.Unlock()
		c.fds.release(files)
		return 0
	}
	if len(b.blocks) == 1 || b.dir.noPunch.Load() {
		return c.evictBodyLocked(b, files)
	}
	c.countEvicted(1, k.bytes)
	runs := b.leaveLocked(k)
	seen := b.lookLocked(files)
	e.mu.Unlock()
	c.changes.note(blockKey{e.info.ID, k.index})

	err = c.free(files, e.info, k.index, runs)
	if judge(err) == faultDevice {
		c.failDir(b.dir, err)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		b.dir.noPunch.Store(true)
	}
	e.mu.Lock()
	if err != nil {
		return c.evictBodyLocked(b, files)
	}
	if now, err := files.data.stat(); err == nil && seen == nil {
		b.written = max(b.written, now.changed) // by the hole
	}
	freed, empty := b.leftLocked(k, runs)
	if empty {
		return freed + c.evictBodyLocked(b, files)
	}
	e.mu.Unlock()
	c.fds.release(files)
	return freed
}

// evictBodyLocked is unlinkLocked, counted.
func (c *Cache) evictBodyLocked(b *body, files *pair) (freed int64) {
	if !b.gone {
		blocks := 0
		for _, k := range b.blocks {
			if k.bytes > 0 {
				blocks++
			}
		}
		c.countEvicted(blocks, b.bytesLocked())
		freed = b.charge
	}
	c.unlinkLocked(b, files)
	return freed
}

func (c *Cache) countEvicted(blocks int, bytes int64) {
	c.counts.evictedBlocks.Add(int64(blocks))
	c.counts.evictedBytes.Add(bytes)
}

// run is a run of chunks.
type run struct{ first, n int64 }

// leaveLocked takes every chunk of a block that has space on disk out of
// service, and returns where they are.
func (b *body) leaveLocked(k *block) (runs []run) {
	k.leaving = true
	k.bytes = 0
	first, end := b.entry.info.blockChunks(k.index)
	for chunk := first; chunk < end; chunk++ {
		if !onDisk(b.slotLocked(chunk)) {
			continue
		}
		b.setSlotLocked(chunk, leaving)
		if last := len(runs) - 1; last >= 0 && runs[last].first+runs[last].n == chunk {
			runs[last].n++
		} else {
			runs = append(runs, run{chunk, 1})
		}
	}
	return runs
}

// leftLocked ends what leaveLocked began. If the body is gone, what it was
// charged is given back when it is retired.
func (b *body) leftLocked(k *block, runs []run) (freed int64, empty bool) {
	for _, r := range runs {
		for chunk := r.first; chunk < r.first+r.n; chunk++ {
			b.setSlotLocked(chunk, absent)
		}
	}
	k.leaving = false
	if b.gone {
		return 0, false
	}
	freed = k.charge.Swap(0)
	b.charge -= freed
	b.dir.release(freed)
	b.sweepLocked(k)
	return freed, len(b.blocks) == 0
}

// errHeld says that somebody else may hold a descriptor of the file.
var errHeld = errors.New("a descriptor is held elsewhere")

// free clears the block's records, and then its space unless somebody else may
// be reading it.
func (c *Cache) free(files *pair, info FileInfo, index int64, runs []run) error {
	for _, r := range runs {
		if _, err := files.index.WriteAt(make([]byte, 8*r.n), slotOffset(r.first)); err != nil {
			return err
		}
	}
	if !files.data.lockAlone() {
		return errHeld
	}
	defer files.data.unlock()
	first, end := info.blockChunks(index)
	return files.data.punch(first*ChunkSize, (end-first)*ChunkSize)
}

// unlinkLocked takes the pair off the disk. Calls under way finish on the open
// files. It is called with entry.names and entry.mu held, releases the latter,
// and takes over the caller's use of files, which may be nil.
func (c *Cache) unlinkLocked(b *body, files *pair) {
	e, d := b.entry, b.dir
	if b.gone {
		e.mu.Unlock()
		if files != nil {
			c.fds.release(files)
		}
		return
	}
	b.witness = files
	keys, idle := b.detachLocked()
	e.mu.unlinking++
	e.mu.Unlock()
	c.noteAll(keys)
	err := removeBoth(d.indexPath(e.info.ID), d.dataPath(e.info.ID))
	e.mu.Lock()
	e.mu.unlinking--
	e.mu.Unlock()
	if judge(err) == faultDevice {
		c.failDir(d, err)
	}
	if idle {
		c.retire(b)
	} else {
		c.fds.forget(b)
	}
	c.forgetIdle(e)
}

// removeBoth unlinks two files, in order: data without an index is a known
// relict, an index without data is a loss to report.
func removeBoth(index, data string) error {
	err := os.Remove(index)
	if err2 := os.Remove(data); err == nil || os.IsNotExist(err) {
		err = err2
	}
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// detachLocked makes the body gone and returns the blocks that vanish. idle
// says that no call is under way on it: the caller retires it, otherwise the
// last call does.
func (b *body) detachLocked() (keys []blockKey, idle bool) {
	if b.entry.mu.body == b {
		b.entry.mu.body = nil
	}
	b.gone = true
	for _, k := range b.blocks {
		b.dir.retire(k)
		keys = append(keys, blockKey{b.entry.info.ID, k.index})
	}
	return keys, b.pins == 0
}

// retire gives back a gone body's space once nobody holds it: neither a call
// (there is none any more) nor a descriptor elsewhere.
func (c *Cache) retire(b *body) {
	c.fds.forget(b)
	c.held.drop(b)
	if w := b.witness; w != nil {
		if !w.data.lockAlone() {
			b.dir.adopt(orphan{w, b.charge})
			return
		}
		c.fds.release(w)
	}
	c.fds.whenClosed(b, func() { b.dir.release(b.charge) })
}

// adopt keeps count of an unlinked file that is held elsewhere.
func (d *dir) adopt(o orphan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.orphans = append(d.mu.orphans, o)
	d.mu.owed += o.charge
}

// unpin ends a call on a body.
func (c *Cache) unpin(b *body, k *block) {
	b.entry.mu.Lock()
	last, empty := b.unpinLocked(k)
	b.entry.mu.Unlock()
	switch {
	case last:
		c.retire(b)
	case empty:
		c.dropBody(b, func() bool { return len(b.blocks) == 0 })
	}
}

func (c *Cache) noteAll(keys []blockKey) {
	for _, k := range keys {
		c.changes.note(k)
	}
}
