package worker

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"goosefs/blockcache"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// OpenLocalBlock tells a client on this host the file that begins with the bytes of a block that is cached whole. Until the
// client ends the stream the bytes stay where they are: should the file be unlinked, whoever has mapped it keeps them.
//
// A block that a client wrote is a file of its own. What was fetched lies in one file for each file, so only its first block
// begins one. Of others, and of what is not cached, the client is told at once that there is none, and it reads by a stream.
func (s *blockService) OpenLocalBlock(stream grpc.BidiStreamingServer[pb.OpenLocalBlockRequest, pb.OpenLocalBlockResponse]) error {
	req, err := stream.Recv()
	if err == io.EOF {
		return invalid(0)
	}
	if err != nil {
		return err
	}
	f, length, err := s.lendBlock(stream.Context(), req.GetBlockId())
	if err != nil {
		return err
	}
	defer f.Close()
	path, err := filepath.Abs(f.Name())
	if err != nil {
		return err
	}
	if err := stream.Send(&pb.OpenLocalBlockResponse{Path: &path, BlockSize: proto.Int64(length)}); err != nil {
		return err
	}
	for { // its end is the end of the lock, be it in good order or not
		if _, err := stream.Recv(); err != nil {
			return nil
		}
	}
}

// lendBlock opens the file that begins with a block, locked against being punched, when all bytes of the block, of which
// there are length, are there and verified. The caller closes it.
func (w *Worker) lendBlock(ctx context.Context, block int64) (f *os.File, length int64, err error) {
	if block <= 0 {
		return nil, 0, invalid(block)
	}
	info, length, known := w.begunBy(block)
	if !known {
		return nil, 0, notLocal(block)
	}
	cached, err := w.cache.Acquire(info)
	if err != nil {
		return nil, 0, err
	}
	defer cached.Release()
	if f, err = w.lend(ctx, &file{info: info, cached: cached}, length); err == blockcache.ErrMiss {
		err = notLocal(block)
	}
	if err != nil {
		return nil, 0, err
	}
	w.counts.handouts.Add(1)
	return f, length, nil
}

// begunBy is the cached file that begins with a block, of which something at least is here, and how long the block is.
func (w *Worker) begunBy(block int64) (info blockcache.FileInfo, length int64, known bool) {
	if isBlock(block) {
		if info, known = w.cache.Info(block); known {
			return info, info.Length, true
		}
	}
	info, known = w.cache.Info(block | blockMask)
	return info, min(info.BlockSize, info.Length), known && block&blockMask == 0 && info.Length > 0
}

// lend opens the file that x is cached in, once its first n bytes are verified. What it returns with an error is nil.
func (w *Worker) lend(ctx context.Context, x *file, n int64) (f *os.File, err error) {
	var lent blockcache.Lent
	defer func() {
		if err != nil && f != nil {
			f.Close()
			f = nil
		}
	}()
	for off := int64(0); off < n; {
		ready, opened, now, err := x.cached.HandoutPart(off, n-off, lent)
		switch {
		case err == blockcache.ErrUnverified && ctx.Err() == nil:
			w.verify(x, off, n-off)
			continue
		case err != nil:
			return f, err
		case opened != nil && f != nil: // another file took its place: what was seen of the first is nothing to this one
			f.Close()
			f, lent, off = opened, now, 0
			continue
		case opened != nil:
			f, lent = opened, now
		}
		off += ready
	}
	return f, nil
}

func notLocal(block int64) error {
	return &fs.PathError{Op: "open", Path: "block " + fmt.Sprint(block) + " as a file of this worker's disk", Err: syscall.ENOENT}
}
