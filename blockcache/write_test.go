package blockcache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// written writes the original of a file of one block, in odd pieces, and does not end it.
func written(t testing.TB, c *Cache, id, length int64, kept bool) *Writer {
	t.Helper()
	w, err := c.Create(id, length, kept)
	if err != nil {
		t.Fatal(err)
	}
	data := original(FileInfo{ID: id}, 0, length)
	for piece := 1; len(data) > 0; piece = piece*3 + 1 {
		n, err := w.Write(data[:min(piece, len(data))])
		if err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	return w
}

// write writes a file of one block.
func write(t testing.TB, c *Cache, id, length int64, kept bool) {
	t.Helper()
	if err := written(t, c, id, length, kept).Commit(); err != nil {
		t.Fatal(err)
	}
}

// whole checks that a written file is there.
func wholeFile(t testing.TB, c *Cache, id, length int64) {
	t.Helper()
	info, known := c.Info(id)
	if !known || info.Length != length {
		t.Fatalf("file %d: %+v, %v", id, info, known)
	}
	f := mustAcquire(t, c, info)
	if n := check(t, f, 0, length); n != length {
		t.Fatalf("file %d: %d of %d bytes", id, n, length)
	}
}

// names are the files below a directory's blocks, but for the kind of ending given.
func names(t testing.TB, dir, ending string) (n int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "blocks", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if strings.HasSuffix(name, ending) {
			n++
		}
	}
	return n
}

// A file is written without its length being known: it is not there before Commit, and then it is whole, now and after
// the next start.
func TestWrittenFile(t *testing.T) {
	path := t.TempDir()
	c, err := Open(one(path, 32*mib))
	if err != nil {
		t.Fatal(err)
	}
	stop := watch(t, c, walked)
	lengths := []int64{1, ChunkSize - 1, ChunkSize, ChunkSize + 1, mib, 3*mib + 77}
	for i, length := range lengths {
		id := int64(i + 1)
		w := written(t, c, id, length, i%2 == 0)
		if _, known := c.Info(id); known || w.Len() != length {
			t.Fatal("it is there before Commit")
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		wholeFile(t, c, id, length)
		if err := w.Commit(); !errors.Is(err, syscall.EBADF) {
			t.Errorf("a second Commit: %v", err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, syscall.EBADF) {
			t.Errorf("a Write after Commit: %v", err)
		}
		w.Abort()
		f, err := c.Handout(id)
		if err != nil {
			t.Fatalf("a file that was just written is not handed out: %v", err)
		}
		if got, err := io.ReadAll(f); err != nil || int64(len(got)) != length {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		f.Close()
	}
	audit(t, c)
	stop()
	before := used(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = mustOpen(t, one(path, 32*mib))
	for i, length := range lengths {
		wholeFile(t, c, int64(i+1), length)
		if c.Kept(int64(i+1)) != (i%2 == 0) {
			t.Errorf("file %d is kept: %v", i+1, c.Kept(int64(i+1)))
		}
	}
	if used(c) != before {
		t.Errorf("%d used, before the restart %d", used(c), before)
	}
	audit(t, c)
}

// What is the only copy of its bytes is not evicted, whatever else wants room, also after a restart, and not by dropping
// its block either; what is written in vain says so. Once it is let go it is like any other.
func TestKeptBytesStay(t *testing.T) {
	for _, policy := range []string{LRU, TINYLFU, NONE} {
		t.Run(policy, func(t *testing.T) {
			path := t.TempDir()
			o := one(path, 8*mib)
			o.Policy = policy
			c, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			for id := int64(1); id <= 3; id++ {
				write(t, c, id, 2*mib, true)
			}
			crowd := func() {
				t.Helper()
				for id := int64(100); id < 120; id++ {
					f := mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib})
					put(t, f, 0, mib)
				}
				c.round(t.Context())
				for id := int64(1); id <= 3; id++ {
					wholeFile(t, c, id, 2*mib)
				}
			}
			crowd()
			w, err := c.Create(4, 2*mib, true)
			for n := 0; err == nil && n < 40; n++ {
				_, err = w.Write(make([]byte, ChunkSize))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("written into a full cache: %v", err)
			}
			w.Abort()
			if n := c.DropBlock(1, 0); n != 0 {
				t.Errorf("%d bytes of a kept block were dropped", n)
			}
			audit(t, c)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			c = mustOpen(t, o)
			crowd()
			c.LetGo(2)
			c.LetGo(77)
			if c.Kept(2) || !c.Kept(1) {
				t.Error("the wrong file was let go")
			}
			if n := c.DropBlock(2, 0); n != 2*mib {
				t.Errorf("%d bytes were dropped of a file that was let go", n)
			}
			if n := c.Drop(1); n != 2*mib {
				t.Errorf("%d bytes were dropped", n)
			}
			audit(t, c)
		})
	}
}

// Being let go outlasts a restart: what is not kept any more is evicted.
func TestLetGoLasts(t *testing.T) {
	path := t.TempDir()
	c, err := Open(one(path, 8*mib))
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, 1, 2*mib, true)
	c.LetGo(1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = mustOpen(t, one(path, 8*mib))
	if c.Kept(1) {
		t.Error("it is kept again")
	}
	for id := int64(100); id < 120; id++ {
		put(t, mustAcquire(t, c, FileInfo{ID: id, Length: mib, BlockSize: mib}), 0, mib)
	}
	if n := c.CachedBytes(1); n != 0 {
		t.Errorf("%d bytes of it were not evicted", n)
	}
}

// Of two who write one file, who commits first has it; what the other wrote leaves nothing behind.
func TestTwoWriters(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 64*mib))
	first, second := written(t, c, 1, mib, true), written(t, c, 1, 2*mib, true)
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := second.Commit(); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the second Commit: %v", err)
	}
	wholeFile(t, c, 1, mib)
	third := written(t, c, 2, mib, false)
	third.Abort()
	if err := written(t, c, 2, 0, false).Commit(); !errors.Is(err, syscall.EINVAL) && err != nil {
		t.Errorf("no bytes: %v", err)
	}
	if n := names(t, path, newSuffix); n != 0 {
		t.Errorf("%d unfinished files", n)
	}
	var writers sync.WaitGroup
	for id := int64(10); id < 30; id++ {
		writers.Go(func() { write(t, c, id, 100_000*(id-9), id%2 == 0) })
	}
	writers.Wait()
	for id := int64(10); id < 30; id++ {
		wholeFile(t, c, id, 100_000*(id-9))
	}
	audit(t, c)
}

// A process that dies while it writes leaves nothing that counts.
func TestUnfinishedFilesAreSwept(t *testing.T) {
	path := t.TempDir()
	c, err := Open(one(path, 64*mib))
	if err != nil {
		t.Fatal(err)
	}
	w := written(t, c, 1, 3*mib, true)
	defer w.data.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n := names(t, path, newSuffix); n != 1 {
		t.Fatalf("%d unfinished files", n)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, syscall.EBADF) {
		t.Errorf("written to a cache that is closed: %v", err)
	}
	c = mustOpen(t, one(path, 64*mib))
	if n := names(t, path, ""); n != 0 {
		t.Errorf("%d files are left", n)
	}
	audit(t, c)
}

// What a disk does not take is not said to be written.
func TestWritingToASickDisk(t *testing.T) {
	for i, sick := range []struct {
		op, under string
		err       error
		want      syscall.Errno
		fails     bool // the directory
	}{
		{"open", newSuffix, syscall.EIO, syscall.ENOSPC, true},
		{"write", newSuffix, syscall.EIO, syscall.EIO, true},
		{"write", newSuffix, syscall.ENOSPC, syscall.ENOSPC, false},
		{"write", ".idx" + newSuffix, syscall.EIO, syscall.EIO, true},
		{"open", ".idx" + newSuffix, syscall.EMFILE, syscall.EIO, false},
		{"sync", newSuffix, syscall.EIO, syscall.EIO, true},
	} {
		t.Run(fmt.Sprint(i, " ", sick.op), func(t *testing.T) {
			path := t.TempDir()
			disk := &faults{}
			o := one(path, 16*mib)
			o.open = disk.open
			c := mustOpen(t, o)
			disk.on(sick.op, sick.under, sick.err)
			w, err := c.Create(1, mib, true)
			if err == nil {
				_, err = w.Write(original(FileInfo{ID: 1}, 0, mib))
				if err == nil {
					err = w.Commit()
				} else {
					w.Abort()
				}
			}
			if !errors.Is(err, sick.want) {
				t.Errorf("%v, want %v", err, sick.want)
			}
			disk.set(nil)
			if failed := c.Usage()[0].Dirs[0].Failed != nil; failed != sick.fails {
				t.Errorf("the directory failed: %v", failed)
			}
			if _, known := c.Info(1); known {
				t.Error("the file is there")
			}
			if !sick.fails {
				if _, err := os.Stat(c.dirs[0].dataPath(1)); !os.IsNotExist(err) {
					t.Errorf("its data is there: %v", err)
				}
				audit(t, c)
			}
		})
	}
}

// Damage in bytes that are nowhere else is a miss, never another byte.
func TestDamagedKeptBytes(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 16*mib))
	write(t, c, 1, mib, true)
	f, err := os.OpenFile(c.dirs[0].dataPath(1), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 2*ChunkSize+5); err != nil {
		t.Fatal(err)
	}
	f.Close()
	info, _ := c.Info(1)
	if n := check(t, mustAcquire(t, c, info), 0, mib); n != 2*ChunkSize {
		t.Errorf("%d bytes before the damage", n)
	}
}
