package blockcache

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watch samples what a cache says it uses, and what its directories really take
// according to real (if any), until stop is called; it fails the test if either
// is above the quota.
func watch(t *testing.T, c *Cache, real func(dir string) int64) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		for {
			for _, u := range c.Usage() {
				for _, d := range u.Dirs {
					if d.Used > d.Quota || d.Used < 0 {
						t.Errorf("%s: %d used of %d", d.Path, d.Used, d.Quota)
					}
					if real == nil {
						continue
					}
					if n := real(d.Path); n > d.Quota {
						t.Errorf("%s: %d on disk, quota %d", d.Path, n, d.Quota)
					}
				}
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// walked is what the files of a directory take, one after the other: exact only
// while at most one of them changes.
func walked(root string) (total int64) {
	_ = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		var s unix.Stat_t
		if err == nil && unix.Lstat(path, &s) == nil {
			total += s.Blocks * 512
		}
		return nil // files come and go
	})
	return total
}

// mounted is what a file system of its own has in use.
func mounted(root string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(root, &s); err != nil {
		return 0
	}
	return int64(s.Blocks-s.Bfree) * s.Bsize
}

// tmpfs mounts a small file system for the test.
func tmpfs(t *testing.T, size int64) (path string) {
	t.Helper()
	need(t, os.Geteuid() == 0, "root, to mount a tmpfs")
	path = t.TempDir()
	err := unix.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size))
	need(t, err == nil, fmt.Sprintf("a tmpfs: %v", err))
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	return path
}

func TestPassingHighComesBackToLow(t *testing.T) {
	const quota = 16 * mib
	o := one(t.TempDir(), quota)
	o.Policy = LRU
	c := mustOpen(t, o)
	defer watch(t, c, walked)()
	info := FileInfo{ID: 1, Length: 64 * mib, BlockSize: mib}
	f := mustAcquire(t, c, info)
	off := int64(0)
	for ; used(c) <= quota*8/10 && off < info.Length; off += mib {
		if !put(t, f, off, mib) {
			t.Fatalf("not kept at %d, %d used", off, used(c))
		}
	}
	// The evictor may have begun while the last block was being put.
	until(t, "used is back at low", func() bool { return used(c) <= quota*7/10+mib })
	if left := used(c); left < quota*6/10 {
		t.Errorf("only %d left: too much was evicted", left)
	}
	if check(t, f, 0, mib) != 0 {
		t.Error("the coldest block is still there")
	}
	if check(t, f, off-mib, mib) != mib {
		t.Error("the hottest block is gone")
	}
	if s := c.Stats(); s.EvictedBlocks == 0 || s.EvictedBytes != s.EvictedBlocks*mib {
		t.Errorf("%+v", s)
	}
}

func TestAReadKeepsABlockWarm(t *testing.T) {
	const quota = 16 * mib
	c := mustOpen(t, one(t.TempDir(), quota))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 64 * mib, BlockSize: mib})
	put(t, f, 0, mib)
	for off := int64(mib); off < 40*mib; off += mib {
		put(t, f, off, mib)
		if check(t, f, 0, mib) != mib {
			t.Fatalf("the block that is read all the time was evicted at %d", off)
		}
	}
}

func TestAFileManyTimesTheCacheStreamsThrough(t *testing.T) {
	const quota = 8 * mib
	c := mustOpen(t, one(t.TempDir(), quota))
	stop := watch(t, c, walked)
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 64*mib + 5, BlockSize: mib})
	kept := 0
	for off := int64(0); off < 64*mib+5; off += 256 * kib {
		check(t, f, off, 256*kib)
		if put(t, f, off, 256*kib) {
			kept++
			check(t, f, off, 256*kib)
		}
	}
	stop()
	if kept < 200 {
		t.Errorf("only %d of 257 puts were kept", kept)
	}
}

func TestPolicyNoneStopsAdmitting(t *testing.T) {
	o := one(t.TempDir(), 8*mib)
	o.Policy = NONE
	c := mustOpen(t, o)
	defer watch(t, c, walked)()
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 64 * mib, BlockSize: mib})
	kept := int64(0)
	for off := int64(0); off < 64*mib; off += mib {
		if put(t, f, off, mib) {
			kept++
		}
	}
	if kept != 7 {
		t.Errorf("%d MiB kept of a quota of 8 MiB less overhead", kept)
	}
	if check(t, f, 0, 64*mib) != kept*mib {
		t.Error("what was kept is not there")
	}
	if s := c.Stats(); s.EvictedBlocks != 0 || s.NotKept != 64-kept || s.NotKeptBytes != (64-kept)*mib {
		t.Errorf("%+v", s)
	}
}

// TestManyAtOnce is everything at once on few files and little room: every byte
// that comes back is checked against its own place in its own file.
func TestManyAtOnce(t *testing.T) {
	t.Run("here", func(t *testing.T) { manyAtOnce(t, t.TempDir, nil) })
	t.Run("on file systems of their own", func(t *testing.T) {
		manyAtOnce(t, func() string { return tmpfs(t, 16*mib) }, mounted)
	})
}

func manyAtOnce(t *testing.T, folder func() string, real func(string) int64) {
	const quota = 6 * mib
	c := mustOpen(t, Options{OpenFiles: 6, Tiers: []Tier{
		{Alias: "MEM", Dirs: []Dir{{folder(), quota}, {folder(), quota}}, High: 0.8, Low: 0.6},
		{Alias: "HDD", Dirs: []Dir{{folder(), quota}}, High: 0.8, Low: 0.6},
	}})
	stop := watch(t, c, real)
	var infos []FileInfo
	for id := range int64(12) {
		infos = append(infos, FileInfo{ID: id + 1, Length: 1 + (id*719_393)%(5*mib), BlockSize: 256 * kib})
	}
	var found, kept atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			for range 300 {
				info := infos[r.IntN(len(infos))]
				f, err := c.Acquire(info)
				if err != nil {
					t.Error(err)
					return
				}
				off := r.Int64N(info.Length)
				n := 1 + r.Int64N(mib)
				switch r.IntN(8) {
				case 0, 1, 2, 3:
					found.Add(check(t, f, off, n))
				case 4, 5, 6:
					off -= off % ChunkSize
					if put(t, f, off, (n+ChunkSize-1)/ChunkSize*ChunkSize) {
						kept.Add(1)
					}
				case 7:
					if r.IntN(8) == 0 {
						c.Drop(info.ID)
					} else {
						c.DropBlock(info.ID, off/info.BlockSize)
					}
				}
				f.Release()
			}
		})
	}
	wg.Wait()
	stop()
	if found.Load() == 0 || kept.Load() == 0 || c.Stats().EvictedBlocks == 0 {
		t.Errorf("too quiet: %d bytes found, %d puts kept, %+v", found.Load(), kept.Load(), c.Stats())
	}
	if s := c.Stats(); s.Damaged != 0 {
		t.Errorf("%d chunks damaged without a fault", s.Damaged)
	}
	audit(t, c)
	for _, info := range infos {
		c.Drop(info.ID)
	}
	for _, u := range c.Usage() {
		for _, d := range u.Dirs {
			if most := int64(5+12) * pageSize; d.Used > most {
				t.Errorf("%s: %d still used of an empty cache, %d expected at most", d.Path, d.Used, most)
			}
		}
	}
}

// audit compares a cache's books with each other, as soon as the evictor is
// quiet.
func audit(t *testing.T, c *Cache) {
	t.Helper()
	var wrong []string
	defer func() {
		for _, w := range wrong {
			t.Error(w)
		}
	}()
	until(t, "the books are right", func() bool {
		wrong = discrepancies(c)
		return wrong == nil
	})
}

func discrepancies(c *Cache) (wrong []string) {
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	charged := map[*dir]int64{}
	ranked := map[*dir]int{}
	for _, e := range c.entries() {
		e.mu.Lock()
		b := e.mu.body
		if b == nil {
			e.mu.Unlock()
			continue
		}
		present, blocks := int64(0), int64(0)
		for chunk := range e.info.chunks() {
			switch slot := b.slotLocked(chunk); {
			case isRecord(slot):
				present += e.info.chunkLen(chunk)
			case slot == writing, slot == leaving:
				note("file %d: chunk %d is still %d", e.info.ID, chunk, slot)
			}
		}
		for _, k := range b.blocks {
			blocks += k.charge.Load()
			if k.pins.Load() != 0 || k.leaving || k.charge.Load() == 0 {
				note("file %d: block %d: %d pins, leaving %v, charge %d",
					e.info.ID, k.index, k.pins.Load(), k.leaving, k.charge.Load())
			}
		}
		if present != b.bytesLocked() || blocks >= b.charge || b.pins != 0 {
			note("file %d: %d present, blocks say %d; charge %d of %d; %d pins",
				e.info.ID, present, b.bytesLocked(), blocks, b.charge, b.pins)
		}
		charged[b.dir] += b.charge
		if !b.kept.Load() { // those that are kept never go
			ranked[b.dir] += len(b.blocks)
		}
		e.mu.Unlock()
	}
	for _, d := range c.dirs {
		d.mu.Lock()
		if d.mu.failed == nil {
			base := d.mu.used - charged[d] - d.mu.owed
			if most := int64(5+256) * pageSize; base < 5*pageSize || base > most {
				note("%s: used %d, of which files %d, owed %d", d.path, d.mu.used, charged[d], d.mu.owed)
			}
			n := 0
			for range d.mu.order.coldest() {
				n++
			}
			if n != ranked[d] {
				note("%s: %d blocks ranked, %d exist", d.path, n, ranked[d])
			}
		}
		d.mu.Unlock()
	}
	return wrong
}

func TestALowerQuotaIsHonouredAtOnce(t *testing.T) {
	for _, policy := range []string{LRU, NONE} {
		t.Run(policy, func(t *testing.T) {
			path := t.TempDir()
			o := one(path, 16*mib)
			o.Policy = policy
			fill(t, o, FileInfo{ID: 1, Length: 10 * mib, BlockSize: mib})
			o.Tiers[0].Dirs[0].Quota = 4 * mib
			c := mustOpen(t, o)
			defer watch(t, c, walked)()
			if used(c) > 4*mib || used(c) < mib {
				t.Errorf("%d used of 4 MiB", used(c))
			}
			audit(t, c)
		})
	}
}

// fill opens a cache, puts whole files, and closes it.
func fill(t testing.TB, o Options, infos ...FileInfo) {
	t.Helper()
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		f, err := c.Acquire(info)
		if err != nil {
			t.Fatal(err)
		}
		if !put(t, f, 0, info.Length) {
			t.Fatalf("file %d not kept", info.ID)
		}
		f.Release()
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAllTiersFillAndEvictAsOne(t *testing.T) {
	o := Options{Policy: LRU, Tiers: []Tier{
		{Alias: "MEM", Dirs: []Dir{{t.TempDir(), 4 * mib}}, High: 0.8, Low: 0.5},
		{Alias: "HDD", Dirs: []Dir{{t.TempDir(), 8 * mib}, {t.TempDir(), 8 * mib}}, High: 0.8, Low: 0.5},
	}}
	c := mustOpen(t, o)
	handles := map[int64]*File{}
	for id := int64(1); id <= 40; id++ {
		handles[id] = mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib})
		if !put(t, handles[id], 0, mib) {
			t.Fatalf("file %d not kept", id)
		}
		if id == 12 { // what fits below high: 3 + 6 + 6 less overhead
			var at []string
			for _, u := range c.Usage() {
				for _, d := range u.Dirs {
					at = append(at, fmt.Sprint((d.Used+mib/2)/mib))
				}
			}
			if got := fmt.Sprint(at); got != "[3 5 4]" && got != "[3 4 5]" {
				t.Errorf("12 files of 1 MiB lie as %v", got)
			}
		}
	}
	until(t, "every tier is at or below high", func() bool {
		for _, u := range c.Usage() {
			if float64(u.Used) > 0.8*float64(u.Quota) {
				return false
			}
		}
		return true
	})
	for id := int64(36); id <= 40; id++ {
		if check(t, handles[id], 0, mib) != mib {
			t.Errorf("file %d is among the hottest and gone", id)
		}
	}
	audit(t, c)
}
