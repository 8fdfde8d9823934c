package blockcache

import (
	"cmp"
	"iter"
	"slices"
)

// StoreID is the positive random number that was given to this cache when its
// directories were first used.
func (c *Cache) StoreID() int64 { return c.storeID }

// Usage is what each tier and directory may hold and holds.
func (c *Cache) Usage() []TierUsage {
	all := make([]TierUsage, 0, len(c.tiers))
	for _, t := range c.tiers {
		u := TierUsage{Alias: t.alias}
		for _, d := range t.dirs {
			d.mu.Lock()
			du := DirUsage{Path: d.path, Quota: d.quota, Used: d.mu.used, Failed: d.mu.failed}
			folders := int64(ownNames+len(d.mu.shards)) * pageSize
			d.mu.Unlock()
			u.Dirs = append(u.Dirs, du)
			if du.Failed == nil {
				u.Quota += du.Quota
				u.Used += max(0, du.Used-folders)
			}
		}
		all = append(all, u)
	}
	return all
}

// Blocks yields every block of which something is present, a file at a time.
// It is a snapshot of each file, not of the whole.
func (c *Cache) Blocks() iter.Seq[BlockState] {
	return func(yield func(BlockState) bool) {
		for _, e := range c.entries() {
			for _, s := range e.blocks() {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// blocks are the file's blocks in order.
func (e *entry) blocks() (states []BlockState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.body == nil {
		return nil
	}
	for _, k := range e.mu.body.blocks {
		if k.bytes > 0 {
			states = append(states, BlockState{e.info.ID, k.index, k.bytes})
		}
	}
	slices.SortFunc(states, func(a, b BlockState) int { return cmp.Compare(a.Index, b.Index) })
	return states
}

// blockBytes is how much of a block is present.
func (c *Cache) blockBytes(key blockKey) int64 {
	e := c.lookup(key.file)
	if e == nil {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.mu.body; b != nil {
		if k := b.blocks[key.index]; k != nil {
			return k.bytes
		}
	}
	return 0
}

// CachedBytes is how much of a file is present.
func (c *Cache) CachedBytes(id int64) int64 {
	e := c.lookup(id)
	if e == nil {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.body == nil {
		return 0
	}
	return e.mu.body.bytesLocked()
}

// Stats are the counts since Open.
func (c *Cache) Stats() Stats {
	return Stats{
		Hits:          c.counts.hits.Load(),
		Misses:        c.counts.misses.Load(),
		BytesRead:     c.counts.bytesRead.Load(),
		BytesKept:     c.counts.bytesKept.Load(),
		EvictedBlocks: c.counts.evictedBlocks.Load(),
		EvictedBytes:  c.counts.evictedBytes.Load(),
		Damaged:       c.counts.damaged.Load(),
		Quarantined:   c.counts.quarantined.Load(),
		NotKept:       c.counts.notKept.Load(),
		NotKeptBytes:  c.counts.notKeptBytes.Load(),
	}
}
