package fuse

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"goosefs/client"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// A file that a worker on this host holds whole is read from the worker's disk, through a descriptor that the worker
// hands over. The kernel reads it itself (passthrough), without a request to us; where it cannot, we read it for it.
//
// The kernel does not let an inode be open both ways: passthrough of an inode of which an open lives that is read through
// us fails with EIO. So what the first of several opens of an inode finds is how all are read until the last is closed.
//
// When others change the worker's file while it is open, those who have it open see what is on the disk. Who opens it then
// must not: its inode is spoiled, the kernel is told so, looks the name up again, and gets another inode.

// directer is the ability of a [File] to give a descriptor of all its bytes.
type directer interface {
	Direct(ctx context.Context) (*os.File, error)
}

// ways is how an inode is open: by a descriptor, or by requests to the tree; never both. The zero value is not open.
type ways struct {
	mu struct {
		sync.Mutex
		descriptor *os.File // of all direct opens
		seen       stamp    // of the descriptor, when its worker vouched for it last
		direct     int      // open handles
		streams    int      // open handles
		unmapped   bool     // the kernel did not take the descriptor, or may not: we read from it until the last handle is closed
		why        error    // streams are not direct
	}
}

// open decides how a new handle is read. It gives the descriptor, or nil and why there is none; errSpoiled says that there
// is to be no handle. passed says whether the kernel may have the descriptor, if there was none before.
func (w *ways) open(ctx context.Context, file File, passed bool) (*os.File, error) {
	if f, err, settled := w.join(); settled {
		return f, err
	} else if f != nil {
		return w.rejoin(ctx, file, f)
	}
	f, err := ask(ctx, file)
	now := stampOf(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	if f != nil && (w.mu.descriptor != nil || w.mu.streams > 0) { // another open was faster
		f.Close()
		f, err = nil, errOtherWay
	}
	if f != nil {
		w.mu.descriptor, w.mu.seen, w.mu.unmapped = f, now, !passed
	}
	if w.mu.descriptor == nil {
		if w.mu.streams++; w.mu.streams == 1 {
			w.mu.why = err
		}
		return nil, err
	}
	w.mu.direct++
	return w.mu.descriptor, nil
}

// join opens as the others that are open do, if there are any. A descriptor without that being settled is one of a file
// that was changed since: the handle is counted as direct, so that the descriptor lives, until rejoin has decided.
func (w *ways) join() (f *os.File, err error, settled bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.mu.descriptor != nil:
		w.mu.direct++
		return w.mu.descriptor, nil, !stampOf(w.mu.descriptor).differs(w.mu.seen)
	case w.mu.streams > 0:
		w.mu.streams++
		return nil, errOtherWay, true
	}
	return nil, nil, false
}

// rejoin has the worker say whether a file that was changed is right. If it does not hand out this very file any more, the
// inode is spoiled.
func (w *ways) rejoin(ctx context.Context, file File, ours *os.File) (*os.File, error) {
	now := stampOf(ours) // before the question, so that what is changed after it is seen next time
	f, _ := ask(ctx, file)
	same := f != nil && sameFile(f, ours)
	if f != nil {
		f.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if same {
		w.mu.seen = now
		return ours, nil
	}
	w.dropLocked()
	return nil, errSpoiled
}

// dropLocked ends a direct handle.
func (w *ways) dropLocked() {
	if w.mu.direct--; w.mu.direct == 0 {
		w.mu.descriptor.Close()
		w.mu.descriptor = nil
	}
}

// stream opens a handle that is read through us. It gives the descriptor that it is read from if others are open by one.
func (w *ways) stream() *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.descriptor != nil {
		w.mu.direct++
		return w.mu.descriptor
	}
	w.mu.streams++
	return nil
}

// close ends a handle.
func (w *ways) close(direct bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if direct {
		w.dropLocked()
	} else {
		w.mu.streams--
	}
}

// mapped is the descriptor for the kernel, if it may have it.
func (w *ways) mapped() (fd int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.descriptor == nil || w.mu.unmapped {
		return 0, false
	}
	return int(w.mu.descriptor.Fd()), true
}

// unmap notes that the kernel did not take it.
func (w *ways) unmap() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.unmapped = true
}

// ask asks for a descriptor.
func ask(ctx context.Context, file File) (*os.File, error) {
	if d, ok := file.(directer); ok {
		return d.Direct(ctx)
	}
	return nil, errNoDirect
}

type reason string

func (r reason) Error() string { return string(r) }

const (
	errOtherWay reason = "it is open already, by requests to the mount"
	errNoDirect reason = "these files have no descriptor"
	errSpoiled  reason = "others changed the worker's file while it was open"
)

// wantsDirect says if a file is to be read directly if it can be.
func (m *Mounted) wantsDirect(info client.Info) bool {
	return m.opts.Passthrough >= 0 && !m.opts.DirectIO && info.Length >= m.opts.Passthrough
}

// begin opens a handle, one way or the other. What is opened with O_DIRECT we read ourselves: the worker's disk may want
// reads to be aligned otherwise than the program aligns them. It fails with errSpoiled.
func (h *handle) begin(ctx context.Context, info client.Info, flags uint32) error {
	n := h.n
	h.file = n.m.tree.OpenInfo(info)
	if !n.m.wantsDirect(info) {
		h.direct = n.ways.stream()
	} else {
		var err error
		h.direct, err = n.ways.open(ctx, h.file, flags&syscall.O_DIRECT == 0)
		switch {
		case err == errSpoiled:
			n.m.spoiled.add(n.EmbeddedInode())
			n.m.log.Warn("opened anew: others changed the file on the worker's disk while it was open", "path", n.path())
			return errors.Join(err, h.file.Close())
		case err != nil:
			n.m.stats.streams.Add(1)
			n.m.log.Debug("not read directly", "path", n.path(), "reason", err)
		}
	}
	if h.direct != nil {
		n.m.stats.direct.Add(1)
	}
	return nil
}

// PassthroughFd gives go-fuse the descriptor for the kernel. It is called when no other open of the inode is passed
// through, and what it gives is registered next, before it is called again for any other inode.
func (h *handle) PassthroughFd() (int, bool) {
	if h.n.m.notifier.unable.Load() {
		return 0, false
	}
	fd, ok := h.n.ways.mapped()
	if ok {
		h.n.m.notifier.registering = &h.n.ways
	}
	return fd, ok
}

// RegisterBackingFd gives the kernel a descriptor. When that fails go-fuse would try no other file again. So it is told
// of no failure but gets no id: then it leaves the file as it is, and we read it.
func (n *notifier) RegisterBackingFd(m *gofuse.BackingMap) (int32, syscall.Errno) {
	id, errno := int32(0), syscall.Errno(n.refuse.Load())
	if errno == 0 {
		id, errno = n.Server.RegisterBackingFd(m)
	}
	if errno == 0 {
		n.passed.Add(1)
		return id, 0
	}
	n.registering.unmap()
	switch errno {
	case syscall.EPERM, syscall.ENOSYS, syscall.ENOTTY, syscall.EOPNOTSUPP:
		if !n.unable.Swap(true) {
			n.log.Info("the kernel does not read files by itself here: they are read for it", "reason", errno)
		}
	default:
		n.log.Debug("the kernel does not read this file by itself", "reason", errno)
	}
	return 0, 0
}

// readDirect reads from the descriptor.
func (h *handle) readDirect(want []byte, off int64) (gofuse.ReadResult, syscall.Errno) {
	n, err := h.direct.ReadAt(want, off)
	if n < len(want) {
		return nil, h.n.m.failed("read", h.n.path(), err)
	}
	h.n.m.stats.bytes.Add(int64(n))
	return gofuse.ReadResultData(want), 0
}

// way tells how the file is read now or, if it is not open, would be.
func (n *fileNode) way(ctx context.Context, info client.Info) string {
	by := "passthrough"
	if n.m.notifier.unable.Load() {
		by = "descriptor"
	}
	n.ways.mu.Lock()
	direct, streams, unmapped, why := n.ways.mu.direct > 0, n.ways.mu.streams > 0, n.ways.mu.unmapped, n.ways.mu.why
	n.ways.mu.Unlock()
	switch {
	case direct && unmapped:
		return "descriptor"
	case direct:
		return by
	case streams && why != nil:
		return "mount, until all have closed it, for when it was opened: " + bare(why)
	case n.m.opts.NoOpen:
		return "mount: files of this mount are not opened"
	case n.m.opts.Passthrough < 0 || n.m.opts.DirectIO:
		return "mount: reading directly is turned off"
	case info.Length < n.m.opts.Passthrough:
		return "mount: the kernel keeps the pages of small files"
	}
	file := n.m.tree.OpenInfo(info)
	defer file.Close()
	f, err := ask(ctx, file)
	if err != nil {
		return "mount: " + bare(err)
	}
	f.Close()
	return by
}

// bare is a reason without the path, which is known.
func bare(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return err.Error()
}
