package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"goosefs/blockcache"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
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
	*file
	off, n int64 // in the file
}

// open finds the file that a block is of. What is cached is known here; only what is not is asked of the masters. The
// caller releases the file's handle.
func (w *Worker) open(ctx context.Context, block int64, keep bool) (*file, error) {
	if block <= 0 {
		return nil, invalid(block)
	}
	x := &file{keep: keep, epoch: w.sources.epoch()}
	var known bool
	x.info, known = w.cache.Info(block | blockMask)
	if !known || !w.cache.Has(block|blockMask) { // it may be known only because somebody else asks for it
		src, err := w.sources.of(ctx, block|blockMask)
		if err != nil {
			return nil, err
		}
		x.src, x.info = src, src.info()
	}
	var err error
	x.cached, err = w.cache.Acquire(x.info)
	return x, err
}

// span checks a range of a block, and opens the file that it is in. n < 0 is all from off on.
func (w *Worker) span(ctx context.Context, block, off, n int64, keep bool) (span, error) {
	if off < 0 {
		return span{}, invalid(block)
	}
	x, err := w.open(ctx, block, keep)
	if err != nil {
		return span{}, err
	}
	index, size := block&blockMask, x.info.BlockSize
	if index > 0 && index > (x.info.Length-1)/size {
		x.cached.Release()
		return span{}, outside(block)
	}
	length := min(size, x.info.Length-index*size)
	if n < 0 {
		n = max(0, length-off)
	}
	if off > length || n > length-off {
		x.cached.Release()
		return span{}, outside(block)
	}
	if n > 0 && x.src != nil && !x.src.GetPersisted() {
		x.cached.Release()
		return span{}, notHere(x.src, index)
	}
	return span{x, index*size + off, n}, nil
}

func invalid(block int64) error {
	return &fs.PathError{Op: "read", Path: "block " + fmt.Sprint(block), Err: syscall.EINVAL}
}

func outside(block int64) error {
	return &fs.PathError{Op: "read", Path: "block " + fmt.Sprint(block), Err: syscall.ERANGE}
}

type readStream = grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]

// ReadBlock sends exactly the bytes asked for, or an error. The client's acknowledgements are not waited for: the
// stream's own flow control holds back what it does not take. A client may go away once it has what it wanted.
func (s *blockService) ReadBlock(stream readStream) error {
	req, err := stream.Recv()
	if err == io.EOF {
		return invalid(0)
	}
	if err != nil {
		return err
	}
	if req.GetLength() < 0 {
		return invalid(req.GetBlockId())
	}
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	go discard(stream)
	ctx := stream.Context()
	if err = s.serve(ctx, stream, req); ctx.Err() != nil {
		return nil // nobody is left to be told
	}
	return err
}

// serve sends what a client wrote, as far as that is here, and the rest as it comes from where the file is: its under file
// system or, if it is not there, another worker.
func (s *blockService) serve(ctx context.Context, stream readStream, req *pb.ReadRequest) error {
	off, n := req.GetOffset(), req.GetLength()
	sent, err := s.sendWritten(stream, req)
	if err != nil || sent == n && sent > 0 {
		return err
	}
	at, err := s.span(ctx, req.GetBlockId(), off+sent, n-sent, !req.GetOpenUfsBlockOptions().GetNoCache())
	var missing *absent
	if errors.As(err, &missing) {
		return s.relay(stream, req, missing, sent)
	}
	if err != nil {
		return err
	}
	defer at.cached.Release()
	return s.send(stream, req, at)
}

// sendWritten sends what there is of a block that a client wrote, up to the first byte that is missing.
func (s *blockService) sendWritten(stream readStream, req *pb.ReadRequest) (sent int64, err error) {
	block, off, n := req.GetBlockId(), req.GetOffset(), req.GetLength()
	info, known := s.cache.Info(block)
	if !known || !isBlock(block) {
		return 0, nil
	}
	if off < 0 || off > info.Length || n > info.Length-off {
		return 0, outside(block)
	}
	cached, err := s.cache.Acquire(info)
	if err != nil {
		return 0, nil // it went just now
	}
	defer cached.Release()
	for sent < n {
		buf := s.frames.Get(int(min(n-sent, wire.MaxFrame)))
		m, err := cached.ReadAt(*buf, off+sent)
		if m == 0 {
			s.frames.Put(buf)
			if errors.Is(err, blockcache.ErrMiss) {
				return sent, nil
			}
			return sent, err
		}
		*buf = (*buf)[:m]
		if err := sendFrames(stream, mem.NewBuffer(buf, s.frames), req.GetChunkSize()); err != nil {
			return sent, err
		}
		s.counts.fromCache.Add(int64(m))
		sent += int64(m)
	}
	return sent, nil
}

// discard takes acknowledgements off a stream, until it ends.
func discard(stream readStream) {
	for {
		if _, err := stream.Recv(); err != nil {
			return
		}
	}
}

// send sends a span.
func (s *blockService) send(stream readStream, req *pb.ReadRequest, at span) error {
	ctx, exact := stream.Context(), req.GetPositionShort()
	alive := func() error { return stream.Send(&pb.ReadResponse{Chunk: &pb.Chunk{}}) } // an empty message: just wait
	var sent, prepared int64
	for at.n > 0 {
		if sent >= prepared && !s.fills.tight() && at.keep {
			n := lookahead(sent, at.n, s.fills.segment, exact)
			if err := s.fills.prepare(ctx, at.file, at.off, n); err != nil {
				return err
			}
			prepared = sent + max(n/2, s.fills.segment/runway)
		}
		w := want{at.off, at.n, req.GetPrefetchWindow() > 0 && !exact}
		buf, pool := s.frames.lend(at.n)
		n, fromCache, err := s.fills.read(ctx, at.file, *buf, w, alive)
		if n == 0 && err == nil {
			err = io.ErrNoProgress
		}
		if err != nil {
			pool.Put(buf)
			return err
		}
		if fromCache {
			s.counts.fromCache.Add(int64(n))
		}
		*buf = (*buf)[:n]
		if err := sendFrames(stream, mem.NewBuffer(buf, pool), req.GetChunkSize()); err != nil {
			return err
		}
		sent += int64(n)
		at.off, at.n = at.off+int64(n), at.n-int64(n)
	}
	return nil
}

// sendFrames sends data in messages of what the client takes at once, and gives up its reference. A stream takes the next
// message when but some KiB of the one before are not on their way: it holds two buffers at most.
func sendFrames(stream readStream, data mem.Buffer, size int64) error {
	defer data.Free()
	if size <= 0 {
		size = wire.MaxFrame
	}
	for off := 0; off < data.Len(); {
		end := off + int(min(int64(data.Len()-off), size))
		if err := stream.SendMsg(frame{data.Slice(off, end)}); err != nil {
			return err
		}
		off = end
	}
	return nil
}
