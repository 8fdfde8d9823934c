package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// pattern is what a worker is told about a read: it decides how much is fetched from the source.
type pattern int

const (
	exact pattern = iota // just these bytes
	ahead                // and the reader goes on behind them
)

// fetch brings the bytes of the file from off on, which lie in one block. It goes from worker to worker until
// one gives all of them; what was got before one failed is kept.
func (x *File) fetch(ctx context.Context, to sink, off int64, how pattern) error {
	block := x.block(off)
	end := off - block.Offset + int64(to.room())
	return x.ask(ctx, "read", block, func(ctx context.Context, conn *grpc.ClientConn) error {
		return x.fetchFrom(ctx, conn, block.ID, end-int64(to.room()), to, how)
	})
}

// lostFor is how long bytes that are only cached are looked for, while all workers that answer say that they have not got
// them.
const lostFor = 2 * time.Second

// ask calls one worker after the other, those first that should have the block, until one has done what was asked.
func (x *File) ask(ctx context.Context, op string, block Block, call func(context.Context, *grpc.ClientConn) error) error {
	f := x.fs
	end := time.Now().Add(f.cfg.ReadRetryFor)
	lost := time.Now().Add(lostFor)
	for pause := f.cfg.RetryPause; ; pause = min(2*pause, f.cfg.RetryPauseMax) {
		var last, answer error // why the last worker was not reached; what one answered
		for at := range f.workers.candidates(ctx, block.Locations) {
			conn, err := f.workers.conn(at)
			if err == nil {
				err = call(ctx, conn)
			}
			switch {
			case err == nil:
				return nil
			case f.ctx.Err() != nil || x.ctx.Err() != nil:
				return &fs.PathError{Op: op, Path: x.info.Path, Err: syscall.EBADF}
			case ctx.Err() != nil:
				return &fs.PathError{Op: op, Path: x.info.Path, Err: ctx.Err()}
			case wire.Unreached(err):
				f.cfg.Log.Debug("worker failed", "worker", at.Host, "path", x.info.Path, "err", err)
				f.workers.avoid(at)
				last = err
				continue
			}
			answer = x.named(op, wire.FromStatus(op, x.info.Path, err))
			if final(answer) {
				return answer
			}
		}
		switch {
		case answer != nil && errors.Is(answer, syscall.ENODATA):
			if time.Now().After(lost) {
				return &unreachableError{text: answer.Error(), at: &fs.PathError{Op: op, Path: x.info.Path, Err: syscall.EIO}}
			}
			f.workers.doubt() // a leader that is new does not know all of them yet
		case answer != nil:
			return answer // workers were reached, and all of them say no
		}
		if time.Now().Add(pause).After(end) {
			return x.noWorker(op, last)
		}
		sleep(ctx, pause)
		if ctx.Err() != nil {
			return &fs.PathError{Op: op, Path: x.info.Path, Err: ctx.Err()}
		}
	}
}

// named has a worker's answer name the file: all that a worker knows of one that was deleted is its id.
func (x *File) named(op string, answer error) error {
	if strings.Contains(answer.Error(), x.info.Path) {
		return answer
	}
	return fmt.Errorf("cannot %s %s: %w", op, x.info.Path, answer)
}

// final says of a worker's answer that no other worker can know better: it is about the source, or about the question.
func final(err error) bool {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.ESTALE, syscall.ENOENT, syscall.EACCES, syscall.EINVAL, syscall.ERANGE, syscall.EIO:
		return true
	}
	return false
}

func (x *File) noWorker(op string, last error) error {
	reason := "none is registered"
	if last != nil {
		reason = wire.Reason(last)
	}
	return &unreachableError{
		text: fmt.Sprintf("no available GooseFS worker found to %s %s: %s", op, x.info.Path, reason),
		at:   &fs.PathError{Op: op, Path: x.info.Path, Err: syscall.EIO},
	}
}

// errMute is why a stream to a worker was given up.
var errMute = errors.New("the worker fell silent")

// fetchFrom asks one worker for the bytes from off in the block.
func (x *File) fetchFrom(ctx context.Context, conn *grpc.ClientConn, blockID, off int64, to sink, how pattern) error {
	return x.fs.receive(ctx, conn, x.request(blockID, off, int64(to.room()), how), to)
}

// receive reads from one worker, until there is no room in to.
func (f *FS) receive(ctx context.Context, conn *grpc.ClientConn, req *pb.ReadRequest, to sink) (err error) {
	cfg := f.cfg
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(cfg.StreamTimeout, func() { cancel(errMute) })
	defer silence.Stop()
	defer func() {
		if err != nil && context.Cause(ctx) == errMute {
			err = errMute
		}
	}()
	desc := grpc.StreamDesc{StreamName: "ReadBlock", ClientStreams: true, ServerStreams: true}
	stream, err := conn.NewStream(ctx, &desc, pb.BlockWorker_ReadBlock_FullMethodName, grpc.ForceCodecV2(newFrames()))
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err != nil && err != io.EOF { // EOF: RecvMsg says why
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for to.room() > 0 {
		msg := frame{to: to}
		err := stream.RecvMsg(&msg)
		if err == nil {
			err = msg.err
		}
		if p, able := to.(passer); able && err == nil {
			silence.Stop() // whoever they are passed to may take his time
			err = p.pass()
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		silence.Reset(cfg.StreamTimeout)
	}
	return nil
}

func (x *File) request(blockID, off, n int64, how pattern) *pb.ReadRequest {
	req := &pb.ReadRequest{BlockId: &blockID, Offset: &off, Length: &n, ChunkSize: proto.Int64(wire.MaxFrame)}
	if how == ahead {
		req.PrefetchWindow = proto.Int32(int32(max(1, x.fs.cfg.ReadAhead/pageSize)))
	} else {
		req.PositionShort = proto.Bool(true)
	}
	if !x.kept() {
		req.OpenUfsBlockOptions = &pb.OpenUfsBlockOptions{NoCache: proto.Bool(true)}
	}
	return req
}
