package client

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Writer writes a new file, in order. It is for one goroutine; exactly one of Close and Cancel ends it.
//
// Nobody else reads the file before Close. If it fails, or the program dies, the masters remove what is left of the file.
type Writer struct {
	fs   *FS
	info Info
	kind WriteType
	ctx  context.Context // of the streams
	end  context.CancelFunc

	length  int64
	block   copies     // of the block that is being written; nil between two
	file    *outStream // of the whole file, to the under file system
	blocks  []int64    // that were written
	nocache bool       // the cache took no more; the file goes on without it
	err     error      // of the first failure
	over    bool
}

// CreateFile makes a new file at path, which must not exist, for writing.
func (f *FS) CreateFile(ctx context.Context, path string, o CreateOptions) (*Writer, error) {
	kind, err := f.writeType(ctx, path, o)
	if err != nil {
		return nil, err
	}
	info, err := f.create(ctx, path, kind, o)
	if err != nil {
		return nil, err
	}
	w := &Writer{fs: f, info: info, kind: kind}
	w.ctx, w.end = context.WithCancel(ctx)
	return w, nil
}

// Info is the file as it was when it was created.
func (w *Writer) Info() Info { return w.info }

// Write implements [io.Writer]. After an error only Cancel makes sense.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.over {
		return 0, &fs.PathError{Op: "write", Path: w.info.Path, Err: syscall.EBADF}
	}
	for n < len(p) && w.err == nil {
		part := p[n:min(len(p), n+int(w.room()))]
		w.err = w.writePart(part)
		if w.err == nil {
			n += len(part)
			w.length += int64(len(part))
		}
	}
	return n, w.err
}

// room is how many bytes fit into the block that is being written, or the next.
func (w *Writer) room() int64 { return w.info.BlockSize - w.length%w.info.BlockSize }

// writePart writes bytes of one block.
func (w *Writer) writePart(p []byte) (err error) {
	if w.kind.through() {
		if w.file == nil {
			if w.file, err = w.openFile(); err != nil {
				return err
			}
		}
		if err := w.file.write(p); err != nil {
			return err
		}
	}
	if !w.kind.cached() || w.nocache {
		return nil
	}
	return w.spare(w.writeBlock(p))
}

// writeBlock writes bytes to the cache, and ends the block when it is full.
func (w *Writer) writeBlock(p []byte) (err error) {
	if w.block == nil {
		if w.block, err = w.openBlock(w.info.ID&^blockMask | w.length/w.info.BlockSize); err != nil {
			return err
		}
	}
	if err := w.block.write(p); err != nil {
		return err
	}
	if int64(len(p)) < w.room() {
		return nil
	}
	return w.endBlock()
}

func (w *Writer) endBlock() error {
	if w.block == nil {
		return nil
	}
	err := w.block.commit()
	if err == nil {
		w.blocks = append(w.blocks, w.block[0].block)
	}
	w.block = nil
	return err
}

// spare lets a file that goes to the under file system do without the cache.
func (w *Writer) spare(err error) error {
	if err == nil || !w.kind.through() || w.ctx.Err() != nil {
		return err
	}
	w.fs.cfg.Log.Debug("not cached while it is written", "path", w.info.Path, "err", err)
	w.block.cancel()
	w.block, w.nocache = nil, true
	return nil
}

// Close makes the file complete: it has its length, and whoever opens it can read all of it. If it fails the file is
// cancelled.
func (w *Writer) Close() error {
	if w.over {
		return &fs.PathError{Op: "close", Path: w.info.Path, Err: syscall.EBADF}
	}
	err := w.err
	if err == nil && w.file != nil {
		err = w.file.commit()
		w.file = nil
	}
	if err == nil {
		err = w.spare(w.endBlock())
	}
	if err == nil {
		err = w.fs.complete(w.ctx, w.info.Path, w.length, w.kind == AsyncThrough)
	}
	if err != nil {
		return errors.Join(err, w.Cancel())
	}
	w.over = true
	w.end()
	return nil
}

// Cancel removes what was written, and the file.
func (w *Writer) Cancel() error {
	if w.over {
		return nil
	}
	w.over = true
	w.end()
	w.block.cancel()
	if w.file != nil {
		w.file.cancel()
	}
	ctx, cancel := context.WithTimeout(w.fs.ctx, w.fs.cfg.StreamTimeout)
	defer cancel()
	req := &pb.RemoveBlocksPRequest{BlockIds: w.blocks}
	err := change(ctx, w.fs, "cancel", w.info.Path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.RemoveBlocks(ctx, req)
		return err
	})
	return errors.Join(err, w.fs.removeVersion(ctx, w.info))
}

// removeVersion removes a file that was not completed, unless its path is another's by now.
func (f *FS) removeVersion(ctx context.Context, info Info) error {
	now, err := f.statAlone(ctx, info.Path, StatOptions{})
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.ID != info.ID {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.Remove(ctx, info.Path, RemoveOptions{CacheOnly: !now.Completed})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Persist has a file that is only cached brought into the under file system, in the background.
func (f *FS) Persist(ctx context.Context, path string) error { return f.PersistAfter(ctx, path, 0) }

// PersistAfter is Persist of a file that need not be begun before a while has passed.
func (f *FS) PersistAfter(ctx context.Context, path string, wait time.Duration) error {
	req := &pb.ScheduleAsyncPersistencePRequest{Path: &path, Options: &pb.ScheduleAsyncPersistencePOptions{
		CommonOptions: newOperation(), PersistenceWaitTime: proto.Int64(wait.Milliseconds()),
	}}
	return change(ctx, f, "persist", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.ScheduleAsyncPersistence(ctx, req)
		return err
	})
}

// FailedPersistence names files that could not be brought into the under file system so far. They are tried again.
func (f *FS) FailedPersistence(ctx context.Context) (paths []string, err error) {
	for marker := ""; ; {
		req := &pb.ListFailedPersistencePRequest{Marker: proto.String(marker)}
		resp, err := lead(ctx, f, "persist", "/", func(ctx context.Context, conn *grpc.ClientConn) (*pb.ListFailedPersistencePResponse, error) {
			return pb.NewFileSystemMasterClientServiceClient(conn).ListFailedPersistence(ctx, req)
		})
		if err != nil {
			return nil, err
		}
		paths = append(paths, resp.GetFailedFiles()...)
		if marker = resp.GetNextMarker(); !resp.GetTruncated() || marker == "" {
			return paths, nil
		}
	}
}
