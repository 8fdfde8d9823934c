package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// readPiece is how much of a read is planned at once: the first of it is here while the rest is fetched.
const readPiece = 4 << 20

// ReadAt reads into p from off, like [io.ReaderAt]: a short count comes with an error, io.EOF at the end of the file.
// All bytes are of the version that was opened; once they are not to be had any more it fails with ESTALE.
func (x *File) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: x.info.Path, Err: syscall.EINVAL}
	}
	if off >= x.info.Length {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), x.info.Length-off)]
	for n < len(want) {
		piece := want[n:min(len(want), n+readPiece)]
		m, err := x.readPiece(ctx, piece, off+int64(n))
		n += m
		if err != nil {
			return n, x.failed(err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// failed has the masters look at the source once when it does not have this version any more, so that the next who
// opens the file gets the new one.
func (x *File) failed(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno == syscall.ESTALE {
		x.stale.Do(func() {
			x.fs.background(func(ctx context.Context) {
				if _, err := x.fs.Stat(ctx, x.info.Path, StatOptions{Sync: true}); err != nil {
					x.fs.cfg.Log.Debug("cannot look again", "path", x.info.Path, "err", err)
				}
			})
		})
	}
	return err
}

// readPiece reads at least one byte.
func (x *File) readPiece(ctx context.Context, p []byte, off int64) (int, error) {
	if n := x.readLocal(ctx, p, off); n > 0 {
		return n, nil
	}
	pages, err := x.plan(off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer x.leave(pages)
	if len(pages) == 0 {
		return x.readDirect(ctx, p, off)
	}
	n := 0
	for _, pg := range pages {
		data, err := pg.wait(ctx)
		if err != nil {
			return n, x.pageError(ctx, err)
		}
		n += copyFrom(data, off+int64(n)-pg.off, p[n:])
	}
	return n, nil
}

func (x *File) pageError(ctx context.Context, err error) error {
	switch {
	case x.ctx.Err() != nil:
		return &fs.PathError{Op: "read", Path: x.info.Path, Err: syscall.EBADF}
	case ctx.Err() != nil:
		return &fs.PathError{Op: "read", Path: x.info.Path, Err: ctx.Err()}
	}
	return err
}

// readDirect reads just what p holds, in one piece for each block.
func (x *File) readDirect(ctx context.Context, p []byte, off int64) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.ctx, cancel)()
	if err := x.fetchRange(ctx, p, off, exact); err != nil {
		return 0, err
	}
	return len(p), nil
}

// fetchRange fetches into p the bytes from off on, block by block.
func (x *File) fetchRange(ctx context.Context, p []byte, off int64, how pattern) error {
	block := x.block(off)
	if block.Offset+block.Length-off >= int64(len(p)) {
		return x.fetch(ctx, &filling{p}, off, how)
	}
	group, ctx := errgroup.WithContext(ctx)
	for len(p) > 0 {
		block := x.block(off)
		piece := min(int64(len(p)), block.Offset+block.Length-off)
		part, at := p[:piece], off
		group.Go(func() error { return x.fetch(ctx, &filling{part}, at, how) })
		p, off = p[piece:], off+piece
	}
	return group.Wait()
}
