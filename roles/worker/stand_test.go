package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire/clusterpb"
)

// stand is what the tests of fills stand on: a source in memory that counts and misbehaves, masters that know its files
// by id, and a true cache.
type stand struct {
	t       testing.TB
	mem     *mem.UFS
	source  *counted
	masters *directory
	cache   *blockcache.Cache
	sources *sources
	fills   *fills
	over    chan struct{} // closed when the test is
}

func newStand(t testing.TB, o Options, cache blockcache.Options) *stand {
	t.Helper()
	if cache.Tiers == nil {
		cache.Tiers = []blockcache.Tier{{Alias: "MEM", Dirs: []blockcache.Dir{{Path: t.TempDir(), Quota: 64 << 20}}}}
	}
	b := &stand{t: t, mem: mem.New(), masters: newDirectory(), over: make(chan struct{})}
	b.source = &counted{UFS: b.mem}
	var err error
	if b.cache, err = blockcache.Open(cache); err != nil {
		t.Fatal(err)
	}
	if o.OpenUFS == nil {
		o.OpenUFS = func(string, map[string]string) (ufs.UFS, string, error) { return b.source, "mem", nil }
	}
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	b.sources = newSources(ctx, b.masters, o.OpenUFS, newBudget(o).share)
	b.fills = newFills(ctx, &counts{cache: b.cache}, b.sources, o)
	t.Cleanup(func() {
		close(b.over)
		cancel()
		b.fills.stop()
		b.sources.close()
		if err := b.cache.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// put makes a file of random bytes in the source, and registers its version as the file id.
func (b *stand) put(id int64, name string, size int64) []byte {
	b.t.Helper()
	data := make([]byte, size)
	rand.Read(data)
	b.mem.Put(name, data)
	b.masters.add(id, name, b.mem, 64*mib)
	return data
}

// open is a reader of the file. It is closed with the test.
func (b *stand) open(id int64) *file {
	b.t.Helper()
	src, err := b.sources.of(b.t.Context(), id<<24|blockMask)
	if err != nil {
		b.t.Fatal(err)
	}
	x := &file{info: src.info(), keep: true, src: src}
	if x.cached, err = b.cache.Acquire(x.info); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(x.cached.Release)
	return x
}

// read reads a range whole, as a stream does.
func (b *stand) read(ctx context.Context, x *file, off, n int64) ([]byte, error) {
	got := make([]byte, 0, n)
	for int64(len(got)) < n {
		at := off + int64(len(got))
		left := off + n - at
		m, _, err := b.fills.read(ctx, x, got[len(got):len(got)+int(min(left, mib))], want{at, left, false}, func() error { return nil })
		if err != nil {
			return got, err
		}
		got = got[:len(got)+m]
	}
	return got, nil
}

// cached waits until so many bytes of the file are cached.
func (b *stand) cached(id, bytes int64) {
	b.t.Helper()
	eventually(b.t, func() bool { return b.cache.CachedBytes(id<<24|blockMask) == bytes }, func() string {
		return fmt.Sprintf("%d bytes are cached, want %d", b.cache.CachedBytes(id<<24|blockMask), bytes)
	})
}

func eventually(t testing.TB, true func() bool, otherwise func() string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise())
		}
	}
}

// directory is what masters know: which file of the source an id stands for, and in which version.
type directory struct {
	mu struct {
		sync.Mutex
		files map[int64]*clusterpb.FileSource
		err   error
		asked int
	}
}

func newDirectory() *directory {
	d := &directory{}
	d.mu.files = make(map[int64]*clusterpb.FileSource)
	return d
}

func (d *directory) add(id int64, name string, u ufs.UFS, blockSize int64) {
	info, err := u.Stat(context.Background(), name)
	if err != nil {
		panic(err)
	}
	d.set(&clusterpb.FileSource{
		FileId: id<<24 | blockMask, Path: "/" + name, Ufs: "mem://", Name: name, Version: string(info.Version), Length: info.Size,
		BlockSize: blockSize, MountId: 1, Persisted: true,
	})
}

func (d *directory) set(f *clusterpb.FileSource) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.files[f.GetFileId()] = f
}

// change replaces what is known of a file.
func (d *directory) change(id int64, how func(*clusterpb.FileSource)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.mu.files[id<<24|blockMask]
	f := &clusterpb.FileSource{
		FileId: old.FileId, Path: old.Path, Ufs: old.Ufs, Name: old.Name, Version: old.Version, Length: old.Length,
		BlockSize: old.BlockSize, MountId: old.MountId, Persisted: old.Persisted, Options: old.Options,
	}
	how(f)
	d.mu.files[f.GetFileId()] = f
}

func (d *directory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.err = err
}

func (d *directory) Source(_ context.Context, file int64) (*clusterpb.FileSource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.asked++
	if d.mu.err != nil {
		return nil, d.mu.err
	}
	if f := d.mu.files[file]; f != nil {
		return f, nil
	}
	return nil, &fs.PathError{Op: "source", Path: fmt.Sprint(file), Err: syscall.ENOENT}
}

func (d *directory) Destination(_ context.Context, _ int64, place string) (*clusterpb.FileSource, error) {
	return nil, &fs.PathError{Op: "write", Path: place, Err: syscall.ENOENT}
}

// counted is a source that remembers which ranges were asked for, and does to their bodies what a test wants.
type counted struct {
	ufs.UFS
	late   bool // bytes are proven by the last of them only
	mu     sync.Mutex
	opens  []string
	body   func(off, n int64, r io.ReadCloser) io.ReadCloser
	closed bool
}

func (c *counted) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	c.mu.Lock()
	c.opens = append(c.opens, fmt.Sprintf("%s %d+%d", path.Base(name), off, n))
	body := c.body
	c.mu.Unlock()
	r, err := c.UFS.Open(ctx, name, v, off, n)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r = body(off, n, r)
	}
	if c.late {
		return struct{ io.ReadCloser }{r}, nil
	}
	return proven{r}, nil
}

func (c *counted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

func (c *counted) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// asked are the ranges that were asked for, sorted.
func (c *counted) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.opens))
}

// misbehave changes the bodies from now on.
func (c *counted) misbehave(body func(off, n int64, r io.ReadCloser) io.ReadCloser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.body = body
}

// proven is a body whose bytes are proven as they come.
type proven struct{ io.ReadCloser }

func (proven) Proven() bool { return true }

// stalling is a body that stands still after some bytes, until it may go on.
func (b *stand) stalling(after int64, goOn <-chan struct{}) func(off, n int64, r io.ReadCloser) io.ReadCloser {
	return func(_, _ int64, r io.ReadCloser) io.ReadCloser { return &stalled{r, after, goOn, b.over} }
}

type stalled struct {
	io.ReadCloser
	left int64
	goOn <-chan struct{}
	over <-chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.left <= 0 {
		select {
		case <-s.goOn:
		case <-s.over:
		}
		return s.ReadCloser.Read(p)
	}
	n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// breaking is a body that ends in an error after some bytes.
func breaking(after int64, end error) func(off, n int64, r io.ReadCloser) io.ReadCloser {
	return func(_, _ int64, r io.ReadCloser) io.ReadCloser { return &broken{r, after, end} }
}

type broken struct {
	io.ReadCloser
	left int64
	end  error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.end
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// mustFail checks an error's errno and that its text has the words.
func mustFail(t testing.TB, err error, errno syscall.Errno, words ...string) {
	t.Helper()
	if err == nil || errnoOf(err) != errno {
		t.Fatalf("error %v (%v), want %v", err, errnoOf(err), errno)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("error %q does not say %q", err, w)
		}
	}
	var at *fs.PathError
	if !errors.As(err, &at) {
		t.Fatalf("error %v has no path", err)
	}
}
