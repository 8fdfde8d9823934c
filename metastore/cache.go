package metastore

import "sync"

// cacheSize inodes at most are kept decoded: half of them those that were used
// last.
const cacheSize = 1 << 16

// inodeCache keeps decoded inodes by where they are, so that walking a path
// costs a map lookup for each known directory. Cached inodes are shared and never
// changed. It is filled under a shared lock of Store.mu and told of changes under
// the exclusive one, so it cannot be stale.
type inodeCache struct {
	mu struct {
		sync.RWMutex
		// An inode of older that is used moves to recent; when that is full it
		// becomes older, and what was older is forgotten.
		recent, older map[place]*Inode
	}
}

type place struct {
	parent int64
	name   string
}

func (c *inodeCache) get(parent int64, name string) *Inode {
	at := place{parent, name}
	c.mu.RLock()
	n := c.mu.recent[at]
	old := (*Inode)(nil)
	if n == nil {
		old = c.mu.older[at]
	}
	c.mu.RUnlock()
	if old != nil {
		c.put(old)
		return old
	}
	return n
}

func (c *inodeCache) put(n *Inode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.recent == nil || len(c.mu.recent) >= cacheSize/2 {
		c.mu.recent, c.mu.older = make(map[place]*Inode), c.mu.recent
	}
	c.mu.recent[place{n.ParentID, n.Name}] = n
}

func (c *inodeCache) drop(parent int64, name string) {
	at := place{parent, name}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.recent, at)
	delete(c.mu.older, at)
}

func (c *inodeCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.recent, c.mu.older = nil, nil
}
