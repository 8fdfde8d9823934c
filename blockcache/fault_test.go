package blockcache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sick opens a cache of two directories on a disk with faults; the first file
// goes to the first.
func sick(t *testing.T) (c *Cache, disk *faults, a, b string) {
	disk = &faults{}
	a, b = t.TempDir(), t.TempDir()
	c = mustOpen(t, Options{open: disk.open, Tiers: []Tier{
		{Alias: "SSD", Dirs: []Dir{{a, 16 * mib}, {b, 12 * mib}}, High: 0.8, Low: 0.7},
	}})
	return c, disk, a, b
}

func failed(c *Cache, i int) error { return c.Usage()[0].Dirs[i].Failed }

func TestAFailingWriteIsNotKept(t *testing.T) {
	for _, part := range []string{"/1", "/1.idx"} {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.EFBIG} {
			t.Run(fmt.Sprint(part, " ", errno), func(t *testing.T) {
				c, disk, a, _ := sick(t)
				f := mustAcquire(t, c, FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib})
				if !put(t, f, 0, mib) {
					t.Fatal("not kept on a sound disk")
				}
				suffix := part
				disk.set(func(op, path string) error {
					if op == "write" && strings.HasSuffix(path, suffix) {
						return errno
					}
					return nil
				})
				if put(t, f, mib, 2*mib) {
					t.Error("kept, though the write failed")
				}
				if check(t, f, mib, mib) != 0 {
					t.Error("half a write came back")
				}
				if check(t, f, 0, mib) != mib {
					t.Error("what was kept before is gone")
				}
				if failed(c, 0) != nil {
					t.Errorf("directory %s failed: %v", a, failed(c, 0))
				}
				disk.set(nil)
				c.look()
				if !put(t, f, mib, 2*mib) {
					t.Error("not kept on a disk that is well again")
				}
				if check(t, f, 0, 3*mib) != 3*mib {
					t.Error("not there")
				}
				if s := c.Stats(); s.NotKept != 1 || s.NotKeptBytes != 2*mib || s.Damaged != 0 {
					t.Errorf("%+v", s)
				}
				audit(t, c)
			})
		}
	}
}

func TestAFileThatCannotBeMadeLeavesNothing(t *testing.T) {
	for _, op := range []string{"open", "truncate", "write"} {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EMFILE} {
			t.Run(fmt.Sprint(op, " ", errno), func(t *testing.T) {
				c, disk, a, b := sick(t)
				empty := used(c)
				disk.on(op, ".idx", errno)
				f := mustAcquire(t, c, FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib})
				if put(t, f, 0, mib) {
					t.Error("kept")
				}
				if got := used(c) - empty; got != pageSize {
					t.Errorf("%d bytes used, where only a folder is left", got)
				}
				for _, dir := range []string{a, b} {
					if names, _ := filepath.Glob(dir + "/blocks/*/*"); len(names) > 0 {
						t.Errorf("left: %v", names)
					}
				}
				disk.set(nil)
				c.look()
				if !put(t, f, 0, mib) {
					t.Error("not kept on a disk that is well again")
				}
			})
		}
	}
}

func TestASickDirectoryVanishesAndOthersGoOn(t *testing.T) {
	for _, op := range []string{"open", "write", "punch"} {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.EROFS} {
			t.Run(fmt.Sprint(op, " ", errno), func(t *testing.T) {
				c, disk, a, b := sick(t)
				f := mustAcquire(t, c, FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib})
				g := mustAcquire(t, c, FileInfo{ID: 2, Length: 3 * mib, BlockSize: mib})
				h := mustAcquire(t, c, FileInfo{ID: 3, Length: 2 * mib, BlockSize: mib})
				put(t, f, 0, 2*mib) // to a: it has most room
				put(t, g, 0, 2*mib) // a has 14 left: to a as well
				put(t, h, 0, 2*mib) // a has less than 12 left: to b
				if c.Usage()[0].Dirs[1].Used < 2*mib {
					t.Fatalf("the third file is not in the second directory: %+v", c.Usage())
				}
				_, now, _ := c.Changes(0)
				disk.on(op, a, errno)
				switch op {
				case "open":
					c.fds.closeIdle()
					if check(t, g, 0, mib) != 0 {
						t.Error("read from a sick disk")
					}
				case "write":
					if !put(t, g, 2*mib, mib) && failed(c, 0) == nil {
						t.Error("neither kept nor failed")
					}
				case "punch":
					c.DropBlock(1, 0)
				}
				if failed(c, 0) == nil || !errors.Is(failed(c, 0), errno) {
					t.Fatalf("%s is not failed: %v", a, failed(c, 0))
				}
				if failed(c, 1) != nil {
					t.Fatalf("%s is failed: %v", b, failed(c, 1))
				}
				if check(t, f, 0, mib) != 0 || check(t, f, mib, mib) != 0 {
					t.Error("bytes of a failed directory")
				}
				if n := check(t, h, 0, 2*mib); n != 2*mib {
					t.Errorf("the other directory has %d bytes", n)
				}
				changes, _, complete := c.Changes(now)
				gone := map[blockKey]bool{}
				for _, ch := range changes {
					gone[blockKey{ch.FileID, ch.Index}] = ch.Bytes == 0
				}
				if !complete || !gone[blockKey{1, 0}] || !gone[blockKey{1, 1}] {
					t.Errorf("reported as changed: %v (complete %v)", changes, complete)
				}
				if u := c.Usage()[0]; u.Quota != 12*mib || u.Dirs[0].Used != 0 {
					t.Errorf("%+v", u)
				}
				c.Drop(3)
				if !put(t, f, 0, 2*mib) || check(t, f, 0, 2*mib) != 2*mib {
					t.Error("the file does not find its way to the other directory")
				}
				audit(t, c)
			})
		}
	}
}

func TestOneBadSectorIsAMissManyAreASickDisk(t *testing.T) {
	c, disk, _, _ := sick(t)
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib})
	put(t, f, 0, 4*mib)
	disk.on("read", "", syscall.EIO)
	if check(t, f, 0, 10) != 0 {
		t.Error("bytes from a bad sector")
	}
	disk.set(nil)
	if check(t, f, ChunkSize, mib) != mib || failed(c, 0) != nil {
		t.Errorf("one bad sector took more than itself: %v", failed(c, 0))
	}
	if s := c.Stats(); s.Damaged != 1 {
		t.Errorf("%d damaged, want 1", s.Damaged)
	}
	if m := f.Missing(0, 4*mib); len(m) != 1 || m[0] != (Range{0, ChunkSize}) {
		t.Errorf("missing %v", m)
	}
	if !put(t, f, 0, ChunkSize) || check(t, f, 0, 4*mib) != 4*mib {
		t.Error("not healed by a put")
	}
	disk.on("read", "", syscall.EIO)
	for i := range int64(maxReadErrors) {
		check(t, f, i*ChunkSize, 10)
	}
	if failed(c, 0) == nil {
		t.Error("a disk on which nothing can be read is in service")
	}
}

func TestAShortageOfOurOwnIsAMissAndNoDamage(t *testing.T) {
	for _, op := range []string{"open", "read"} {
		c, disk, _, _ := sick(t)
		f := mustAcquire(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
		put(t, f, 0, mib)
		c.fds.closeIdle()
		disk.on(op, "", syscall.EMFILE)
		if check(t, f, 0, mib) != 0 {
			t.Error("read without descriptors")
		}
		disk.set(nil)
		if check(t, f, 0, mib) != mib || c.Stats().Damaged != 0 || failed(c, 0) != nil {
			t.Errorf("%s: a passing shortage cost bytes: %+v", op, c.Stats())
		}
	}
}

func TestAFileSystemWithoutHolesEvictsWholeFiles(t *testing.T) {
	disk := &faults{}
	disk.on("punch", "", syscall.EOPNOTSUPP)
	path := t.TempDir()
	o := one(path, 16*mib)
	o.open = disk.open
	o.Policy = LRU // the newest stay
	c := mustOpen(t, o)
	stop := watch(t, c, nil)
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib})
	put(t, f, 0, 4*mib)
	if c.DropBlock(1, 0) == 0 || c.CachedBytes(1) != 0 {
		t.Errorf("%d bytes left", c.CachedBytes(1))
	}
	for id := int64(2); id < 20; id++ {
		g := mustAcquire(t, c, FileInfo{ID: id, Length: 3 * mib, BlockSize: mib})
		if !put(t, g, 0, 3*mib) || check(t, g, 0, 3*mib) != 3*mib {
			t.Errorf("file %d", id)
		}
	}
	stop()
	audit(t, c)
	if n := walked(path); n > 16*mib {
		t.Errorf("%d on disk", n)
	}
}

func TestFullDisk(t *testing.T) {
	path := tmpfs(t, 8*mib) // of which the quota knows nothing
	c := mustOpen(t, one(path, 64*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 40 * mib, BlockSize: mib})
	for off := int64(0); off < 40*mib; off += 512 * kib {
		kept := put(t, f, off, 512*kib)
		if n := check(t, f, off, 512*kib); kept && n == 0 {
			t.Fatalf("kept at %d, and not there", off)
		}
	}
	// Others fill the disk to the brim.
	filler, err := os.Create(filepath.Join(path, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for buf := make([]byte, 64*kib); ; {
		if _, err := filler.Write(buf); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
	}
	before := c.Stats().NotKept
	g := mustAcquire(t, c, FileInfo{ID: 2, Length: 16 * mib, BlockSize: mib})
	for off := int64(0); off < 16*mib; off += mib {
		put(t, g, off, mib)
		check(t, g, off, mib)
		check(t, f, off, mib)
	}
	t.Logf("%d puts not kept, %+v", c.Stats().NotKept-before, c.Usage()[0])
	if failed(c, 0) != nil {
		t.Fatalf("a full disk is not a sick one: %v", failed(c, 0))
	}
	// ... and leave again.
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	filler.Close()
	c.look()
	if !put(t, g, 0, mib) || check(t, g, 0, mib) != mib {
		t.Error("not kept on a disk that has room again")
	}
	if s := c.Stats(); s.Damaged != 0 {
		t.Errorf("%+v", s)
	}
	audit(t, c)
}

func TestDiskWithoutInodes(t *testing.T) {
	path := tmpfs(t, 8*mib)
	c := mustOpen(t, one(path, 8*mib))
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_REMOUNT, "nr_inodes=16"); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for id := int64(1); id <= 30; id++ {
		f := mustAcquire(t, c, FileInfo{ID: id, Length: 100, BlockSize: mib})
		if put(t, f, 0, 100) {
			kept++
		}
		check(t, f, 0, 100)
	}
	if kept == 0 || kept == 30 || failed(c, 0) != nil {
		t.Errorf("%d of 30 kept, failed: %v", kept, failed(c, 0))
	}
}

func TestRemountedReadOnly(t *testing.T) {
	path := tmpfs(t, 8*mib)
	other := t.TempDir()
	c := mustOpen(t, Options{Tiers: []Tier{
		{Alias: "SSD", Dirs: []Dir{{path, 8 * mib}}}, {Alias: "HDD", Dirs: []Dir{{other, 8 * mib}}},
	}})
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib})
	put(t, f, 0, mib)
	c.fds.closeIdle() // the kernel refuses to remount under an open writer
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if put(t, f, mib, mib) {
		t.Error("kept on a read-only disk")
	}
	if !errors.Is(failed(c, 0), syscall.EROFS) {
		t.Errorf("failed: %v", failed(c, 0))
	}
	if !put(t, f, 0, 2*mib) || check(t, f, 0, 2*mib) != 2*mib {
		t.Error("the next tier does not take over")
	}
}

func TestOpenOnAReadOnlyDiskGoesOnWithoutIt(t *testing.T) {
	path := tmpfs(t, mib)
	fill(t, one(path, mib))
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(one(path, mib)); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), path) {
		t.Errorf("nothing but a read-only directory: %v", err)
	}
	c := mustOpen(t, Options{Tiers: []Tier{{Alias: "SSD", Dirs: []Dir{{path, mib}, {t.TempDir(), mib}}}}})
	if !errors.Is(failed(c, 0), syscall.EROFS) || failed(c, 1) != nil {
		t.Errorf("%+v", c.Usage())
	}
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 1000, BlockSize: mib})
	if !put(t, f, 0, 1000) || check(t, f, 0, 1000) != 1000 {
		t.Error("the other directory is of no use")
	}
}

// TestSickWhileOpening: what an open meets decides what it costs.
func TestSickWhileOpening(t *testing.T) {
	for _, c := range []struct {
		op    string
		errno syscall.Errno
		want  string
	}{
		{"read", syscall.EIO, "one file in quarantine"},
		{"open", syscall.EIO, "out of service"},
		{"open", syscall.EMFILE, "refused"},
		{"read", syscall.ENOMEM, "refused"},
	} {
		t.Run(fmt.Sprint(c.op, " ", c.errno), func(t *testing.T) {
			a, _ := cached(t)
			b := t.TempDir()
			disk := &faults{}
			disk.on(c.op, "/1.idx", c.errno)
			o := two(a, b)
			o.open = disk.open
			got, err := Open(o)
			if err != nil {
				if c.want != "refused" || !errors.Is(err, c.errno) {
					t.Error(err)
				}
				disk.set(nil)
				if n, s := reopen(t, a); n == 0 || s.Quarantined+s.Damaged > 0 {
					t.Errorf("a passing shortage cost bytes: %d there, %+v", n, s)
				}
				return
			}
			defer got.Close()
			switch {
			case failed(got, 0) != nil && c.want == "out of service":
			case got.Stats().Quarantined == 2 && c.want == "one file in quarantine":
			default:
				t.Errorf("want %s: %+v, %+v", c.want, got.Usage(), got.Stats())
			}
			disk.set(nil)
			f := mustAcquire(t, got, victim())
			if !put(t, f, 0, victim().Length) || check(t, f, 0, victim().Length) != victim().Length {
				t.Error("of no use")
			}
		})
	}
}

func TestNoDirectoryLeft(t *testing.T) {
	c, disk, _, _ := sick(t)
	disk.on("write", "", syscall.EIO)
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
	for range 3 {
		if put(t, f, 0, mib) || check(t, f, 0, mib) != 0 {
			t.Error("kept on nothing")
		}
	}
	if failed(c, 0) == nil || failed(c, 1) == nil {
		t.Errorf("%+v", c.Usage())
	}
	if u := c.Usage()[0]; u.Quota != 0 || u.Used != 0 {
		t.Errorf("%+v", u)
	}
	audit(t, c)
}

// TestAFileThatFindsNoRoomLeavesNothing: there is room for its index, not for
// its first chunk.
func TestAFileThatFindsNoRoomLeavesNothing(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 12*pageSize))
	empty := used(c)
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
	if put(t, f, 0, ChunkSize) {
		t.Error("kept in 48 KiB")
	}
	if got := used(c) - empty; got != pageSize { // the shard
		t.Errorf("%d bytes used by nothing", got)
	}
	if names, _ := filepath.Glob(path + "/blocks/*/*"); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
	audit(t, c)
}

// TestFilesTakenAway: somebody removes the files of an open cache.
func TestFilesTakenAway(t *testing.T) {
	c, _, a, _ := sick(t)
	info := FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib}
	f := mustAcquire(t, c, info)
	put(t, f, 0, 2*mib)
	c.fds.closeIdle()
	if err := os.RemoveAll(filepath.Join(a, "blocks", shard(1))); err != nil {
		t.Fatal(err)
	}
	if check(t, f, 0, mib) != 0 {
		t.Error("bytes from nowhere")
	}
	if s := c.Stats(); s.Damaged != 32 {
		t.Errorf("%d chunks counted as lost, want 32", s.Damaged)
	}
	put(t, f, 0, mib)
	check(t, f, 0, mib)
	audit(t, c)
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault
	}{
		{nil, noFault},
		{io.EOF, faultFile},
		{&fs.PathError{Op: "write", Err: syscall.ENOSPC}, faultSpace},
		{syscall.EDQUOT, faultSpace},
		{&fs.PathError{Op: "open", Err: syscall.ENOENT}, faultFile},
		{syscall.ELOOP, faultFile},
		{&fs.PathError{Op: "read", Err: syscall.EIO}, faultDevice},
		{syscall.EROFS, faultDevice},
		{syscall.EUCLEAN, faultDevice},
		{syscall.EMFILE, faultCaller},
		{syscall.ENOMEM, faultCaller},
	} {
		if got := judge(c.err); got != c.want {
			t.Errorf("judge(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

// Folders of the cache that somebody clears are made again. A disk whose folder is gone altogether is out of service: what lies at
// its path now is perhaps another disk.
func TestClearedFolders(t *testing.T) {
	c, _, a, b := sick(t)
	kept := func(id int64) bool {
		return put(t, mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib}), 0, mib)
	}
	if !kept(1) {
		t.Fatal("not kept on a sound disk")
	}
	next := int64(1)
	for _, gone := range []string{filepath.Join(a, "blocks", shard(1)), filepath.Join(a, "blocks")} {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
		for next++; shard(next) != shard(1); next++ { // another file of the same sub-folder
		}
		if !kept(next) {
			t.Errorf("file %d is not kept after %s was cleared", next, gone)
		}
	}
	if err := os.RemoveAll(a); err != nil {
		t.Fatal(err)
	}
	for id := next + 1; id < next+6; id++ { // of five, one at least was for it
		if !kept(id) {
			t.Errorf("%d is not kept on the other disk", id)
		}
	}
	if !errors.Is(failed(c, 0), syscall.ENODEV) || failed(c, 1) != nil {
		t.Errorf("of %s and %s: %v, %v", a, b, failed(c, 0), failed(c, 1))
	}
	c.Close()
}
