package blockcache

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// hold opens a cached file as a mount would that was handed a descriptor: with
// a shared flock on an open file description of its own.
func hold(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestAHolderKeepsItsBytes: a hole would read as zeros, so a file that is held
// elsewhere is unlinked, and is paid for until it is let go.
func TestAHolderKeepsItsBytes(t *testing.T) {
	for what, evict := range map[string]func(c *Cache) int64{
		"a block evicted": func(c *Cache) int64 { return c.DropBlock(1, 1) },
		"the file freed":  func(c *Cache) int64 { return c.Drop(1) },
	} {
		t.Run(what, func(t *testing.T) {
			path := t.TempDir()
			c := mustOpen(t, one(path, 32*mib))
			info := FileInfo{ID: 1, Length: 3 * mib, BlockSize: mib}
			f := mustAcquire(t, c, info)
			put(t, f, 0, info.Length)
			full := used(c)
			holder := hold(t, dirPath{path}.data(1))
			if evict(c) == 0 {
				t.Fatal("nothing freed")
			}
			if check(t, f, 0, mib) != 0 {
				t.Error("the cache still has it")
			}
			held := make([]byte, info.Length)
			if _, err := holder.ReadAt(held, 0); err != nil || !bytes.Equal(held, original(info, 0, info.Length)) {
				t.Errorf("the holder lost bytes: %v", err)
			}
			c.look()
			if used(c) != full {
				t.Errorf("%d used, though %d bytes are still on disk", used(c), full)
			}
			if !put(t, f, 0, info.Length) || check(t, f, 0, info.Length) != info.Length {
				t.Error("cannot be cached again meanwhile")
			}
			audit(t, c)
			holder.Close()
			until(t, "the orphan's space is given back", func() bool { c.wake(); return used(c) == full })
			audit(t, c)
		})
	}
}

// TestHeldFilesDoNotEmptyTheCache: what is on its way out is not evicted twice
// over.
func TestHeldFilesDoNotEmptyTheCache(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 20*mib))
	defer watch(t, c, nil)()
	files := map[int64]*File{}
	for id := int64(1); id <= 30; id++ {
		files[id] = mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib})
		if !put(t, files[id], 0, mib) {
			t.Fatalf("file %d not kept", id)
		}
		if id <= 4 {
			hold(t, dirPath{path}.data(id))
		}
	}
	audit(t, c)
	left := 0
	for _, f := range files {
		if check(t, f, 0, mib) == mib {
			left++
		}
	}
	if left < 10 {
		t.Errorf("only %d files left of about 12", left)
	}
}

func TestCloseLetsOrphansGo(t *testing.T) {
	path := t.TempDir()
	c, err := Open(one(path, 32*mib))
	if err != nil {
		t.Fatal(err)
	}
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
	put(t, f, 0, mib)
	holder := hold(t, dirPath{path}.data(1))
	c.Drop(1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(holder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("the cache still holds the file: %v", err)
	}
}
