package blockcache

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestFilesThatCannotBe(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), mib))
	for _, info := range []FileInfo{
		{ID: 0, Length: 1, BlockSize: mib},
		{ID: -1, Length: 1, BlockSize: mib},
		{ID: 1, Length: -1, BlockSize: mib},
		{ID: 1, Length: 1, BlockSize: 0},
		{ID: 1, Length: 1, BlockSize: -1},
		{ID: 1, Length: 1<<63 - 1, BlockSize: mib},
		{ID: 1, Length: 3 * mib, BlockSize: mib + 1},
	} {
		if _, err := c.Acquire(info); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%+v: %v", info, err)
		}
	}
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 1000, BlockSize: 12345}) // a single block
	if !put(t, f, 0, 1000) || check(t, f, 0, 1000) != 1000 {
		t.Error("a block size that is no multiple of a chunk, in a file of one block")
	}
	if f := mustAcquire(t, c, FileInfo{ID: 2, Length: 1 << 60, BlockSize: mib}); put(t, f, 0, mib) {
		t.Error("1 MiB was kept in a cache of 1 MiB")
	}
}

func TestRangesThatCannotBe(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 8*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 3*ChunkSize + 5, BlockSize: mib})
	p := make([]byte, 10*ChunkSize)
	for _, r := range []struct{ off, n int64 }{
		{-ChunkSize, ChunkSize},
		{1, ChunkSize},
		{0, ChunkSize - 1},
		{0, ChunkSize + 5},
		{0, 4 * ChunkSize},
		{3 * ChunkSize, 4},
		{3 * ChunkSize, 6},
		{4 * ChunkSize, 0},
		{1 << 62, ChunkSize},
	} {
		if kept, err := f.Put(r.off, p[:r.n]); kept || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Put(%d, %d bytes): %v, %v", r.off, r.n, kept, err)
		}
	}
	for _, r := range []struct{ off, n int64 }{{0, 0}, {ChunkSize, 0}, {3 * ChunkSize, 5}} {
		if kept, err := f.Put(r.off, original(f.entry.info, r.off, r.n)); !kept || err != nil {
			t.Errorf("Put(%d, %d bytes): %v, %v", r.off, r.n, kept, err)
		}
	}
	if _, err := f.ReadAt(p, -1); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, err := f.ReadAt(p, f.entry.info.Length); err != io.EOF {
		t.Error(err)
	}
}

func TestMissing(t *testing.T) {
	const chunk = ChunkSize
	c := mustOpen(t, one(t.TempDir(), 64*mib))
	length := int64(40*mib + 5) // more than one page of index
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: length, BlockSize: 2 * mib})
	if got := f.Missing(0, length); !slices.Equal(got, []Range{{0, length}}) {
		t.Errorf("of nothing: %v", got)
	}
	put(t, f, chunk, chunk)
	put(t, f, 3*chunk, 2*chunk)
	put(t, f, 40*mib, 5)
	for _, c := range []struct {
		off, n int64
		want   string
	}{
		{0, length, "[{0 65536} {131072 65536} {327680 41615360}]"},
		{chunk + 1, 10, "[]"},
		{chunk - 1, 1, "[{0 65536}]"},
		{chunk - 1, chunk + 2, "[{0 65536} {131072 65536}]"},
		{2*chunk + 7, 1, "[{131072 65536}]"},
		{40 * mib, 1 << 62, "[]"},
		{40*mib - 1, 1 << 62, "[{41877504 65536}]"},
		{length, 1, "[]"},
		{0, 0, "[]"},
		{-5, 10, "[]"},
		{0, -1, "[]"},
	} {
		if got := fmt.Sprint(f.Missing(c.off, c.n)); got != c.want {
			t.Errorf("Missing(%d, %d) = %s, want %s", c.off, c.n, got, c.want)
		}
	}
	g := mustAcquire(t, c, FileInfo{ID: 2, Length: 0, BlockSize: mib})
	if got := g.Missing(0, 1); got != nil {
		t.Errorf("of an empty file: %v", got)
	}
	if n := check(t, g, 0, 1); n != 0 {
		t.Error("a byte of an empty file")
	}
}

func TestPutSkipsWhatIsThere(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 64*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 4 * mib, BlockSize: mib})
	put(t, f, 5*ChunkSize, 3*ChunkSize)
	if !put(t, f, 0, 4*mib) || check(t, f, 0, 4*mib) != 4*mib {
		t.Error("not whole")
	}
	if s := c.Stats(); s.BytesKept != 4*mib {
		t.Errorf("%d bytes written for a file of 4 MiB", s.BytesKept)
	}
	if !put(t, f, 0, 4*mib) || c.Stats().BytesKept != 4*mib {
		t.Error("written again")
	}
}

func TestAnIDWithAnotherShapeIsAnotherFile(t *testing.T) {
	path := t.TempDir()
	c := mustOpen(t, one(path, 64*mib))
	old := mustAcquire(t, c, FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib})
	put(t, old, 0, 2*mib)
	now := mustAcquire(t, c, FileInfo{ID: 1, Length: 2*mib + 1, BlockSize: mib})
	if check(t, now, 0, mib) != 0 || check(t, old, 0, mib) != 0 {
		t.Error("bytes of a file that cannot be this one")
	}
	if put(t, old, 0, mib) {
		t.Error("the old handle still puts")
	}
	if !put(t, now, 0, 2*mib+1) || check(t, now, 0, 2*mib+1) != 2*mib+1 {
		t.Error("the new handle does not")
	}
	old.Release()
	if check(t, now, 0, mib) != mib {
		t.Error("the old handle's release took the new file's bytes")
	}
	audit(t, c)
}

func TestDropUnderAHandle(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 64*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib})
	put(t, f, 0, 2*mib)
	if n := c.Drop(1); n != 2*mib || c.CachedBytes(1) != 0 {
		t.Errorf("freed %d, left %d", n, c.CachedBytes(1))
	}
	if c.Drop(1) != 0 || c.Drop(99) != 0 || c.DropBlock(1, 0) != 0 || c.DropBlock(99, 0) != 0 {
		t.Error("freed what is not there")
	}
	if !put(t, f, mib, mib) || check(t, f, mib, mib) != mib {
		t.Error("the handle is of no use any more")
	}
}

func TestABlockInUseIsNotEvicted(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 64*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 2 * mib, BlockSize: mib})
	put(t, f, 0, 2*mib)
	s, ok := f.entry.pin(0, ChunkSize, nil)
	if !ok {
		t.Fatal("nothing to pin")
	}
	if c.DropBlock(1, 0) != 0 || check(t, f, 0, mib) != mib {
		t.Error("evicted under a reader")
	}
	if c.DropBlock(1, 1) != mib {
		t.Error("its neighbour was not evicted")
	}
	c.unpin(s.body, s.block)
	if c.DropBlock(1, 0) != mib {
		t.Error("not evicted after the reader has gone")
	}
	audit(t, c)
}

func TestReleasedAndClosed(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := t.TempDir()
	c, err := Open(one(path, 64*mib))
	if err != nil {
		t.Fatal(err)
	}
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
	g := mustAcquire(t, c, FileInfo{ID: 2, Length: mib, BlockSize: mib})
	put(t, f, 0, mib)
	f.Release()
	f.Release()
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
	if _, err := f.Put(0, make([]byte, mib)); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
	g.Release()
	if n := len(c.entries()); n != 1 {
		t.Errorf("%d entries, of which one has anything cached", n)
	}
	g = mustAcquire(t, c, FileInfo{ID: 1, Length: mib, BlockSize: mib})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := g.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrMiss) {
		t.Error(err)
	}
	if kept, err := g.Put(0, make([]byte, mib)); kept || err != nil {
		t.Error(kept, err)
	}
	if _, err := c.Acquire(FileInfo{ID: 3, Length: 1, BlockSize: mib}); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
	if c.Drop(1) != 0 || c.DropBlock(1, 0) != 0 {
		t.Error("dropped after Close")
	}
}

func TestDescriptorsAreBounded(t *testing.T) {
	o := one(t.TempDir(), 64*mib)
	o.OpenFiles = 10
	c := mustOpen(t, o)
	var files []*File
	for id := int64(1); id <= 50; id++ {
		files = append(files, mustAcquire(t, c, FileInfo{ID: id, Length: 1000, BlockSize: mib}))
	}
	for range 2 {
		for _, f := range files {
			if !put(t, f, 0, 1000) || check(t, f, 0, 1000) != 1000 {
				t.Fatal("not there")
			}
		}
	}
	if n := len(c.fds.mu.pairs); n != 5 || c.fds.mu.lru.Len() != n {
		t.Errorf("%d pairs open, want 5", n)
	}
}
