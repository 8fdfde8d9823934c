package master

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
	"goosefs/wire/pb"
)

// modeOf reads permission bits; 0 if there are none.
func modeOf(m *pb.PMode) uint32 {
	if m == nil {
		return 0
	}
	bits := func(b pb.Bits) uint32 { return uint32(b-1) & 7 }
	return bits(m.GetOwnerBits())<<6 | bits(m.GetGroupBits())<<3 | bits(m.GetOtherBits())
}

func putInt64(b []byte, v int64) { binary.BigEndian.PutUint64(b, uint64(v)) }

// persisted says whether a file's bytes can be had from its under file system.
func persisted(n metastore.Inode) bool { return n.Persistence == metastore.Persisted && n.Completed }

// pathErr is an error about a path, without more words than its errno has.
func pathErr(op, path string, errno syscall.Errno) *fs.PathError {
	return &fs.PathError{Op: op, Path: path, Err: errno}
}

// errnoOf is the errno that err stands for, or 0.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}

// readOnlyKind says whether no under file system of the kind can be written.
func readOnlyKind(kind string) bool { return kind == scheme.KindWeb }

// nameable refuses to make what other file systems, or the wire, cannot name.
func nameable(op, p string) error {
	one, err := metastore.CleanPath(op, p)
	if err != nil {
		return err
	}
	if _, err := ufs.CleanName(one); err != nil {
		why := "it has control characters, is not UTF-8, or has .. between backslashes"
		return &metastore.Error{Text: fmt.Sprintf("%q cannot be a path: %s", p, why), Err: pathErr(op, p, syscall.EINVAL)}
	}
	if ufs.IsStaged(path.Base(one)) {
		return &metastore.Error{Text: fmt.Sprintf("%q cannot be a path: such names are for files that are being written", p), Err: pathErr(op, p, syscall.EINVAL)}
	}
	return nil
}

// clean is p in the spelling of the namespace, which refuses what this cannot clean.
func clean(p string) string { return path.Clean(p) }
