package fuse

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
)

// spoiled counts the inodes that were given up, each for another inode of the same version. There are few of them.
type spoiled struct {
	total       atomic.Int64
	generations sync.Map // by inode number; the present one
}

// identity is that of a file's present inode.
func (s *spoiled) identity(mode uint32, ino uint64) gofusefs.StableAttr {
	id := gofusefs.StableAttr{Mode: mode, Ino: ino}
	if gen, ok := s.generations.Load(ino); ok {
		id.Gen = gen.(uint64)
	}
	return id
}

// lives says that an inode was not given up.
func (s *spoiled) lives(in *gofusefs.Inode) bool {
	return in.IsRoot() || s.identity(in.Mode(), in.StableAttr().Ino) == in.StableAttr()
}

// add gives an inode up. The kernel is to be told ESTALE when it opens it: then it looks the name up.
func (s *spoiled) add(in *gofusefs.Inode) {
	id := in.StableAttr()
	if id.Gen == 0 {
		if _, known := s.generations.LoadOrStore(id.Ino, uint64(1)); known {
			return
		}
	} else if !s.generations.CompareAndSwap(id.Ino, id.Gen, id.Gen+1) {
		return
	}
	s.total.Add(1)
}

// stamp tells whether a file on a worker's disk was changed. A worker never changes one that it has handed out, but may
// unlink it.
type stamp struct {
	size              int64
	modified, changed syscall.Timespec
	linked            bool
}

// stampOf is the present stamp of an open file. That of one that cannot be looked at differs from all others.
func stampOf(f *os.File) stamp {
	var s syscall.Stat_t
	if f == nil || syscall.Fstat(int(f.Fd()), &s) != nil {
		return stamp{size: -1}
	}
	return stamp{s.Size, s.Mtim, s.Ctim, s.Nlink > 0}
}

// sameFile says whether two descriptors are of one file.
func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// differs says that the file was changed since it looked like before. The time of change cannot be set back, but to be
// unlinked changes it too; then nobody but a holder can reach the file.
func (s stamp) differs(before stamp) bool {
	return s.size < 0 || s.size != before.size || s.modified != before.modified || s.linked && s.changed != before.changed
}
