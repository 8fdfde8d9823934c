package fuse

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// fileNode is one version of a file.
type fileNode struct {
	node
	ways ways
	// Options.Prefetch: it was opened before. The prefetcher's lock guards it.
	opened bool
	kept   *kept // Options.NoOpen; nil: it is not being read. The shelf's lock guards it.
}

// handle is an open file: its own view of the version that its inode stands for. go-fuse releases it when no read
// runs any more.
type handle struct {
	n      *fileNode
	file   File
	direct *os.File // where it is read from, if not from file; the node's
	size   int64
}

// Open opens the version that this inode stands for. If the name means another one by now, or the inode is spoiled, it says
// ESTALE, and the kernel looks the name up and opens that.
func (n *fileNode) Open(ctx context.Context, flags uint32) (gofusefs.FileHandle, uint32, syscall.Errno) {
	if n.m.opts.NoOpen {
		return nil, 0, syscall.ENOSYS // the kernel does not ask again, on this mount
	}
	const writing = syscall.O_TRUNC | syscall.O_APPEND | syscall.O_CREAT
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&writing != 0 {
		return nil, 0, syscall.EROFS
	}
	info, _, err := n.current(ctx)
	if err == nil && !n.m.spoiled.lives(n.EmbeddedInode()) {
		err = syscall.ESTALE
	}
	if err != nil {
		return nil, 0, n.m.failed("open", n.path(), err)
	}
	n.m.stats.opens.Add(1)
	n.m.stats.openNow.Add(1)
	n.m.ahead.opened(n)
	// Nothing is ever written, so close needs no FLUSH request.
	answer := uint32(gofuse.FOPEN_KEEP_CACHE | gofuse.FOPEN_NOFLUSH)
	if n.m.opts.DirectIO {
		answer = gofuse.FOPEN_DIRECT_IO | gofuse.FOPEN_NOFLUSH
	}
	h := &handle{n: n, size: info.Length}
	if h.begin(ctx, info, flags) != nil {
		n.m.stats.openNow.Add(-1)
		return nil, 0, syscall.ESTALE
	}
	return h, answer, 0
}

// Read fills dest from off, up to the end of the file. It never answers with less: the kernel would take the file to
// end there.
func (n *fileNode) Read(ctx context.Context, f gofusefs.FileHandle, dest []byte, off int64) (gofuse.ReadResult, syscall.Errno) {
	n.m.stats.reads.Add(1)
	h, ok := f.(*handle)
	if !ok {
		return n.readKept(ctx, dest, off)
	}
	want := dest[:max(0, min(int64(len(dest)), h.size-off))]
	if len(want) > 0 && h.direct != nil {
		return h.readDirect(want, off)
	}
	return n.fill(ctx, h.file, want, off)
}

// fill reads all of want.
func (n *fileNode) fill(ctx context.Context, file File, want []byte, off int64) (gofuse.ReadResult, syscall.Errno) {
	if len(want) == 0 {
		return gofuse.ReadResultData(nil), 0
	}
	ctx, stop := patient(ctx)
	defer stop()
	for done := 0; done < len(want); {
		got, err := file.ReadAt(ctx, want[done:], off+int64(done))
		done += got
		if done == len(want) {
			break
		}
		if err == nil && got == 0 || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			n.m.ahead.failed()
			return nil, n.m.failed("read", n.path(), err)
		}
	}
	n.m.stats.bytes.Add(int64(len(want)))
	return gofuse.ReadResultData(want), 0
}

// Flush is asked, once, of kernels that do not know FOPEN_NOFLUSH, and of mounts without OPEN: the kernel remembers the
// answer.
func (n *fileNode) Flush(context.Context, gofusefs.FileHandle) syscall.Errno { return syscall.ENOSYS }

// Release ends the handle.
func (h *handle) Release(ctx context.Context) syscall.Errno {
	h.n.m.notifier.atEnd(ctx, func() {
		h.n.ways.close(h.direct != nil)
		h.n.m.stats.openNow.Add(-1) // now the next open is the first
	})
	if err := h.file.Close(); err != nil {
		h.n.m.log.Debug("close failed", "path", h.n.path(), "err", err)
	}
	return 0
}

var (
	_ gofusefs.FilePassthroughFder = (*handle)(nil)
	_ gofusefs.NodeOpener          = (*fileNode)(nil)
	_ gofusefs.NodeReader          = (*fileNode)(nil)
	_ gofusefs.NodeFlusher         = (*fileNode)(nil)
	_ gofusefs.FileReleaser        = (*handle)(nil)
)
