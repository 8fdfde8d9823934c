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
func (h *handle) Read(ctx context.Context, dest []byte, off int64) (gofuse.ReadResult, syscall.Errno) {
	want := dest[:max(0, min(int64(len(dest)), h.size-off))]
	h.n.m.stats.reads.Add(1)
	if len(want) == 0 {
		return gofuse.ReadResultData(nil), 0
	}
	if h.direct != nil {
		return h.readDirect(want, off)
	}
	ctx, stop := patient(ctx)
	defer stop()
	for n := 0; n < len(want); {
		got, err := h.file.ReadAt(ctx, want[n:], off+int64(n))
		n += got
		if n == len(want) {
			break
		}
		if err == nil && got == 0 || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, h.n.m.failed("read", h.n.path(), err)
		}
	}
	h.n.m.stats.bytes.Add(int64(len(want)))
	return gofuse.ReadResultData(want), 0
}

// Flush is asked of kernels that do not know FOPEN_NOFLUSH, once: they remember the answer.
func (h *handle) Flush(ctx context.Context) syscall.Errno { return syscall.ENOSYS }

// Release ends the handle.
func (h *handle) Release(ctx context.Context) syscall.Errno {
	h.n.m.stats.openNow.Add(-1)
	h.n.m.notifier.atEnd(ctx, func() { h.n.ways.close(h.direct != nil) })
	if err := h.file.Close(); err != nil {
		h.n.m.log.Debug("close failed", "path", h.n.path(), "err", err)
	}
	return 0
}

var (
	_ gofusefs.FilePassthroughFder = (*handle)(nil)
	_ gofusefs.NodeOpener          = (*fileNode)(nil)
	_ gofusefs.FileReader          = (*handle)(nil)
	_ gofusefs.FileFlusher         = (*handle)(nil)
	_ gofusefs.FileReleaser        = (*handle)(nil)
)
