package blockcache

// Drop frees what is cached of a file and returns how many bytes that was. Calls
// under way on it finish; handles stay good and find nothing cached.
func (c *Cache) Drop(id int64) (bytes int64) {
	c.running.RLock()
	defer c.running.RUnlock()
	e := c.lookup(id)
	if e == nil || c.closed {
		return 0
	}
	return c.drop(e)
}

// DropBlock frees one block and returns how many bytes that was: 0 if it is
// being read or written just now, or is kept.
func (c *Cache) DropBlock(id, index int64) (bytes int64) {
	c.running.RLock()
	defer c.running.RUnlock()
	e := c.lookup(id)
	if e == nil || c.closed {
		return 0
	}
	e.mu.Lock()
	var k *block
	if b := e.mu.body; b != nil {
		if k = b.blocks[index]; k != nil {
			bytes = k.bytes
		}
	}
	e.mu.Unlock()
	if k == nil || c.evictBlock(k) == 0 {
		return 0
	}
	return bytes
}

func (c *Cache) drop(e *entry) int64 {
	e.mu.Lock()
	b := e.mu.body
	e.mu.Unlock()
	if b == nil {
		return 0
	}
	return c.dropBody(b, func() bool { return true })
}

// dropBody unlinks a body if, under its locks, the condition still holds. The
// caller holds no lock.
func (c *Cache) dropBody(b *body, still func() bool) (bytes int64) {
	files, err := c.fds.get(b)
	if err != nil {
		files = nil // then a holder goes unnoticed; it keeps its bytes all the same
	}
	b.entry.names.Lock()
	defer b.entry.names.Unlock()
	b.entry.mu.Lock()
	if b.gone || !still() {
		b.entry.mu.Unlock()
		if files != nil {
			c.fds.release(files)
		}
		return 0
	}
	bytes = b.bytesLocked()
	c.unlinkLocked(b, files)
	return bytes
}

// openFailed does what an error on a body's files calls for, beyond a miss.
func (c *Cache) openFailed(b *body, err error) {
	switch judge(err) {
	case faultDevice:
		c.failDir(b.dir, err)
	case faultFile:
		lost := c.dropBody(b, func() bool { return true })
		if lost > 0 {
			c.counts.damaged.Add((lost + ChunkSize - 1) / ChunkSize)
			c.log.Warn("cached file is lost, dropped", "path", b.dir.dataPath(b.entry.info.ID), "err", err)
		}
	case faultCaller:
		c.log.Debug("cannot use a cached file now", "err", err)
	}
}

// failDir takes a directory out of service: its blocks vanish, nothing on it is
// touched again.
func (c *Cache) failDir(d *dir, cause error) {
	d.mu.Lock()
	already := d.mu.failed != nil
	if !already {
		d.mu.failed = cause
		d.mu.used, d.mu.owed = 0, 0
	}
	d.mu.Unlock()
	if already {
		return
	}
	c.log.Error("cache directory failed, out of service until restart", "path", d.path, "err", cause)
	for _, e := range c.entries() {
		e.mu.Lock()
		b := e.mu.body
		if b == nil || b.dir != d {
			e.mu.Unlock()
			continue
		}
		keys, idle := b.detachLocked()
		e.mu.Unlock()
		c.noteAll(keys)
		if idle {
			c.retire(b)
		} else {
			c.fds.forget(b)
		}
		c.forgetIdle(e)
	}
}
