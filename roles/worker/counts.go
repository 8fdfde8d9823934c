package worker

import (
	"sync"
	"sync/atomic"

	"goosefs/blockcache"
	"goosefs/wire/clusterpb"
)

// counts are what a worker counts for its masters, since it started or since they were cleared.
type counts struct {
	cache     *blockcache.Cache
	fromCache atomic.Int64 // bytes
	fromUFS   atomic.Int64 // bytes
	handouts  atomic.Int64 // descriptors, ever

	mu struct {
		sync.Mutex
		evicted, damaged int64 // the cache's counts when they were cleared last
	}
}

func (c *counts) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fromCache.Store(0)
	c.fromUFS.Store(0)
	stats := c.cache.Stats()
	c.mu.evicted, c.mu.damaged = stats.EvictedBlocks, stats.Damaged
}

func (c *counts) report() *clusterpb.Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.cache.Stats()
	return &clusterpb.Counters{
		BytesFromCache: c.fromCache.Load(), BytesFromUfs: c.fromUFS.Load(),
		BlocksEvicted: stats.EvictedBlocks - c.mu.evicted, ChunksDamaged: stats.Damaged - c.mu.damaged,
	}
}
