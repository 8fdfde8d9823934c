package blockcache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// need skips a test that the machine cannot run, or fails it where all must run.
func need(t *testing.T, ok bool, what string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatal("needs " + what)
	}
	t.Skip("needs " + what)
}

// original is the file with an id: every sector says which file it is of and
// where it lies, so that no byte can be right in a wrong place.
func original(info FileInfo, off, n int64) []byte {
	const sector = 512
	var noise [sector]byte
	for i := range noise {
		noise[i] = byte(i*i>>3 + i)
	}
	p := make([]byte, 0, n+2*sector)
	for at := off / sector * sector; at < off+n; at += sector {
		mix := uint64(at+1)*0x9E3779B97F4A7C15 ^ uint64(info.ID)<<32
		binary.LittleEndian.PutUint64(noise[0:], mix)
		binary.LittleEndian.PutUint64(noise[sector/2:], ^mix)
		binary.LittleEndian.PutUint64(noise[sector-8:], mix>>7)
		p = append(p, noise[:]...)
	}
	return p[off%sector:][:n]
}

// one is options for a single directory.
func one(path string, quota int64) Options {
	return Options{Tiers: []Tier{{Alias: "HDD", Dirs: []Dir{{path, quota}}, High: 0.8, Low: 0.7}}}
}

// mustOpen opens a cache that is closed when the test ends.
func mustOpen(t testing.TB, o Options) *Cache {
	t.Helper()
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func mustAcquire(t testing.TB, c *Cache, info FileInfo) *File {
	t.Helper()
	f, err := c.Acquire(info)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Release)
	return f
}

// put offers a range of the original.
func put(t testing.TB, f *File, off, n int64) bool {
	t.Helper()
	n = min(n, f.entry.info.Length-off)
	kept, err := f.Put(off, original(f.entry.info, off, n))
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// check reads a range and fails the test if a byte is wrong. It returns how
// many bytes were there.
func check(t testing.TB, f *File, off, n int64) int64 {
	t.Helper()
	p := make([]byte, n)
	m, err := f.ReadAt(p, off)
	if !bytes.Equal(p[:m], original(f.entry.info, off, int64(m))) {
		t.Fatalf("file %d: wrong bytes in [%d, %d)", f.entry.info.ID, off, off+int64(m))
	}
	switch {
	case int64(m) == n && (err == nil || err == io.EOF):
	case err == io.EOF && off+int64(m) == f.entry.info.Length:
	case err == io.EOF && m == 0 && off >= f.entry.info.Length:
	case errors.Is(err, ErrMiss) && int64(m) < n:
	default:
		t.Fatalf("file %d: ReadAt(%d, %d) = %d, %v", f.entry.info.ID, off, n, m, err)
	}
	return int64(m)
}

// until polls; the deadline is far beyond what is expected.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never happened: " + what)
		}
	}
}

func used(c *Cache) (n int64) {
	for _, d := range c.Usage()[0].Dirs {
		n += d.Used
	}
	return n
}

func TestBytesComeBack(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 16*mib))
	f := mustAcquire(t, c, FileInfo{ID: 7, Length: 3*mib + 12345, BlockSize: mib})
	if n := check(t, f, 0, 100); n != 0 {
		t.Fatalf("%d bytes of an empty cache", n)
	}
	if !put(t, f, mib, mib) || !put(t, f, 3*mib, mib) {
		t.Fatal("not kept")
	}
	for _, r := range []struct{ off, n, want int64 }{
		{0, 1, 0},
		{mib - 1, 2, 0},
		{mib, mib, mib},
		{mib, 2 * mib, mib},
		{mib + 1, 10, 10},
		{mib + 65535, 2, 2},
		{mib + 5, mib, mib - 5},
		{2*mib - 1, 5, 1},
		{3 * mib, mib, 12345},
		{3*mib + 12344, 1, 1},
		{3*mib + 12344, 2, 1},
		{3*mib + 12345, 2, 0},
		{3*mib + 7, 100, 100},
		{1 << 50, 1, 0},
		{mib, 0, 0},
	} {
		if n := check(t, f, r.off, r.n); n != r.want {
			t.Errorf("ReadAt(%d, %d) = %d bytes, want %d", r.off, r.n, n, r.want)
		}
	}
	if got := c.CachedBytes(7); got != mib+12345 {
		t.Errorf("CachedBytes %d", got)
	}
}
