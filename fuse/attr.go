package fuse

import (
	"math/bits"
	"syscall"
	"time"

	"goosefs/client"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

const (
	rootIno = 1
	// preferredIO is what programs are told to read at once.
	preferredIO = 1 << 20
)

// inoOf is the inode number of a file or directory: its id. Numbers that mean something else to the kernel or to
// go-fuse (0, the root's, all ones), which the masters do not give to files, are moved out of the way.
func inoOf(info client.Info) uint64 {
	ino := uint64(info.ID)
	if ino <= rootIno || ino == ^uint64(0) {
		return 1<<62 | ino&0xff
	}
	return ino
}

// typeOf is the kind of inode, in the bits of a mode.
func typeOf(info client.Info) uint32 {
	switch {
	case info.Dir:
		return syscall.S_IFDIR
	case info.Symlink != "":
		return syscall.S_IFLNK
	}
	return syscall.S_IFREG
}

// fillAttr puts what is known of a file or directory into the kernel's words, but for the inode number.
func (m *Mounted) fillAttr(info client.Info, out *gofuse.Attr) {
	out.Mode = typeOf(info) | info.Mode&0o777&^m.opts.Umask
	if info.Symlink != "" {
		out.Mode = syscall.S_IFLNK | 0o777 // as everywhere: nobody looks at it
	}
	out.Nlink = 1
	if info.Dir {
		out.Nlink = 2
	} else {
		out.Size = uint64(max(info.Length, 0))
	}
	out.Blocks = (out.Size + 511) / 512
	out.Blksize = blksize(info.BlockSize)
	out.Uid, out.Gid = m.owners.ids(info.Owner, info.Group)
	modified := orEpoch(info.Modified)
	accessed := info.Accessed
	if accessed.IsZero() {
		accessed = modified
	}
	out.SetTimes(&accessed, &modified, &modified)
}

// blksize is 1 MiB, or less if blocks are smaller; a power of two, as the kernel keeps only its logarithm.
func blksize(block int64) uint32 {
	if block <= 0 || block >= preferredIO {
		return preferredIO
	}
	return uint32(max(1<<(bits.Len64(uint64(block))-1), 4096))
}

// orEpoch avoids that an unknown time shows as the year 1.
func orEpoch(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0)
	}
	return t
}
