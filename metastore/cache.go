package metastore

import "sync"

// cacheSize inodes at most are kept decoded.
const cacheSize = 1 << 16

// inodeCache keeps decoded inodes by where they are, so that walking a path
// costs a map lookup for each known directory. Cached inodes are shared and never
// changed. It is filled under a shared lock of Store.mu and told of changes under
// the exclusive one, so it cannot be stale.
type inodeCache struct {
	mu struct {
		sync.RWMutex
		inodes map[place]*Inode
	}
}

type place struct {
	parent int64
	name   string
}

func (c *inodeCache) get(parent int64, name string) *Inode {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.inodes[place{parent, name}]
}

func (c *inodeCache) put(n *Inode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// All are dropped at once: those in use are back after one read each.
	if c.mu.inodes == nil || len(c.mu.inodes) >= cacheSize {
		c.mu.inodes = make(map[place]*Inode)
	}
	c.mu.inodes[place{n.ParentID, n.Name}] = n
}

func (c *inodeCache) drop(parent int64, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.inodes, place{parent, name})
}

func (c *inodeCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.inodes = nil
}
