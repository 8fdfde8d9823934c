package blockcache

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func wantHandout(t *testing.T, c *Cache, info FileInfo) *os.File {
	t.Helper()
	f, err := c.Handout(info.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	wantBytes(t, f, info)
	return f
}

func wantBytes(t *testing.T, f *os.File, info FileInfo) {
	t.Helper()
	got := make([]byte, info.Length)
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, original(info, 0, info.Length)) {
		t.Fatalf("file %d: the holder reads wrong bytes (%v)", info.ID, err)
	}
}

func wantNoHandout(t *testing.T, c *Cache, id int64, want error) {
	t.Helper()
	f, err := c.Handout(id)
	if !errors.Is(err, want) {
		t.Fatalf("file %d: %v, want %v", id, err, want)
	}
	if f != nil {
		t.Fatal("a descriptor came with an error")
	}
}

func TestOnlyWholeFilesAreHandedOut(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 32*mib))
	info := FileInfo{ID: 1, Length: 3*mib + 77, BlockSize: mib}
	wantNoHandout(t, c, 1, ErrMiss)
	f := mustAcquire(t, c, info)
	wantNoHandout(t, c, 1, ErrMiss)
	put(t, f, mib, 3*mib)
	wantNoHandout(t, c, 1, ErrPartial)
	put(t, f, 0, mib)
	held := wantHandout(t, c, info)
	other, err := os.Open(dirPath{path}.data(1))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		t.Error("the descriptor carries no lock")
	}
	if _, err := held.WriteAt([]byte{1}, 0); err == nil {
		t.Error("the holder may write")
	}
	c.DropBlock(1, 1)
	wantNoHandout(t, c, 1, ErrMiss)
	wantBytes(t, held, info)
}

// TestARestartedCacheVerifiesFirst: and what is damaged is dropped, not handed out.
func TestARestartedCacheVerifiesFirst(t *testing.T) {
	path := t.TempDir()
	good, bad := FileInfo{ID: 1, Length: 20*mib + 5, BlockSize: 4 * mib}, FileInfo{ID: 2, Length: 3 * mib, BlockSize: mib}
	fill(t, one(path, 64*mib), good, bad)
	flip(t, dirPath{path}.data(2), 8*(2*mib+5))
	c := mustOpen(t, one(path, 64*mib))
	wantNoHandout(t, c, 1, ErrUnverified)
	wantNoHandout(t, c, 2, ErrUnverified)
	until(t, "the good one is verified", func() bool {
		f, err := c.Handout(1)
		if err == nil {
			f.Close()
		}
		return err == nil
	})
	wantHandout(t, c, good)
	until(t, "the bad one is found out", func() bool { _, err := c.Handout(2); return err == ErrPartial })
	f := mustAcquire(t, c, bad)
	if !put(t, f, 0, bad.Length) {
		t.Fatal("not kept")
	}
	until(t, "it is whole again", func() bool { // the chunks before the damage were verified by then, those behind not
		f, err := c.Handout(2)
		if err == nil {
			f.Close()
		}
		return err == nil
	})
	wantHandout(t, c, bad)
	audit(t, c)
}

func TestReadingVerifies(t *testing.T) {
	path := t.TempDir()
	info := FileInfo{ID: 1, Length: 5*mib + 5, BlockSize: 4 * mib}
	fill(t, one(path, 64*mib), info)
	c := mustOpen(t, one(path, 64*mib))
	check(t, mustAcquire(t, c, info), 0, info.Length)
	wantHandout(t, c, info)
}

// TestOthersWriteToAFile: whatever they did, nothing wrong is handed out, and the cache heals.
func TestOthersWriteToAFile(t *testing.T) {
	info := FileInfo{ID: 1, Length: 3*mib + 100, BlockSize: mib}
	for what, spoil := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, mib) },
		"longer":    func(path string) error { return os.Truncate(path, 9*mib) },
		"a hole": func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, mib, ChunkSize)
		},
		"replaced": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.WriteFile(path, make([]byte, info.Length), 0o600)
		},
		"removed": os.Remove,
		"overwritten, with its times kept": func(path string) error {
			st, err := os.Stat(path)
			if err != nil {
				return err
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("not what was put"), mib); err != nil {
				return err
			}
			return os.Chtimes(path, st.ModTime(), st.ModTime())
		},
	} {
		t.Run(what, func(t *testing.T) {
			path := t.TempDir()
			c := mustOpen(t, one(path, 32*mib))
			f := mustAcquire(t, c, info)
			put(t, f, 0, info.Length)
			if err := spoil(dirPath{path}.data(1)); err != nil {
				t.Fatal(err)
			}
			until(t, "it is whole again", func() bool {
				h, err := c.Handout(1)
				if err == nil {
					wantBytes(t, h, info)
					h.Close()
					return true
				}
				put(t, f, 0, info.Length)
				return false
			})
		})
	}
}

// TestOthersWriteUnderAHolder: who reads the disk sees what is on the disk, and nobody can help that. But it is found out
// without anybody asking, before the file is handed out again; and what is put back never makes it worse for the holder.
func TestOthersWriteUnderAHolder(t *testing.T) {
	info := FileInfo{ID: 1, Length: 3 * mib, BlockSize: mib}
	for what, story := range map[string]struct {
		spoil  func(path string) error
		before int64                    // bytes that are left once it is found out
		after  func(held *os.File) bool // what the holder sees when all has been put back
	}{
		"overwritten": {
			spoil: func(path string) error {
				f, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				defer f.Close()
				_, err = f.WriteAt([]byte("not what was put"), mib)
				return err
			},
			before: info.Length - ChunkSize,
			after: func(held *os.File) bool { // the same file, and right again
				got := make([]byte, info.Length)
				_, err := held.ReadAt(got, 0)
				return err == nil && bytes.Equal(got, original(info, 0, info.Length))
			},
		},
		"cut off": {
			spoil: func(path string) error { return os.Truncate(path, mib) },
			after: func(held *os.File) bool { // another file: this one has no zeros in it
				got := make([]byte, info.Length)
				n, err := held.ReadAt(got, 0)
				return n == mib && err == io.EOF && bytes.Equal(got[:n], original(info, 0, mib))
			},
		},
		"removed": {
			spoil: os.Remove,
			after: func(held *os.File) bool {
				got := make([]byte, info.Length)
				_, err := held.ReadAt(got, 0)
				return err == nil && bytes.Equal(got, original(info, 0, info.Length))
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			path := t.TempDir()
			c := mustOpen(t, one(path, 32*mib))
			f := mustAcquire(t, c, info)
			put(t, f, 0, info.Length)
			held := wantHandout(t, c, info)
			if err := story.spoil(dirPath{path}.data(1)); err != nil {
				t.Fatal(err)
			}
			until(t, "it is found out", func() bool { c.wake(); return c.CachedBytes(1) == story.before })
			until(t, "it is whole again", func() bool {
				put(t, f, 0, info.Length)
				again, err := c.Handout(1)
				if err == nil {
					wantBytes(t, again, info)
					again.Close()
				}
				return err == nil
			})
			if !story.after(held) {
				t.Error("the holder sees something else")
			}
			audit(t, c)
		})
	}
}

// TestCutOffUnderAReader: reading finds out, too, and what it puts back goes to another file.
func TestCutOffUnderAReader(t *testing.T) {
	path := t.TempDir()
	info := FileInfo{ID: 1, Length: 3 * mib, BlockSize: mib}
	c := mustOpen(t, one(path, 32*mib))
	f := mustAcquire(t, c, info)
	put(t, f, 0, info.Length)
	held := wantHandout(t, c, info)
	if err := os.Truncate(dirPath{path}.data(1), mib); err != nil {
		t.Fatal(err)
	}
	if n, err := f.ReadAt(make([]byte, mib), 2*mib); n != 0 || err != ErrMiss {
		t.Fatalf("%d bytes, %v", n, err)
	}
	put(t, f, 2*mib, mib)
	check(t, f, 2*mib, mib)
	if n, err := held.ReadAt(make([]byte, 1), mib); n != 0 || err != io.EOF {
		t.Errorf("the holder sees %d bytes where there were none, %v", n, err)
	}
	audit(t, c)
}

// TestHandedOutFilesAreNoVictims: they are not evicted while they are held, and are afterwards.
func TestHandedOutFilesAreNoVictims(t *testing.T) {
	o := one(t.TempDir(), 20*mib)
	o.Policy = LRU // TINYLFU would keep what was used twice
	c := mustOpen(t, o)
	info := FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib}
	put(t, mustAcquire(t, c, info), 0, info.Length)
	held := wantHandout(t, c, info)
	others := func(from int64) {
		for id := from; id < from+40; id++ {
			f := mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib})
			if !put(t, f, 0, mib) {
				t.Fatalf("file %d is not kept", id)
			}
		}
	}
	others(100)
	if n := c.CachedBytes(1); n != info.Length {
		t.Errorf("%d bytes of a held file are left", n)
	}
	wantBytes(t, held, info)
	held.Close()
	until(t, "it is let go", func() bool { c.wake(); return !c.lookup(1).mu.body.held.Load() })
	others(200)
	if n := c.CachedBytes(1); n == info.Length {
		t.Error("it is never evicted any more")
	}
	audit(t, c)
}

// TestAHandoutIsAUse: what its holder reads nobody sees.
func TestAHandoutIsAUse(t *testing.T) {
	o := one(t.TempDir(), 20*mib)
	o.Policy = LRU
	c := mustOpen(t, o)
	for id := int64(1); id <= 3; id++ {
		put(t, mustAcquire(t, c, FileInfo{ID: id, Length: 2 * mib, BlockSize: mib}), 0, 2*mib)
	}
	wantHandout(t, c, FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib})
	var order []int64
	for _, v := range c.dirs[0].cold(20 * mib) {
		order = append(order, v.file)
	}
	if !slices.Equal(order, []int64{2, 2, 3, 3, 1, 1}) {
		t.Errorf("coldest first: %v", order)
	}
}

func TestHandoutsAreBounded(t *testing.T) {
	o := one(t.TempDir(), 32*mib)
	o.Handouts = 2
	c := mustOpen(t, o)
	for id := int64(1); id <= 3; id++ {
		put(t, mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib}), 0, mib)
	}
	first := wantHandout(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
	wantHandout(t, c, FileInfo{ID: 2, Length: mib, BlockSize: mib})
	wantHandout(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib}).Close()
	wantNoHandout(t, c, 3, ErrTooMany)
	first.Close()
	until(t, "there is room", func() bool {
		f, err := c.Handout(3)
		if err == nil {
			f.Close()
		}
		return err == nil
	})
}

// TestADiskThatFailsHandsNothingOut: and closing the cache leaves no descriptor behind.
func TestADiskThatFailsHandsNothingOut(t *testing.T) {
	disk := &faults{}
	o := one(t.TempDir(), 32*mib)
	o.open, o.OpenFiles = disk.open, 2
	c := mustOpen(t, o)
	for id := int64(1); id <= 2; id++ {
		put(t, mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib}), 0, mib)
	}
	disk.on("open", "", syscall.EIO)
	wantNoHandout(t, c, 1, ErrMiss)
	if c.CachedBytes(2) != 0 {
		t.Error("the directory is still in service")
	}
}
