package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"sync"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
)

const (
	listLimit = 10 * time.Minute // the longest listing or change of one directory
	tripAfter = 5                // failures in a row
	tripFor   = 5 * time.Second  // how long a failing under file system is left alone
)

// OpenUFS opens the under file system at uri and names its kind. What it returns may be an io.Closer.
type OpenUFS func(uri string, options map[string]string) (u ufs.UFS, kind string, err error)

// sources keeps the under file systems of the mounts open, each apart from the others: a sick one has its own bounded
// pool of calls, and is left alone for a while when it keeps failing.
type sources struct {
	open    OpenUFS
	options map[string]string // for all
	calls   int               // at once, to one under file system
	limit   time.Duration     // of a call about one object

	mu struct {
		sync.Mutex
		byMount map[int64]*source
	}
}

// source is one mount's under file system.
type source struct {
	mount   metastore.Mount
	limit   time.Duration
	slots   chan struct{}
	connect func() error // opens it, once
	kind    string       // web, local; once connected

	mu struct {
		sync.Mutex
		ufs      ufs.UFS // once connected
		failures int     // in a row
		last     error
		until    time.Time // left alone
		users    int
		closing  bool // close when the last user is done
	}
}

func newSources(o Options) *sources {
	s := &sources{open: o.OpenUFS, options: o.UFSOptions, calls: o.UFSCalls, limit: o.UFSTimeout}
	s.mu.byMount = make(map[int64]*source)
	return s
}

// of opens the under file system of mount m, or finds it open.
func (s *sources) of(m metastore.Mount) (*source, error) {
	src := s.entry(m)
	if err := src.connect(); err != nil {
		s.forget(m.ID) // so that the next call tries again
		return nil, src.failure(err)
	}
	return src, nil
}

// entry is the source of m, perhaps not open yet. It does no I/O.
func (s *sources) entry(m metastore.Mount) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.mu.byMount[m.ID]
	if src != nil && src.mount.UFS == m.UFS && maps.Equal(src.mount.Options, m.Options) {
		return src
	}
	if src != nil {
		src.close()
	}
	src = s.new(m)
	s.mu.byMount[m.ID] = src
	return src
}

// new makes a source for m without keeping or opening it.
func (s *sources) new(m metastore.Mount) *source {
	src := &source{mount: m, limit: s.limit, slots: make(chan struct{}, s.calls)}
	src.connect = sync.OnceValue(func() error {
		u, kind, err := s.open(m.UFS, s.with(m.Options))
		if err != nil {
			return err
		}
		src.mu.Lock()
		defer src.mu.Unlock()
		src.mu.ufs, src.kind = u, kind
		src.closeUnusedLocked()
		return nil
	})
	return src
}

// with are the options of all under file systems, and those of one mount before them.
func (s *sources) with(options map[string]string) map[string]string {
	all := maps.Clone(s.options)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, options)
	return all
}

// forget closes the under file system of a mount that is no more.
func (s *sources) forget(mount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.mu.byMount[mount]; src != nil {
		delete(s.mu.byMount, mount)
		src.close()
	}
}

func (s *sources) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range s.mu.byMount {
		src.close()
	}
}

// kindOf names the kind of m's under file system.
func (s *sources) kindOf(m metastore.Mount) string {
	src, err := s.of(m)
	if err != nil {
		return "unknown"
	}
	return src.kind
}

// close closes the under file system when nobody uses it any more.
func (src *source) close() {
	src.mu.Lock()
	defer src.mu.Unlock()
	src.mu.closing = true
	src.closeUnusedLocked()
}

func (src *source) closeUnusedLocked() {
	if src.mu.users > 0 || !src.mu.closing {
		return
	}
	if c, ok := src.mu.ufs.(io.Closer); ok {
		c.Close() // only reads are left behind, if anything
	}
	src.mu.ufs = nil
}

// call runs one call on the under file system, about one object.
func (src *source) call(ctx context.Context, call func(context.Context, ufs.UFS) error) error {
	return src.callFor(ctx, src.limit, call)
}

// callFor runs one call of at most limit on the under file system. When that fails for reasons of the under file
// system itself, the error is EIO: it must not look like a busy or slow master.
func (src *source) callFor(ctx context.Context, limit time.Duration, call func(context.Context, ufs.UFS) error) error {
	u, err := src.use(time.Now())
	if err != nil {
		return err
	}
	defer src.leave()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case src.slots <- struct{}{}:
	case <-limited.Done():
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return src.failure(fmt.Errorf("%d calls of %s are under way and none ended within %s", cap(src.slots), src.mount.UFS, limit))
	}
	defer func() { <-src.slots }()
	err = call(limited, u)
	if refused := (*metastore.Error)(nil); ctx.Err() != nil || errors.As(err, &refused) {
		return err // the caller left, or the namespace refused: that says nothing about the source
	}
	src.note(err, time.Now())
	if ufs.Retryable(err) {
		return src.failure(err)
	}
	return err
}

// use notes a user, unless the source is left alone or its mount has just gone.
func (src *source) use(now time.Time) (ufs.UFS, error) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.mu.closing {
		return nil, src.failure(fmt.Errorf("the mount of %s at %s has just been changed", src.mount.UFS, src.mount.Path))
	}
	if now.Before(src.mu.until) {
		return nil, src.failure(fmt.Errorf("the under file system of %s is failing and left alone for %s: %w", src.mount.Path, tripFor, src.mu.last))
	}
	src.mu.users++
	return src.mu.ufs, nil
}

func (src *source) leave() {
	src.mu.Lock()
	defer src.mu.Unlock()
	src.mu.users--
	src.closeUnusedLocked()
}

// note counts failures that say something about the source rather than about one object in it.
func (src *source) note(err error, now time.Time) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if !ufs.Retryable(err) {
		src.mu.failures = 0
		return
	}
	src.mu.failures++
	if src.mu.failures >= tripAfter {
		src.mu.last, src.mu.until = err, now.Add(tripFor)
	}
}

// failure is the error of a source that cannot be asked, in the words of cause.
func (src *source) failure(cause error) error {
	at := &fs.PathError{Op: "ufs", Path: src.mount.UFS, Err: syscall.EIO}
	return &metastore.Error{Text: cause.Error(), Err: at}
}
