package master

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
)

const (
	sourceCalls = 32               // at once, to one under file system
	sourceCall  = 60 * time.Second // the longest call about one object
	sourceList  = 10 * time.Minute // the longest listing of one directory
	tripAfter   = 5                // failures in a row
	tripFor     = 5 * time.Second  // how long a failing under file system is left alone
)

// sources keeps the under file systems of the mounts open, each apart from the others: a sick one has its own bounded
// pool of calls, and is left alone for a while when it keeps failing.
type sources struct {
	options map[string]string // for all

	mu struct {
		sync.Mutex
		open map[int64]*source // by mount id
	}
}

// source is one mount's under file system.
type source struct {
	mount metastore.Mount
	kind  string // web, local
	ufs   ufs.UFS
	slots chan struct{}
	// changing holds a token while a call changes the under file system.
	changing chan struct{}

	mu struct {
		sync.Mutex
		failures int // in a row
		last     error
		until    time.Time // left alone
	}
}

func newSources(options map[string]string) *sources {
	s := &sources{options: options}
	s.mu.open = make(map[int64]*source)
	return s
}

func (s *sources) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range s.mu.open {
		src.close()
	}
}

func (src *source) close() {
	if c, ok := src.ufs.(interface{ Close() error }); ok {
		c.Close()
	}
}

// of opens the under file system of mount m, or finds it open.
func (s *sources) of(m metastore.Mount) (*source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.mu.open[m.ID]; src != nil {
		if src.mount.UFS == m.UFS && maps.Equal(src.mount.Options, m.Options) {
			return src, nil
		}
		src.close()
	}
	src, err := s.connect(m)
	if err == nil {
		s.mu.open[m.ID] = src
	}
	return src, err
}

// connect makes a source for m without keeping it.
func (s *sources) connect(m metastore.Mount) (*source, error) {
	u, kind, err := scheme.Open(m.UFS, s.with(m.Options))
	if err != nil {
		return nil, err
	}
	return &source{mount: m, kind: kind, ufs: u, slots: make(chan struct{}, sourceCalls), changing: make(chan struct{}, 1)}, nil
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

// kindOf names the kind of m's under file system without calling it.
func (s *sources) kindOf(m metastore.Mount) string {
	src, err := s.of(m)
	if err != nil {
		return "unknown"
	}
	return src.kind
}

// call runs one call of at most limit on the under file system.
func (src *source) call(ctx context.Context, limit time.Duration, call func(context.Context, ufs.UFS) error) error {
	if err := src.tripped(time.Now()); err != nil {
		return err
	}
	select {
	case src.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-src.slots }()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := call(ctx, src.ufs)
	src.note(err, time.Now())
	return err
}

// tripped is the error of a source that is left alone.
func (src *source) tripped(now time.Time) error {
	src.mu.Lock()
	defer src.mu.Unlock()
	if now.Before(src.mu.until) {
		return &sourceError{
			text: fmt.Sprintf("the under file system of %s is failing and left alone for %s: %v", src.mount.Path, tripFor, src.mu.last),
			at:   &fs.PathError{Op: "ufs", Path: src.mount.UFS, Err: syscall.EIO},
		}
	}
	return nil
}

// note counts failures that say something about the source rather than about one object in it.
func (src *source) note(err error, now time.Time) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if err == nil || !ufs.Retryable(err) || errors.Is(err, context.Canceled) {
		src.mu.failures = 0
		return
	}
	src.mu.failures++
	if src.mu.failures >= tripAfter {
		src.mu.last, src.mu.until = err, now.Add(tripFor)
	}
}

// sourceError is an error with words for people, and operation, path and errno for programs.
type sourceError struct {
	text string
	at   *fs.PathError
}

func (e *sourceError) Error() string { return e.text }
func (e *sourceError) Unwrap() error { return e.at }
