package fuse

import (
	"container/list"
	"context"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// A mount whose first OPEN is answered with ENOSYS (Options.NoOpen) is asked for no other: the kernel opens and closes
// files by itself, so a small file whose pages it keeps costs no request at all. Reads then come without a handle. An
// inode is a version, so they need none: what an open file would hold is kept with the inode from the first read until a
// while after the last one.
//
// What an OPEN would find out is known by what it leaves: whether the name means another version by now, when the entry
// expires or is invalidated; that nothing can be written, by the mount being ro.

const (
	keptIdle = 128             // files that are kept and not being read, at most
	keptFor  = 2 * time.Second // how long each of them is
)

// shelf has the files of a mount that were read lately. The zero value is empty.
type shelf struct {
	mu struct {
		sync.Mutex
		idle   list.List // of *fileNode, the one read last in front
		sweeps bool      // sweep will be called
		closed bool
	}
}

// kept is a node's file.
type kept struct {
	file    File
	readers int
	place   *list.Element // nil while there are readers
	since   time.Time     // it has had none
}

// readKept reads without a handle.
func (n *fileNode) readKept(ctx context.Context, dest []byte, off int64) (gofuse.ReadResult, syscall.Errno) {
	n.mu.Lock()
	info := n.mu.info
	n.mu.Unlock()
	want := dest[:max(0, min(int64(len(dest)), info.Length-off))]
	fresh := false
	k := n.m.shelf.take(n, func() File {
		fresh = true
		return n.m.tree.OpenInfo(info)
	})
	if fresh {
		n.m.ahead.opened(n)
	}
	result, errno := n.fill(ctx, k.file, want, off)
	// After the whole of a file nothing is left to be read: the kernel has its pages.
	n.m.shelf.put(n, errno == 0 && int64(len(want)) == info.Length)
	return result, errno
}

// take gives the node's file to a reader, and opens it if need be.
func (s *shelf) take(n *fileNode, open func() File) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.kept == nil {
		n.kept = &kept{file: open()}
		n.m.stats.opens.Add(1)
		n.m.stats.openNow.Add(1)
	}
	if n.kept.place != nil {
		s.mu.idle.Remove(n.kept.place)
		n.kept.place = nil
	}
	n.kept.readers++
	return n.kept
}

// put takes it back. done: nobody is expected to read on.
func (s *shelf) put(n *fileNode, done bool) {
	s.mu.Lock()
	var off []File
	if n.kept.readers--; n.kept.readers == 0 {
		n.kept.place, n.kept.since = s.mu.idle.PushFront(n), time.Now()
		switch {
		case done || s.mu.closed:
			off = append(off, s.removeLocked(n))
		case s.mu.idle.Len() > keptIdle:
			off = append(off, s.removeLocked(s.mu.idle.Back().Value.(*fileNode)))
		}
	}
	s.sweepLaterLocked()
	s.mu.Unlock()
	closeAll(off)
}

// holds says whether the node's file is kept.
func (s *shelf) holds(n *fileNode) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.kept != nil
}

// removeLocked takes an idle file off; the caller closes it.
func (s *shelf) removeLocked(n *fileNode) File {
	s.mu.idle.Remove(n.kept.place)
	file := n.kept.file
	n.kept = nil
	n.m.stats.openNow.Add(-1)
	return file
}

func (s *shelf) sweepLaterLocked() {
	if !s.mu.sweeps && s.mu.idle.Len() > 0 {
		s.mu.sweeps = true
		time.AfterFunc(keptFor, s.sweep)
	}
}

// sweep closes what has been idle for long.
func (s *shelf) sweep() {
	s.mu.Lock()
	s.mu.sweeps = false
	var off []File
	for back := s.mu.idle.Back(); back != nil; back = s.mu.idle.Back() {
		n := back.Value.(*fileNode)
		if time.Since(n.kept.since) < keptFor {
			break
		}
		off = append(off, s.removeLocked(n))
	}
	s.sweepLaterLocked()
	s.mu.Unlock()
	closeAll(off)
}

// close closes all; those that are being read when they have been.
func (s *shelf) close() {
	s.mu.Lock()
	s.mu.closed = true
	var off []File
	for s.mu.idle.Len() > 0 {
		off = append(off, s.removeLocked(s.mu.idle.Back().Value.(*fileNode)))
	}
	s.mu.Unlock()
	closeAll(off)
}

func closeAll(files []File) {
	for _, f := range files {
		_ = f.Close() // what was read is right; there is nothing to be told
	}
}
