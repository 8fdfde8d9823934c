package fuse

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// notifier tells the kernel what go-fuse has it told, but for entries: those it only lets expire, so that the kernel
// asks for the name again. go-fuse drops them. With an entry that nobody uses the kernel drops the inode, and with that
// all pages of the file: on a change of its mode, and of all files whenever another master leads.
//
// Kernels before 6.2 do not know the difference, take no notice of the flag, and drop.
type notifier struct {
	*gofuse.Server
	log *slog.Logger
	fd  int // a copy of the connection, so that it cannot have become another file

	registering *ways          // of the descriptor that comes next; go-fuse's lock guards it
	unable      atomic.Bool    // the kernel takes no descriptors
	passed      atomic.Int64   // descriptors that it took
	refuse      atomic.Uintptr // in tests: the errno that the kernel is to say

	ending sync.Map // by the request's cancel channel: what is to be done when go-fuse is through with a release
}

// served is what go-fuse's tree serves, with a notifier in the place of the server.
type served struct {
	gofuse.RawFileSystem
	told *notifier
}

// Init is called once, before the first request. The tree has its server already: the notifier.
func (s served) Init(server *gofuse.Server) { s.told.Server = server }

// asksOpenFile, in the place of the answer's lifetime, is how a node learns that the kernel asks on behalf of an open
// file: go-fuse tells by the handle, and a mount without OPEN has none.
const asksOpenFile = 1

// GetAttr marks what is asked on behalf of an open file.
func (s served) GetAttr(cancel <-chan struct{}, in *gofuse.GetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	if in.Flags()&gofuse.FUSE_GETATTR_FH != 0 {
		out.AttrValidNsec = asksOpenFile
	}
	return s.RawFileSystem.GetAttr(cancel, in, out)
}

// Release lets go-fuse release a handle, and then ends it here: only now the kernel has back what it was given for it.
func (s served) Release(cancel <-chan struct{}, in *gofuse.ReleaseIn) {
	s.RawFileSystem.Release(cancel, in)
	if end, ok := s.told.ending.LoadAndDelete(cancel); ok {
		end.(func())()
	}
}

// atEnd has end called when go-fuse is through with the release that ctx is of.
func (n *notifier) atEnd(ctx context.Context, end func()) {
	if c, ok := ctx.(*gofuse.Context); ok && c.Cancel != nil {
		n.ending.Store(c.Cancel, end)
		return
	}
	end()
}

func newNotifier(connection int, log *slog.Logger) (*notifier, error) {
	fd, err := unix.FcntlInt(uintptr(connection), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "mount", Path: "/dev/fuse", Err: fmt.Errorf("a copy of the connection: %w", err)}
	}
	return &notifier{fd: fd, log: log}, nil
}

// close is for when nobody tells the kernel anything any more.
func (n *notifier) close() { unix.Close(n.fd) }

// EntryNotify lets an entry expire.
func (n *notifier) EntryNotify(parent uint64, name string) gofuse.Status {
	message := expiry(parent, name)
	for {
		if _, err := unix.Write(n.fd, message); err != unix.EINTR {
			return gofuse.ToStatus(err)
		}
	}
}

// expiry is fuse_out_header and fuse_notify_inval_entry_out of linux/fuse.h, and the name with its zero.
func expiry(parent uint64, name string) []byte {
	const notifyInvalEntry = 3
	b := make([]byte, 0, 16+16+len(name)+1)
	b = binary.NativeEndian.AppendUint32(b, uint32(cap(b)))
	b = binary.NativeEndian.AppendUint32(b, notifyInvalEntry)
	b = binary.NativeEndian.AppendUint64(b, 0) // no request is answered by it
	b = binary.NativeEndian.AppendUint64(b, parent)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(name)))
	b = binary.NativeEndian.AppendUint32(b, gofuse.EXPIRE_ONLY)
	return append(append(b, name...), 0)
}
