package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"syscall"

	"goosefs/blockcache"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

type writeStream = grpc.BidiStreamingServer[pb.WriteRequest, pb.WriteResponse]

// sink is where the bytes of a stream go.
type sink interface {
	io.Writer
	// commit makes what was written be there for others: whole, or not at all.
	commit(context.Context) error
	// abort forgets what was written. After the end it does nothing.
	abort()
}

// WriteBlock takes the bytes of one block of a file that is being written, for the cache, or of a whole file for its under
// file system. It answers each flush, once all before it is written, and nothing else; when the client has closed its
// side, it answers that the bytes are there. A client that goes away leaves nothing behind.
func (s *blockService) WriteBlock(stream writeStream) error {
	req, err := stream.Recv()
	if err == io.EOF {
		return notCommand()
	}
	if err != nil {
		return err
	}
	if req.GetCommand() == nil {
		return notCommand()
	}
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	ctx := stream.Context()
	err = s.take(ctx, stream, req.GetCommand())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && s.ctx.Err() != nil:
		return errStopping
	}
	return err
}

func notCommand() error {
	return &fs.PathError{Op: "write", Path: "a stream that does not begin with a command", Err: syscall.EINVAL}
}

// take opens what the command names, and receives its bytes.
func (s *blockService) take(ctx context.Context, stream writeStream, c *pb.WriteRequestCommand) error {
	if c.GetFlush() || c.GetOffset() != 0 {
		return &fs.PathError{Op: "write", Path: fmt.Sprint("block ", c.GetId()), Err: syscall.EINVAL}
	}
	switch c.GetType() {
	case pb.RequestType_GOOSEFS_BLOCK:
		return s.takeBlock(ctx, stream, c)
	case pb.RequestType_UFS_FILE:
		return s.takeFile(ctx, stream, c.GetCreateUfsFileOptions())
	}
	return &fs.PathError{Op: "write", Path: c.GetType().String(), Err: syscall.ENOTSUP}
}

// takeBlock takes the bytes of a block. Who begins a block anew takes it over from whom it was begun before.
func (s *blockService) takeBlock(ctx context.Context, stream writeStream, c *pb.WriteRequestCommand) error {
	block, file := c.GetId(), c.GetId()|blockMask
	if block <= 0 || block == file {
		return &fs.PathError{Op: "write", Path: fmt.Sprint("block ", block), Err: syscall.EINVAL}
	}
	src, err := s.sources.of(ctx, file)
	if err != nil {
		return err
	}
	if !src.GetWriting() {
		return writeErrorf(src.GetPath(), syscall.EEXIST, "%s is complete: its block %d cannot be written", src.GetPath(), block&blockMask)
	}
	if ctx.Err() != nil {
		return ctx.Err() // who comes after this one must not be taken over by it
	}
	turn, leave := s.writes.begin(ctx, block, file)
	defer leave()
	if s.cache.CachedBytes(block) > 0 {
		return blockFailed(src, block, syscall.EEXIST)
	}
	about := min(max(c.GetSpaceToReserve(), 0), src.GetBlockSize())
	w, err := s.cache.Create(block, about, !src.GetThrough())
	if err != nil {
		return blockFailed(src, block, err)
	}
	b := &blockSink{Writer: w, worker: s.Worker, src: src, block: block, turn: turn}
	defer b.abort()
	err = pour(turn, stream, b)
	if errors.Is(err, errTakenOver) {
		err = blockFailed(src, block, err)
	}
	return err
}

// blockSink is a block on its way into the cache.
type blockSink struct {
	*blockcache.Writer
	worker *Worker
	src    *source
	block  int64
	turn   *writing
}

func (b *blockSink) Write(p []byte) (int, error) {
	if b.Len()+int64(len(p)) > b.src.GetBlockSize() {
		return 0, writeErrorf(b.src.GetPath(), syscall.EINVAL, "block %d of %s is longer than %d bytes", b.block&blockMask, b.src.GetPath(), b.src.GetBlockSize())
	}
	n, err := b.Writer.Write(p)
	if err != nil {
		err = blockFailed(b.src, b.block, err)
	}
	return n, err
}

// commit also has the masters told, so that whoever asks for the file from now on is sent here.
func (b *blockSink) commit(ctx context.Context) error {
	if b.Len() == 0 {
		return nil // a client that changed its mind
	}
	err := b.turn.commit(func() error {
		b.worker.written.add(b.block) // before it can be dropped
		err := b.Commit()
		if err == nil {
			b.worker.written.add(b.block) // it was evicted once, and that was told just now
		}
		return err
	})
	if err != nil {
		return blockFailed(b.src, b.block, err)
	}
	b.worker.reports.flush(ctx)
	return nil
}

func (b *blockSink) abort() { b.Abort() }

// blockFailed is an error of the cache in words for whoever writes the block.
func blockFailed(src *source, block int64, err error) error {
	index, path := block&blockMask, src.GetPath()
	switch errno := errnoOf(err); {
	case errno == syscall.ENOSPC:
		return writeErrorf(path, errno, "no room in the worker's cache for block %d of %s: what it holds is in use, or nowhere else; "+
			"persist or remove files, give it a larger quota, or write CACHE_THROUGH or THROUGH", index, path)
	case errno == syscall.EEXIST:
		return writeErrorf(path, errno, "block %d of %s is written already", index, path)
	case errors.Is(err, errTakenOver):
		return writeErrorf(path, syscall.EAGAIN, "block %d of %s was begun anew by somebody", index, path)
	default:
		return writeErrorf(path, syscall.EIO, "cannot write block %d of %s: %v", index, path, err)
	}
}

// pour receives the bytes of a stream until the client has closed its side, and commits them.
func pour(ctx context.Context, stream writeStream, to sink) error {
	var written int64
	for {
		req, err := stream.Recv()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == io.EOF:
			return to.commit(ctx)
		case err != nil:
			return err
		}
		if c := req.GetCommand(); c != nil {
			if !c.GetFlush() {
				return &fs.PathError{Op: "write", Path: "a second command in a stream", Err: syscall.EINVAL}
			}
			if err := stream.Send(&pb.WriteResponse{Offset: &written}); err != nil {
				return err
			}
			continue
		}
		data := req.GetChunk().GetData()
		if int64(len(data)) > math.MaxInt64-written {
			return &fs.PathError{Op: "write", Path: "a stream without end", Err: syscall.EFBIG}
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
		written += int64(len(data))
	}
}

func writeErrorf(path string, errno syscall.Errno, format string, args ...any) error {
	return &readError{fmt.Sprintf(format, args...), &fs.PathError{Op: "write", Path: path, Err: errno}}
}
