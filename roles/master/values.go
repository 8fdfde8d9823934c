package master

import (
	"context"
	"encoding/binary"
	"os/user"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
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

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func putInt64(b []byte, v int64) { binary.BigEndian.PutUint64(b, uint64(v)) }

// persisted says whether a file's bytes can be had from its under file system.
func persisted(n metastore.Inode) bool { return n.Persistence == metastore.Persisted && n.Completed }

// errnoOr is err's errno, or otherwise.
func errnoOr(err error, otherwise syscall.Errno) syscall.Errno {
	if errno := errnoOf(err); errno != 0 {
		return errno
	}
	return otherwise
}

// owner is who this process runs as.
func owner() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}

// change runs a call that changes the under file system. Those of one mount run one after the other, so that what was
// decided on still holds.
func (src *source) change(ctx context.Context, call func(context.Context, ufs.UFS) error) error {
	select {
	case src.changing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-src.changing }()
	return src.call(ctx, sourceList, call)
}
