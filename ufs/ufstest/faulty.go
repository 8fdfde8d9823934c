package ufstest

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"path"
	"sync"
	"time"

	"goosefs/ufs"
)

// Fault is one planned misbehaviour.
type Fault struct {
	Op    string // stat, list, open, read (of an opened body), create, write, commit, mkdir, remove, rename; "" any
	Name  string // a pattern of path.Match; "" any
	Skip  int    // calls of that kind that go well first
	Times int    // calls that fail then; 0: all
	After int64  // for read: bytes that come first
	// Err is what the call returns. nil, for read only: the body ends early without an
	// error, which no UFS may do and every caller must notice.
	Err error
}

// Faulty is a UFS whose calls fail by plan. The first fault that fits a call is it.
func Faulty(inner ufs.UFS, plan ...Fault) *FaultyUFS {
	f := &FaultyUFS{inner: inner}
	f.SetPlan(plan...)
	f.mu.calls = map[string]int{}
	return f
}

// FaultyUFS is what Faulty makes.
type FaultyUFS struct {
	inner ufs.UFS
	mu    struct {
		sync.Mutex
		plan  []Fault
		seen  []int // calls that fitted each fault
		calls map[string]int
	}
}

var _ ufs.UFS = (*FaultyUFS)(nil)

// SetPlan replaces the plan; counts of its faults begin anew.
func (f *FaultyUFS) SetPlan(plan ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.plan, f.mu.seen = plan, make([]int, len(plan))
}

// Calls is how often an operation was called, failed ones included.
func (f *FaultyUFS) Calls(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.calls[op]
}

// next counts a call and finds its fault, if it has one.
func (f *FaultyUFS) next(op, name string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.calls[op]++
	for i, fault := range f.mu.plan {
		fits, _ := path.Match(fault.Name, name)
		if fault.Op != "" && fault.Op != op || fault.Name != "" && !fits {
			continue
		}
		f.mu.seen[i]++
		turn := f.mu.seen[i] - fault.Skip
		if turn > 0 && (fault.Times == 0 || turn <= fault.Times) {
			return fault, true
		}
	}
	return Fault{}, false
}

func (f *FaultyUFS) fail(op, name string) error {
	if fault, ok := f.next(op, name); ok && fault.Err != nil {
		return wrap(op, name, fault.Err)
	}
	return nil
}

func wrap(op, name string, err error) error {
	if path, ok := err.(*fs.PathError); ok {
		return path
	}
	return &fs.PathError{Op: op, Path: "faulty:/" + name, Err: err}
}

// Stat implements ufs.UFS.
func (f *FaultyUFS) Stat(ctx context.Context, name string) (ufs.Info, error) {
	if err := f.fail("stat", name); err != nil {
		return ufs.Info{}, err
	}
	return f.inner.Stat(ctx, name)
}

// List implements ufs.UFS. A fault's After is the number of entries that come first.
func (f *FaultyUFS) List(ctx context.Context, name string) iter.Seq2[ufs.Info, error] {
	return func(yield func(ufs.Info, error) bool) {
		fault, failing := f.next("list", name)
		left := fault.After
		for info, err := range f.inner.List(ctx, name) {
			if failing && left == 0 {
				break
			}
			left--
			if !yield(info, err) {
				return
			}
		}
		if failing && fault.Err != nil {
			yield(ufs.Info{}, wrap("list", name, fault.Err))
		}
	}
}

// Open implements ufs.UFS.
func (f *FaultyUFS) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	if err := f.fail("open", name); err != nil {
		return nil, err
	}
	body, err := f.inner.Open(ctx, name, v, off, n)
	if err != nil {
		return nil, err
	}
	if fault, ok := f.next("read", name); ok {
		end := io.EOF
		if fault.Err != nil {
			end = wrap("read", name, fault.Err)
		}
		return &brokenBody{ReadCloser: body, left: fault.After, end: end}, nil
	}
	return body, nil
}

// brokenBody ends after some bytes.
type brokenBody struct {
	io.ReadCloser
	left int64
	end  error
}

// Read implements io.Reader.
func (b *brokenBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.end
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Create implements ufs.UFS.
func (f *FaultyUFS) Create(ctx context.Context, name string, mode fs.FileMode) (ufs.Writer, error) {
	if err := f.fail("create", name); err != nil {
		return nil, err
	}
	w, err := f.inner.Create(ctx, name, mode)
	if err != nil {
		return nil, err
	}
	return &faultyWriter{Writer: w, f: f, name: name}, nil
}

type faultyWriter struct {
	ufs.Writer
	f    *FaultyUFS
	name string
}

// Write implements io.Writer.
func (w *faultyWriter) Write(p []byte) (int, error) {
	if err := w.f.fail("write", w.name); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

// Commit implements ufs.Writer. When it fails, the object is forgotten.
func (w *faultyWriter) Commit(ctx context.Context) (ufs.Info, error) {
	if err := w.f.fail("commit", w.name); err != nil {
		w.Abort()
		return ufs.Info{}, err
	}
	return w.Writer.Commit(ctx)
}

// Mkdir implements ufs.UFS.
func (f *FaultyUFS) Mkdir(ctx context.Context, name string, mode fs.FileMode) error {
	if err := f.fail("mkdir", name); err != nil {
		return err
	}
	return f.inner.Mkdir(ctx, name, mode)
}

// Remove implements ufs.UFS.
func (f *FaultyUFS) Remove(ctx context.Context, name string) error {
	if err := f.fail("remove", name); err != nil {
		return err
	}
	return f.inner.Remove(ctx, name)
}

// Rename implements ufs.UFS.
func (f *FaultyUFS) Rename(ctx context.Context, from, to string) error {
	if err := f.fail("rename", from); err != nil {
		return err
	}
	return f.inner.Rename(ctx, from, to)
}

// Slowness is how a source is slow.
type Slowness struct {
	Latency time.Duration // before each answer
	Chunk   int           // bytes of a body that come at once; 0: as many as asked for
	Pause   time.Duration // before each chunk

	// StallAfter, when Release is not nil, is how many bytes of each body come before
	// it stalls until Release is closed or its context ends.
	StallAfter int64
	Release    <-chan struct{}
}

// Slow is a UFS whose reads take their time. Every wait ends with the call's context.
func Slow(inner ufs.UFS, how Slowness) ufs.UFS { return &slowUFS{UFS: inner, how: how} }

type slowUFS struct {
	ufs.UFS
	how Slowness
}

func wait(ctx context.Context, d time.Duration, release <-chan struct{}) error {
	var timeout <-chan time.Time
	if release == nil {
		timer := time.NewTimer(d)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-timeout:
	case <-release:
	case <-ctx.Done():
		return ufs.Ended("wait", "slow:/", ctx.Err())
	}
	return nil
}

// Stat implements ufs.UFS.
func (s *slowUFS) Stat(ctx context.Context, name string) (ufs.Info, error) {
	if err := wait(ctx, s.how.Latency, nil); err != nil {
		return ufs.Info{}, err
	}
	return s.UFS.Stat(ctx, name)
}

// List implements ufs.UFS.
func (s *slowUFS) List(ctx context.Context, name string) iter.Seq2[ufs.Info, error] {
	return func(yield func(ufs.Info, error) bool) {
		if err := wait(ctx, s.how.Latency, nil); err != nil {
			yield(ufs.Info{}, err)
			return
		}
		s.UFS.List(ctx, name)(yield)
	}
}

// Open implements ufs.UFS.
func (s *slowUFS) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	if err := wait(ctx, s.how.Latency, nil); err != nil {
		return nil, err
	}
	body, err := s.UFS.Open(ctx, name, v, off, n)
	if err != nil {
		return nil, err
	}
	return &slowBody{ReadCloser: body, ctx: ctx, how: s.how}, nil
}

type slowBody struct {
	io.ReadCloser
	ctx context.Context
	how Slowness
	got int64
}

// Read implements io.Reader.
func (b *slowBody) Read(p []byte) (int, error) {
	if b.how.Chunk > 0 {
		p = p[:min(len(p), b.how.Chunk)]
	}
	if b.how.Release != nil {
		if left := b.how.StallAfter - b.got; left > 0 {
			p = p[:min(int64(len(p)), left)]
		} else if err := wait(b.ctx, 0, b.how.Release); err != nil {
			return 0, err
		}
	}
	if err := wait(b.ctx, b.how.Pause, nil); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	return n, err
}
