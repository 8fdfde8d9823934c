package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// fetch reads n bytes of the file from off, which lie in one block, into one slice. It goes from worker to worker
// until one gives all of them; what was got before one failed is kept.
func (x *File) fetch(ctx context.Context, off, n int64, sequential bool) ([]byte, error) {
	block := x.block(off)
	end := time.Now().Add(min(workersWait, x.fs.cfg.RetryFor))
	var got []byte
	var last error
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		for _, at := range x.fs.workers.candidates(ctx, block.Locations, last != nil) {
			var err error
			got, err = x.fetchFrom(ctx, at, block.ID, off-block.Offset, n, got, sequential)
			if err == nil {
				return got, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if !wire.Unreached(err) {
				err = wire.FromStatus("read", x.info.Path, err)
				if final(err) {
					return nil, err
				}
			} else {
				x.fs.cfg.Log.Debug("worker failed", "worker", at.Host, "path", x.info.Path, "err", err)
				x.fs.workers.avoid(at)
			}
			last = err
		}
		var answered *wire.Error
		if errors.As(last, &answered) {
			return nil, last // workers were reached and all of them say no
		}
		if time.Now().Add(pause).After(end) {
			return nil, x.noWorker(last)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// final says of a worker's answer that no other worker can know better.
func final(err error) bool {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.ESTALE, syscall.ENOENT, syscall.EACCES, syscall.EINVAL, syscall.EIO, syscall.ETIMEDOUT:
		return true
	}
	return false
}

func (x *File) noWorker(last error) error {
	reason := "none is registered"
	if last != nil {
		reason = wire.Reason(last)
	}
	return &unreachableError{
		text: fmt.Sprintf("no available GooseFS worker found to read %s: %s", x.info.Path, reason),
		at:   &fs.PathError{Op: "read", Path: x.info.Path, Err: syscall.EIO},
	}
}

// fetchFrom asks one worker for what is missing of n bytes from off in the block, behind those already got.
func (x *File) fetchFrom(ctx context.Context, at Location, blockID, off, n int64, got []byte, sequential bool) ([]byte, error) {
	conn, err := x.fs.workers.conn(at)
	if err != nil {
		return got, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pb.NewBlockWorkerClient(conn).ReadBlock(ctx)
	if err != nil {
		return got, err
	}
	done := int64(len(got))
	err = stream.Send(&pb.ReadRequest{
		BlockId: &blockID, Offset: proto.Int64(off + done), Length: proto.Int64(n - done),
		ChunkSize: proto.Int64(wire.MaxFrame), PositionShort: proto.Bool(!sequential),
	})
	if err == nil {
		err = stream.CloseSend()
	}
	if err != nil && err != io.EOF { // EOF: the reason comes with Recv
		return got, err
	}
	for int64(len(got)) < n {
		resp, err := stream.Recv()
		if err == io.EOF {
			return got, io.ErrUnexpectedEOF
		}
		if err != nil {
			return got, err
		}
		data := resp.GetChunk().GetData()
		if int64(len(got)+len(data)) > n {
			return got, fmt.Errorf("worker %s sent more than was asked for", at.Host)
		}
		if got == nil {
			got = data
		} else {
			got = append(got, data...)
		}
	}
	return got, nil
}
