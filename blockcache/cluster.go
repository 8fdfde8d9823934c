package blockcache

// SetCluster says which cluster's masters the file ids come from; call it before
// anything is acquired. An id means nothing in another cluster, nor after the
// masters were formatted: what directories hold from before is dropped, and
// handles from before find nothing and keep nothing. dropped is how many bytes
// that was.
func (c *Cache) SetCluster(cluster string) (dropped int64, err error) {
	c.running.RLock()
	defer c.running.RUnlock()
	if c.closed {
		return 0, nil
	}
	c.cluster.Lock()
	defer c.cluster.Unlock()
	other := map[*dir]bool{}
	for _, d := range c.dirs {
		if !d.isFailed() && d.cluster != cluster {
			other[d] = true
		}
	}
	if len(other) == 0 {
		return 0, nil
	}
	for _, e := range c.entries() {
		e.mu.Lock()
		b := e.mu.body
		e.mu.Unlock()
		if b == nil || other[b.dir] {
			dropped += c.expel(e)
		}
	}
	for d := range other {
		if d.isFailed() { // it keeps its old cluster, and will be asked again
			continue
		}
		if err := d.writeIdentity(identity{c.storeID, cluster}); err != nil {
			if judge(err) != faultDevice {
				return dropped, err
			}
			c.failDir(d, err)
			continue
		}
		d.cluster = cluster
	}
	if dropped > 0 {
		c.log.Info("cached bytes of another cluster dropped", "bytes", dropped, "cluster", cluster)
	}
	return dropped, nil
}
