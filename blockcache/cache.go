package blockcache

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
)

// maxSpan is how many chunks one step of a read or a put handles at most.
const maxSpan = 16

// Cache is an open cache. Its methods, and those of its Files, may be called
// from any goroutine.
type Cache struct {
	log     *slog.Logger
	open    opener
	storeID int64
	tiers   []*tier
	dirs    []*dir // of all tiers
	evicts  bool   // the policy evicts

	fds     *descriptors
	changes *changeLog
	counts  counters
	held    *heldFiles
	doubts  *doubts
	touches atomic.Uint64
	writers atomic.Uint64 // ever
	scratch sync.Pool     // of *scratch

	kick    chan struct{} // wakes the evictor; holds one
	stop    context.CancelFunc
	evictor sync.WaitGroup // and the one that verifies

	// running is read-held by each call; Close takes it to set closed.
	running sync.RWMutex
	closed  bool

	// cluster is held while the directories change to another cluster.
	cluster sync.Mutex

	files struct {
		sync.RWMutex
		byID map[int64]*entry
	}
}

// scratch is what one step of a read or a put works in.
type scratch struct {
	chunk   [ChunkSize]byte
	records [maxSpan]uint64
}

// counters are Stats in the making.
type counters struct {
	hits, misses, bytesRead, bytesKept atomic.Int64
	evictedBlocks, evictedBytes        atomic.Int64
	damaged, quarantined               atomic.Int64
	notKept, notKeptBytes              atomic.Int64
}

// File is a handle on a file's cached bytes. It pins nothing: what is cached
// may be evicted between two calls, though never under one.
type File struct {
	cache    *Cache
	entry    *entry
	released atomic.Bool
}

// Acquire returns a handle, whether or not anything is cached; the caller
// releases it. If the id is known with another length or block size then the
// cached bytes cannot be of this file and are dropped.
func (c *Cache) Acquire(info FileInfo) (*File, error) {
	if err := info.validate(); err != nil {
		return nil, err
	}
	c.running.RLock()
	defer c.running.RUnlock()
	if c.closed {
		return nil, info.failure("acquire", syscall.EBADF)
	}
	for {
		e, ok := c.acquire(info)
		if ok {
			return &File{cache: c, entry: e}, nil
		}
		c.log.Warn("cached file has another shape now, dropped", "file", info.ID,
			"was", e.info.Length, "is", info.Length)
		c.expel(e)
	}
}

// acquire counts a handle on the entry of the id, or returns the entry that is
// in the way.
func (c *Cache) acquire(info FileInfo) (*entry, bool) {
	c.files.Lock()
	defer c.files.Unlock()
	e := c.files.byID[info.ID]
	if e == nil {
		e = &entry{info: info}
		c.files.byID[info.ID] = e
	}
	if e.info != info {
		return e, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.handles++
	return e, true
}

// expel empties an entry for good and makes room for another of its id.
func (c *Cache) expel(e *entry) (dropped int64) {
	e.mu.Lock()
	e.mu.retired = true
	e.mu.Unlock()
	dropped = c.drop(e)
	c.files.Lock()
	defer c.files.Unlock()
	if c.files.byID[e.info.ID] == e {
		delete(c.files.byID, e.info.ID)
	}
	return dropped
}

// Release ends the handle; calls on it fail with EBADF from then on.
func (f *File) Release() {
	if f.released.Swap(true) {
		return
	}
	f.entry.mu.Lock()
	f.entry.mu.handles--
	f.entry.mu.Unlock()
	f.cache.forgetIdle(f.entry)
}

// forgetIdle forgets an entry that nobody has a handle on and of which nothing
// is on disk.
func (c *Cache) forgetIdle(e *entry) {
	c.files.Lock()
	defer c.files.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.handles == 0 && e.mu.body == nil && e.mu.unlinking == 0 && c.files.byID[e.info.ID] == e {
		delete(c.files.byID, e.info.ID)
	}
}

// lookup is the entry of an id, or nil.
func (c *Cache) lookup(id int64) *entry {
	c.files.RLock()
	defer c.files.RUnlock()
	return c.files.byID[id]
}

// entries is a snapshot of all entries.
func (c *Cache) entries() []*entry {
	c.files.RLock()
	defer c.files.RUnlock()
	all := make([]*entry, 0, len(c.files.byID))
	for _, e := range c.files.byID {
		all = append(all, e)
	}
	return all
}

// Close waits for the calls under way, stops the evictor and unlocks the
// directories. What is cached stays.
func (c *Cache) Close() error {
	c.running.Lock()
	already := c.closed
	c.closed = true
	c.running.Unlock()
	if already {
		return nil
	}
	c.stop()
	c.evictor.Wait()
	c.held.close()
	c.fds.closeIdle()
	for _, d := range c.dirs {
		d.mu.Lock()
		for _, o := range d.mu.orphans {
			c.fds.release(o.pair)
		}
		d.mu.orphans = nil
		d.mu.Unlock()
	}
	return unlockAll(c.dirs)
}
