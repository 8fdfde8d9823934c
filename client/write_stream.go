package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"syscall"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"
	"goosefs/wire/ring"

	"google.golang.org/protobuf/proto"
)

// outStream is a stream of bytes to one worker: of a block, or of a file for its under file system.
type outStream struct {
	stream pb.BlockWorker_WriteBlockClient
	end    context.CancelFunc
	path   string
	block  int64
	sent   int64
}

// openBlock opens a stream for a block, to the worker that the block's id chooses; to the next if that is not reached. Where
// several workers are to hold it, it opens as many.
func (w *Writer) openBlock(block int64) (copies, error) {
	n := 1
	if w.kind == AsyncThrough {
		n = w.fs.cfg.DurableCopies
	}
	return w.open(block, n, &pb.WriteRequestCommand{
		Type: pb.RequestType_GOOSEFS_BLOCK.Enum(), Id: &block, Offset: proto.Int64(0),
		SpaceToReserve: &w.info.BlockSize, AsyncWrite: proto.Bool(w.kind == AsyncThrough),
	})
}

// openFile opens a stream for the whole file to its under file system.
func (w *Writer) openFile() (*outStream, error) {
	to, err := w.open(w.info.ID, 1, &pb.WriteRequestCommand{
		Type: pb.RequestType_UFS_FILE.Enum(), Id: proto.Int64(-1), Offset: proto.Int64(0), SpaceToReserve: proto.Int64(math.MaxInt64),
		CreateUfsFileOptions: &pb.CreateUfsFileOptions{
			UfsPath: &w.info.UFSPath, Owner: &w.info.Owner, Group: &w.info.Group, Mode: proto.Int32(int32(w.info.Mode)), MountId: &w.info.MountID,
		},
	})
	if err != nil {
		return nil, err
	}
	return to[0], nil
}

// copiesFor is how long workers are looked for while there are some, but too few.
const copiesFor = 3 * time.Second

// open opens streams to n workers on as many hosts, or to none.
func (w *Writer) open(key int64, n int, command *pb.WriteRequestCommand) (copies, error) {
	f := w.fs
	var to copies
	hosts := make(map[string]bool)
	for end := time.Now().Add(copiesFor); ; {
		var last error
		for at := range f.workers.candidates(w.ctx, byRank(f.workers.list(w.ctx), key)) {
			if hosts[at.Host] {
				continue
			}
			s, err := w.openAt(at, command)
			switch {
			case err == nil:
				s.block, hosts[at.Host] = key, true
				if to = append(to, s); len(to) == n {
					return to, nil
				}
			case w.ctx.Err() != nil:
				to.cancel()
				return nil, &fs.PathError{Op: "write", Path: w.info.Path, Err: w.ctx.Err()}
			case !wire.Unreached(err):
				to.cancel()
				return nil, wire.FromStatus("write", w.info.Path, err)
			default:
				f.workers.avoid(at)
				last = err
			}
		}
		if len(to) == 0 || time.Now().After(end) || w.ctx.Err() != nil {
			to.cancel()
			return nil, w.tooFew(len(to), n, last)
		}
		f.workers.doubt() // one may just have been started
		sleep(w.ctx, f.cfg.RetryPauseMax)
	}
}

// tooFew is the error when so many workers could be reached of those that are wanted. last is why another was not.
func (w *Writer) tooFew(found, wanted int, last error) error {
	reason := "none is registered"
	if last != nil {
		reason = wire.Reason(last)
	}
	text := fmt.Sprintf("no available GooseFS worker found to write %s: %s", w.info.Path, reason)
	if wanted > 1 {
		text = fmt.Sprintf("%s is to be on %d workers on hosts of their own (goosefs.user.file.replication.durable), and %d can be reached", w.info.Path, wanted, found)
	}
	return &unreachableError{text: text, at: &fs.PathError{Op: "write", Path: w.info.Path, Err: syscall.EIO}}
}

// byRank orders workers for a key: each key has an order of its own, which changes little when workers come and go.
func byRank(workers []Location, key int64) []Location {
	ranked := slices.Clone(workers)
	rank := func(l Location) int64 { return ring.Hash(l.WorkerID^key, int32(key&math.MaxInt32)) }
	slices.SortFunc(ranked, func(a, b Location) int { return cmp.Compare(rank(a), rank(b)) })
	return ranked
}

// openAt opens a stream to one worker, which has answered when it returns.
func (w *Writer) openAt(at Location, command *pb.WriteRequestCommand) (*outStream, error) {
	conn, err := w.fs.workers.conn(at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	s := &outStream{end: cancel, path: w.info.Path}
	if s.stream, err = pb.NewBlockWorkerClient(conn).WriteBlock(ctx); err == nil {
		err = s.send(&pb.WriteRequest{Value: &pb.WriteRequest_Command{Command: command}})
	}
	if err == nil {
		_, err = s.stream.Header()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return s, nil
}

// send sends a message; if the worker has ended the stream, the error is the worker's.
func (s *outStream) send(req *pb.WriteRequest) error {
	err := s.stream.Send(req)
	if errors.Is(err, io.EOF) {
		if _, why := s.stream.Recv(); why != nil && !errors.Is(why, io.EOF) {
			return why
		}
		return io.ErrUnexpectedEOF
	}
	return err
}

// write sends bytes.
func (s *outStream) write(p []byte) error {
	for len(p) > 0 {
		part := p[:min(len(p), wire.MaxFrame)]
		if err := s.send(&pb.WriteRequest{Value: &pb.WriteRequest_Chunk{Chunk: &pb.Chunk{Data: part}}}); err != nil {
			return s.failed(err)
		}
		s.sent += int64(len(part))
		p = p[len(part):]
	}
	return nil
}

// commit has the worker answer for all bytes, and ends the stream.
func (s *outStream) commit() error {
	defer s.end()
	flush := &pb.WriteRequest{Value: &pb.WriteRequest_Command{Command: &pb.WriteRequestCommand{Flush: proto.Bool(true)}}}
	if err := s.send(flush); err != nil {
		return s.failed(err)
	}
	reply, err := s.stream.Recv()
	if err != nil {
		return s.failed(err)
	}
	if reply.GetOffset() != s.sent {
		return &fs.PathError{Op: "write", Path: s.path, Err: fmt.Errorf("the worker has %d bytes of %d: %w", reply.GetOffset(), s.sent, syscall.EIO)}
	}
	if err := s.stream.CloseSend(); err != nil {
		return s.failed(err)
	}
	if _, err := s.stream.Recv(); !errors.Is(err, io.EOF) {
		return s.failed(cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return nil
}

func (s *outStream) cancel() { s.end() }

func (s *outStream) failed(err error) error {
	if wire.Unreached(err) {
		return &unreachableError{
			text: fmt.Sprintf("the worker that %s was written to is gone: %s", s.path, wire.Reason(err)),
			at:   &fs.PathError{Op: "write", Path: s.path, Err: syscall.EIO},
		}
	}
	err = wire.FromStatus("write", s.path, err)
	if errors.Is(err, syscall.ETIMEDOUT) { // the masters did not tell the worker what it writes
		return fmt.Errorf("cannot write %s: %w", s.path, err)
	}
	return err
}
