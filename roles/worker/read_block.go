package worker

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// blockMask holds a block's index within its file: a block's id is the file's with the index in place of the ones.
const blockMask = 1<<24 - 1

// blockService is GooseFS's service about blocks. What is not built answers UNIMPLEMENTED by name.
type blockService struct {
	pb.UnimplementedBlockWorkerServer
	*Worker
}

// span is a range of a file that a call is about.
type span struct {
	src    *source
	off, n int64 // in the file
}

// span checks a range of a block and finds the file that it is in.
func (s *blockService) span(ctx context.Context, block, off, n int64) (span, error) {
	name := fmt.Sprint(block)
	if block <= 0 || off < 0 || n < 0 || off+n < off {
		return span{}, &fs.PathError{Op: "read", Path: name, Err: syscall.EINVAL}
	}
	src, err := s.sources.of(ctx, block|blockMask)
	if err != nil {
		return span{}, err
	}
	if src.GetBlockSize() <= 0 {
		return span{}, &fs.PathError{Op: "read", Path: name, Err: syscall.EINVAL}
	}
	start := (block & blockMask) * src.GetBlockSize()
	if off+n > min(src.GetBlockSize(), src.GetLength()-start) {
		return span{}, &fs.PathError{Op: "read", Path: name, Err: syscall.ERANGE}
	}
	return span{src, start + off, n}, nil
}

// ReadBlock sends exactly the bytes asked for, or an error. The client's acknowledgements are not waited for: the
// stream's own flow control holds back what it does not take.
func (s *blockService) ReadBlock(stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	ctx := stream.Context()
	at, err := s.span(ctx, req.GetBlockId(), req.GetOffset(), req.GetLength())
	if err != nil {
		return err
	}
	cached, err := s.cache.Acquire(at.src.info())
	if err != nil {
		return err
	}
	defer cached.Release()
	frame := int64(wire.MaxFrame)
	if c := req.GetChunkSize(); c > 0 {
		frame = min(frame, c)
	}
	sequential := !req.GetPositionShort()
	for at.n > 0 {
		data := make([]byte, min(frame, at.n))
		n, fromCache, err := s.fills.read(ctx, at.src, cached, data, want{at.off, at.n, sequential})
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			return &fs.PathError{Op: "read", Path: at.src.GetPath(), Err: syscall.EIO}
		}
		if fromCache {
			s.fromCache.Add(int64(n))
		}
		if err := stream.Send(&pb.ReadResponse{Chunk: &pb.Chunk{Data: data[:n]}}); err != nil {
			return err
		}
		at.off, at.n = at.off+int64(n), at.n-int64(n)
	}
	return nil
}

// SyncCache fetches a range of a block and returns when it is here. A length of 0 is the whole block.
func (s *blockService) SyncCache(ctx context.Context, req *pb.SyncCacheRequest) (*pb.SyncCacheResponse, error) {
	at, err := s.load(ctx, req.GetBlockId(), req.GetOffset(), req.GetLength())
	if err != nil {
		return nil, err
	}
	cached, err := s.cache.Acquire(at.src.info())
	if err != nil {
		return nil, err
	}
	defer cached.Release()
	if err := s.fills.ensure(ctx, at.src, cached, at.off, at.n); err != nil {
		return nil, err
	}
	return &pb.SyncCacheResponse{Result: proto.Bool(true)}, nil
}

// load is the range that a call to cache a block is about.
func (s *blockService) load(ctx context.Context, block, off, n int64) (span, error) {
	if n > 0 {
		return s.span(ctx, block, off, n)
	}
	at, err := s.span(ctx, block, 0, 0)
	if err != nil {
		return at, err
	}
	at.n = min(at.src.GetBlockSize(), at.src.GetLength()-at.off)
	return at, nil
}

// AsyncCache fetches a range of a block in the background.
func (s *blockService) AsyncCache(ctx context.Context, req *pb.AsyncCacheRequest) (*pb.AsyncCacheResponse, error) {
	at, err := s.load(ctx, req.GetBlockId(), req.GetOffset(), req.GetLength())
	if err != nil {
		return nil, err
	}
	s.wg.Go(func() {
		cached, err := s.cache.Acquire(at.src.info())
		if err == nil {
			defer cached.Release()
			err = s.fills.ensure(s.ctx, at.src, cached, at.off, at.n)
		}
		if err != nil {
			s.log.Warn("not cached", "path", at.src.GetPath(), "err", err)
		}
	})
	return &pb.AsyncCacheResponse{}, nil
}

// RemoveBlock drops a block from the cache.
func (s *blockService) RemoveBlock(_ context.Context, req *pb.RemoveBlockRequest) (*pb.RemoveBlockResponse, error) {
	s.cache.DropBlock(req.GetBlockId()|blockMask, req.GetBlockId()&blockMask)
	s.reports.hurry()
	return &pb.RemoveBlockResponse{}, nil
}
