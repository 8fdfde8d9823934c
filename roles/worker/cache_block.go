package worker

import (
	"context"
	"io/fs"
	"syscall"

	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// asyncWaiting is how many calls to cache something in the background may be under way.
const asyncWaiting = 64

// load is the range that a call to cache a block is about. A length of 0 is all from off on.
func (s *blockService) load(ctx context.Context, block, off, n int64) (span, error) {
	if n < 0 {
		return span{}, invalid(block)
	}
	if n == 0 {
		n = -1
	}
	return s.span(ctx, block, off, n, true)
}

// SyncCache fetches a range of a block and returns when it is here, and the masters have been told.
func (s *blockService) SyncCache(ctx context.Context, req *pb.SyncCacheRequest) (*pb.SyncCacheResponse, error) {
	at, err := s.load(ctx, req.GetBlockId(), req.GetOffset(), req.GetLength())
	if err != nil {
		return nil, err
	}
	defer at.cached.Release()
	if err := s.fills.ensure(ctx, at.file, at.off, at.n); err != nil {
		return nil, err
	}
	s.reports.flush(ctx)
	return &pb.SyncCacheResponse{Result: proto.Bool(true)}, nil
}

// AsyncCache fetches a range of a block in the background.
func (s *blockService) AsyncCache(ctx context.Context, req *pb.AsyncCacheRequest) (*pb.AsyncCacheResponse, error) {
	if !s.async.TryAcquire(1) {
		return nil, &fs.PathError{Op: "cache", Path: "this worker", Err: syscall.EBUSY}
	}
	at, err := s.load(ctx, req.GetBlockId(), req.GetOffset(), req.GetLength())
	if err != nil {
		s.async.Release(1)
		return nil, err
	}
	go func() {
		defer s.async.Release(1)
		defer at.cached.Release()
		if err := s.fills.ensure(s.ctx, at.file, at.off, at.n); err != nil {
			s.log.Warn("not cached", "file", at.info.ID, "err", err)
		}
		s.reports.hurry()
	}()
	return &pb.AsyncCacheResponse{}, nil
}

// RemoveBlock drops a block from the cache.
func (s *blockService) RemoveBlock(_ context.Context, req *pb.RemoveBlockRequest) (*pb.RemoveBlockResponse, error) {
	s.cache.DropBlock(req.GetBlockId()|blockMask, req.GetBlockId()&blockMask)
	s.reports.hurry()
	return &pb.RemoveBlockResponse{}, nil
}

// CheckBlocks tells how many bytes of each block are cached. Blocks of which none is are left out.
func (s *blockService) CheckBlocks(_ context.Context, req *pb.CheckBlocksRequest) (*pb.CheckBlocksResponse, error) {
	cached := make(map[int64]int64)
	for _, block := range req.GetBlockIds() {
		if n := s.cached(block); n > 0 {
			cached[block] = n
		}
	}
	return &pb.CheckBlocksResponse{BlockCachedBytes: cached}, nil
}

// cached is how many bytes of a block are cached.
func (w *Worker) cached(block int64) int64 {
	info, known := w.cache.Info(block | blockMask)
	index := block & blockMask
	if !known || info.Length == 0 || index > (info.Length-1)/info.BlockSize {
		return 0
	}
	x, err := w.cache.Acquire(info)
	if err != nil {
		return 0
	}
	defer x.Release()
	length := min(info.BlockSize, info.Length-index*info.BlockSize)
	for _, gap := range x.Missing(index*info.BlockSize, length) {
		length -= gap.Len
	}
	return length
}

// FreeWorker drops all that is cached.
func (s *blockService) FreeWorker(context.Context, *pb.FreeWorkerRequest) (*pb.FreeWorkerResponse, error) {
	for b := range s.cache.Blocks() {
		s.cache.Drop(b.FileID)
	}
	s.reports.hurry()
	return &pb.FreeWorkerResponse{}, nil
}

// ClearMetrics has the counters that the masters are told begin at 0 again.
func (s *blockService) ClearMetrics(context.Context, *pb.ClearMetricsRequest) (*pb.ClearMetricsResponse, error) {
	s.counts.clear()
	s.reports.hurry()
	return &pb.ClearMetricsResponse{}, nil
}
