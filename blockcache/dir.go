package blockcache

import (
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// tier is a Tier in service.
type tier struct {
	alias     string
	high, low float64
	dirs      []*dir
}

// dir is a directory in service, or failed.
type dir struct {
	path  string
	quota int64
	tier  *tier
	lock  *flock.Flock // nil if the directory failed at Open
	// cluster is whose file ids lie here; guarded by Cache.cluster.
	cluster string

	evicting   sync.Mutex   // one at a time frees space here
	noPunch    atomic.Bool  // the file system cannot punch: evict whole files
	readErrors atomic.Int32 // in a row; see maxReadErrors

	mu struct {
		sync.Mutex
		used   int64 // reserved or on disk; never above quota
		limit  int64 // the quota or, if less, what the disk has room for
		failed error
		order  order
		shards map[string]bool // sub-directories of blocks that exist
		// orphans are unlinked pairs of which somebody holds a descriptor;
		// owed are their bytes.
		orphans []orphan
		owed    int64
	}
}

// orphan is an unlinked data file and what it still takes.
type orphan struct {
	pair   *pair
	charge int64
}

// shard is the sub-directory of blocks for a file; ids alone are too alike.
func shard(id int64) string {
	var b [8]byte
	for i := range b {
		b[i] = byte(id >> (8 * i))
	}
	return shardName(byte(crc32.ChecksumIEEE(b[:])))
}

// dataPath is where a file's data lies; the index is beside it.
func (d *dir) dataPath(id int64) string {
	return filepath.Join(d.path, "blocks", shard(id), fmt.Sprint(id))
}

func (d *dir) indexPath(id int64) string { return d.dataPath(id) + ".idx" }

// reserve takes n bytes out of the directory's room, all or none. nearFull
// says that the evictor is wanted.
func (d *dir) reserve(n int64) (ok, nearFull bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.failed != nil || d.mu.used+n > d.mu.limit {
		return false, true
	}
	d.mu.used += n
	return true, float64(d.mu.used-d.mu.owed) > d.tier.high*float64(d.mu.limit)
}

// release gives back reserved bytes.
func (d *dir) release(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.failed == nil {
		d.mu.used -= n
	}
}

// full notes that the disk is: the limit is what is used, until measure finds more.
func (d *dir) full() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setLimitLocked(min(d.mu.limit, d.mu.used))
}

// measure sets the limit by what the disk has left.
func (d *dir) measure() error {
	var s unix.Statfs_t
	if err := unix.Statfs(d.path, &s); err != nil {
		return err
	}
	free := int64(min(s.Bavail, uint64(maxLength)/uint64(s.Bsize))) * s.Bsize
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setLimitLocked(min(d.quota, d.mu.used+free))
	return nil
}

func (d *dir) setLimitLocked(limit int64) {
	if limit != d.mu.limit {
		d.mu.limit = limit
		d.mu.order.resize(int64(d.tier.low * float64(limit)))
	}
}

// touch ranks a block that was read or put. Only blocks with space on disk are ranked.
func (d *dir) touch(b *block, now uint64) { d.rank(b, now, order.touch) }

// found ranks a block that was on disk when the cache was opened.
func (d *dir) found(b *block, now uint64) { d.rank(b, now, order.found) }

func (d *dir) rank(b *block, now uint64, how func(order, *block)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.failed == nil && !b.retired.Load() && !b.body.kept.Load() {
		b.touched = now
		how(d.mu.order, b)
	}
}

// retire takes a block out of the ranking; it never returns.
func (d *dir) retire(b *block) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b.retired.Store(true)
	d.mu.order.remove(b)
}

// state is the directory as a decision sees it, without candidates.
func (d *dir) state() dirState {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.failed != nil {
		return dirState{}
	}
	s := dirState{limit: d.mu.limit, used: d.mu.used, owed: d.mu.owed}
	for class, b := range d.mu.order.coldest() {
		s.coldest = heat{class, b.touched}
		break
	}
	return s
}

// cold lists the coldest blocks until those that are not in use make up need bytes.
func (d *dir) cold(need int64) []candidate {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []candidate
	var h heat
	for class, b := range d.mu.order.coldest() {
		if need <= 0 {
			break
		}
		if class != h.class {
			h = heat{class: class}
		}
		h.touched = max(h.touched, b.touched)
		c := candidate{
			file: b.body.entry.info.ID, index: b.index,
			bytes: b.charge.Load(), heat: h,
			inUse: b.pins.Load() > 0 || b.body.held.Load(), block: b,
		}
		if !c.inUse {
			need -= c.bytes
		}
		list = append(list, c)
	}
	return list
}

func shardName(b byte) string { return fmt.Sprintf("%02x", b) }
