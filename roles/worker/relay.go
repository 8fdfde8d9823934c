package worker

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

const (
	relaysAtOnce = 32               // each may hold what the other worker sent and the client does not take: 16 MiB at most
	relayTurn    = 30 * time.Second // how long one waits for its turn; a client waits for minutes
)

// absent is the error of a block that is not here, and not in the under file system. Another worker may have it.
type absent struct {
	*readError
	src   *source
	index int64 // of the block
}

func notHere(src *source, index int64) error {
	err := readErrorf(src.GetPath(), syscall.ENODATA, "block %d of %s is not on this worker, and the file is not in the under file system: no worker is known to have it", index, src.GetPath())
	return &absent{err.(*readError), src, index}
}

// relay has a worker that holds a block send what of a read is missing, and passes it on: official clients ask the worker that
// they compute, or that the masters named some time ago, and no other. Nothing of it is kept here. A read that was passed on
// to this worker ends here.
func (s *blockService) relay(stream readStream, req *pb.ReadRequest, missing *absent, sent int64) error {
	ctx := stream.Context()
	if wire.Relayed(ctx) {
		return missing
	}
	turn, cancel := context.WithTimeout(ctx, relayTurn)
	defer cancel()
	if s.relays.Acquire(turn, 1) != nil {
		return readErrorf(missing.src.GetPath(), syscall.ENODATA, "block %d of %s is on another worker, and this one passes on %d reads already", missing.index, missing.src.GetPath(), relaysAtOnce)
	}
	defer s.relays.Release(1)
	where, err := s.masters.Whereabouts(ctx, req.GetBlockId())
	if err != nil {
		s.log.Debug("cannot ask who holds a block", "path", missing.src.GetPath(), "block", missing.index, "err", err)
		return missing
	}
	whole := min(missing.src.GetBlockSize(), missing.src.GetLength()-missing.index*missing.src.GetBlockSize())
	var failed error
	for _, holder := range where.GetHolders() {
		if !holder.GetLive() || holder.GetWorkerId() == s.ID() || holder.GetBytes() != whole {
			continue
		}
		n, err := s.relayFrom(stream, req, holder, sent)
		if sent += n; err == nil || ctx.Err() != nil {
			return err
		}
		s.log.Debug("a read could not be passed on", "path", missing.src.GetPath(), "block", missing.index, "worker", addressOf(holder), "err", err)
		failed = fmt.Errorf("%s, which holds it, does not send it: %w", addressOf(holder), err)
	}
	return missing.nowhere(where, failed)
}

// relayFrom has one worker send what is missing behind the first sent bytes of a read.
func (s *blockService) relayFrom(stream readStream, req *pb.ReadRequest, holder *clusterpb.BlockHolder, sent int64) (n int64, err error) {
	ask := &pb.ReadRequest{
		BlockId: req.BlockId, Offset: proto.Int64(req.GetOffset() + sent), Length: proto.Int64(req.GetLength() - sent),
		ChunkSize: proto.Int64(wire.MaxFrame), PositionShort: req.PositionShort, PrefetchWindow: req.PrefetchWindow,
	}
	from := client.Location{WorkerID: holder.GetWorkerId(), Host: holder.GetHost(), Port: int(holder.GetRpcPort())}
	err = s.masters.Relay(stream.Context(), from, ask, func(data mem.Buffer) error {
		size := int64(data.Len())
		if err := sendFrames(stream, data, req.GetChunkSize()); err != nil {
			return err
		}
		n += size
		return nil
	})
	return n, err
}

func addressOf(h *clusterpb.BlockHolder) string {
	return wire.HostPort(h.GetHost(), int(h.GetRpcPort()))
}

// nowhere is what a reader is told whom no other worker could help. That it is lost is final; the rest may change soon.
func (a *absent) nowhere(where *clusterpb.BlockWhereabouts, failed error) error {
	block, gone := fmt.Sprintf("block %d of %s", a.index, a.src.GetPath()), ""
	for _, h := range where.GetHolders() {
		if !h.GetLive() {
			gone = fmt.Sprintf("%s was last heard of %v ago", addressOf(h), (time.Duration(h.GetLastContactMs()) * time.Millisecond).Round(time.Second))
			break
		}
	}
	const only = "the file is not in the under file system"
	path := a.src.GetPath()
	switch {
	case where.GetLost() && gone != "":
		return readErrorf(path, syscall.EIO, "%s is lost: its worker %s, and %s", block, gone, only)
	case where.GetLost():
		return readErrorf(path, syscall.EIO, "%s is lost: no worker has it, and %s", block, only)
	case failed != nil:
		return readErrorf(path, syscall.ENODATA, "%s cannot be read: %v", block, failed)
	case gone != "":
		return readErrorf(path, syscall.ENODATA, "%s cannot be read now: its worker %s, and %s", block, gone, only)
	}
	return a
}
