package blockcache

// Info is the length and the block size of a file of which something is cached,
// or on which somebody has a handle.
func (c *Cache) Info(id int64) (FileInfo, bool) {
	c.running.RLock()
	defer c.running.RUnlock()
	e := c.lookup(id)
	if e == nil || c.closed {
		return FileInfo{}, false
	}
	return e.info, true
}

// Has says whether the cache keeps a file for the bytes of id, however few they are. Unlike [Cache.Info] it does not speak of
// those on which somebody only has a handle.
func (c *Cache) Has(id int64) bool {
	e := c.lookup(id)
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.body != nil
}

// InCluster says whether all that is cached is of that cluster already: then
// SetCluster changes nothing.
func (c *Cache) InCluster(cluster string) bool {
	c.cluster.Lock()
	defer c.cluster.Unlock()
	for _, d := range c.dirs {
		if !d.isFailed() && d.cluster != cluster {
			return false
		}
	}
	return true
}
