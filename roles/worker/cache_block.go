package worker

import (
	"context"
	"fmt"
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

// holds says whether a block is here as a client wrote it, whole.
func (w *Worker) holds(block int64) bool {
	info, known := w.cache.Info(block)
	return known && isBlock(block) && w.cache.CachedBytes(block) == info.Length
}

// SyncCache fetches a range of a block and returns when it is here, and the masters have been told.
func (s *blockService) SyncCache(ctx context.Context, req *pb.SyncCacheRequest) (*pb.SyncCacheResponse, error) {
	if s.holds(req.GetBlockId()) {
		return &pb.SyncCacheResponse{Result: proto.Bool(true)}, nil
	}
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
	if s.holds(req.GetBlockId()) {
		return &pb.AsyncCacheResponse{}, nil
	}
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

// RemoveBlock drops a block from the cache, unless it is nowhere else.
func (s *blockService) RemoveBlock(_ context.Context, req *pb.RemoveBlockRequest) (*pb.RemoveBlockResponse, error) {
	if block := req.GetBlockId(); s.cache.Kept(block) {
		return nil, writeErrorf(fmt.Sprint("block ", block), syscall.EBUSY, "block %d is nowhere else: remove or persist its file", block)
	}
	s.cache.DropBlock(req.GetBlockId(), 0)
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
func (w *Worker) cached(block int64) int64 { return max(w.cachedWritten(block), w.cachedOfFile(block)) }

// cachedWritten is how many bytes of a block are cached that a client wrote.
func (w *Worker) cachedWritten(block int64) int64 {
	if block <= 0 || !isBlock(block) {
		return 0
	}
	return w.cache.CachedBytes(block)
}

// cachedOfFile is how many bytes of a block are cached that were fetched.
func (w *Worker) cachedOfFile(block int64) int64 {
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

// FreeWorker drops all that is cached and can be had again.
func (s *blockService) FreeWorker(context.Context, *pb.FreeWorkerRequest) (*pb.FreeWorkerResponse, error) {
	for b := range s.cache.Blocks() {
		if !s.cache.Kept(b.FileID) {
			s.cache.Drop(b.FileID)
		}
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
