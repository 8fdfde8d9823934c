package worker

import (
	"context"
	"errors"
	"os"
	"time"

	"goosefs/blockcache"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
)

const (
	// partWait is how long a request waits for bytes. Then it is answered that they are not here yet.
	partWait = time.Second
	// partTold is how many bytes behind those asked for are told to be ready, if they are.
	partTold = 16 << 20
)

// part fetches what is missing of some bytes, and hands out a descriptor in which they are. A refusal leaves the asker to
// a stream, which also tells what is wrong with the source.
func (h *handouts) part(req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File) {
	w := h.worker
	if req.GetWorker() != wire.HostPort(w.options.Host, w.options.Port) {
		return &clusterpb.HandoutReply{Refused: "another worker listens at the socket"}, nil
	}
	if len(w.written.of(req.GetFileId())) > 0 {
		return &clusterpb.HandoutReply{Refused: "a client wrote it, so that it lies here block by block"}, nil
	}
	ctx, cancel := context.WithTimeout(w.ctx, partWait)
	defer cancel()
	reply, f, err := w.handOutPart(ctx, req)
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, blockcache.ErrMiss):
		return &clusterpb.HandoutReply{Later: true}, nil
	default:
		return &clusterpb.HandoutReply{Refused: err.Error()}, nil
	}
	if f != nil {
		w.counts.handouts.Add(1)
	}
	return reply, f
}

func (w *Worker) handOutPart(ctx context.Context, req *clusterpb.HandoutRequest) (*clusterpb.HandoutReply, *os.File, error) {
	x, err := w.open(ctx, req.GetFileId(), true)
	if err != nil {
		return nil, nil, err
	}
	defer x.cached.Release()
	off, n, ahead := req.GetOffset(), req.GetLength(), req.GetAhead()
	if off < 0 || off >= x.info.Length || n > x.info.Length-off || ahead < 0 {
		return nil, nil, outside(req.GetFileId())
	}
	err = w.fills.bring(ctx, x, off, n, min(ahead, aheadMost, x.info.Length-off-n))
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, nil, err
	}
	for {
		ready, f, lent, err := x.cached.HandoutPart(off, n+partTold, blockcache.Lent(req.GetLent()))
		if err == blockcache.ErrUnverified && ctx.Err() == nil {
			w.verify(x, off, n)
			continue
		}
		return &clusterpb.HandoutReply{Here: f != nil, Ready: ready, Lent: uint64(lent)}, f, err
	}
}

// verify reads bytes that are cached. What turns out damaged is missing then, which is seen at the next look.
func (w *Worker) verify(x *file, off, n int64) {
	off -= off % chunk
	buf := w.frames.Get(int(min(n, wire.MaxFrame, x.info.Length-off)))
	defer w.frames.Put(buf)
	_, _ = x.cached.ReadAt(*buf, off)
}
