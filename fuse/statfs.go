package fuse

import (
	"context"
	"sync"
	"time"

	"goosefs/client"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

const (
	capacityAge  = time.Second     // how old an answer to df may be
	capacityWait = 2 * time.Second // how long df waits for a fresh one
	statfsBlock  = 4096
)

// room is what df shows of the cluster's cache.
type room struct {
	total, used int64 // bytes, of live workers
	blocks      int64 // held by them
}

// roomOf sums up the live workers.
func roomOf(workers []client.Worker) room {
	var r room
	for _, w := range workers {
		if !w.Live {
			continue
		}
		r.blocks += w.Blocks
		for _, t := range w.Tiers {
			r.total += t.Quota
			r.used += min(t.Used, t.Quota)
		}
	}
	return r
}

// capacity answers statfs: with the cluster's room as of a second ago or, if no master answers in time, as it last was
// known. df of all mounts should not hang for one.
type capacity struct {
	tree Tree

	mu struct {
		sync.Mutex // held while the tree is asked: many ask as one
		last       room
		until      time.Time
	}
}

func (c *capacity) fill(ctx context.Context, out *gofuse.StatfsOut) {
	r := c.room(ctx)
	out.Bsize, out.Frsize = statfsBlock, statfsBlock
	out.NameLen = nameMax
	out.Blocks = uint64(r.total) / statfsBlock
	out.Bfree = uint64(r.total-r.used) / statfsBlock
	out.Bavail = out.Bfree
	// There is no limit to files. A free number of zero would make programs take the disk for full.
	out.Ffree = max(out.Bfree, 1<<20)
	out.Files = uint64(r.blocks) + out.Ffree
}

func (c *capacity) room(ctx context.Context) room {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.mu.until) {
		return c.mu.last
	}
	ctx, cancel := context.WithTimeout(ctx, capacityWait)
	defer cancel()
	if workers, err := c.tree.Workers(ctx); err == nil {
		c.mu.last = roomOf(workers)
	}
	c.mu.until = time.Now().Add(capacityAge)
	return c.mu.last
}
