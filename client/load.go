package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"goosefs/wire"
	"goosefs/wire/pb"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	loadPiece = 16 << 20 // how much of a block one call to a worker loads: progress is seen at this grain
	loadCalls = 4        // at once, for one file

	loadChecks = 4 // how often the masters are asked whether all of it is there
)

// Load has the workers fetch the whole file that info describes. progress, if not nil, is told how many more bytes
// are there, from several goroutines. Loading again what is there is quick. When Load returns, the masters that can be
// reached have been told of what is cached now. It fails with ENOSPC if the caches do not take all of the file, or do not
// keep it to the end.
func (f *FS) Load(ctx context.Context, info Info, progress func(bytes int64)) error {
	x := f.OpenInfo(info)
	defer x.Close()
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(loadCalls)
	for off := int64(0); off < info.Length && within.Err() == nil; {
		block := x.block(off)
		piece := min(loadPiece, block.Offset+block.Length-off)
		at := off - block.Offset
		group.Go(func() error {
			err := x.load(within, block, at, piece)
			if err == nil && progress != nil {
				progress(piece)
			}
			return err
		})
		off += piece
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil || info.Length <= loadPiece {
		return ctx.Err()
	}
	return f.stayed(ctx, info)
}

// stayed says whether what was loaded piece by piece is still there at the end: what came first may have had to go for
// what came last. A master that the workers have not reached yet is asked again.
func (f *FS) stayed(ctx context.Context, info Info) error {
	var now Info
	for tries := 0; tries < loadChecks; tries++ {
		if tries > 0 {
			sleep(ctx, f.cfg.RetryPauseMax)
		}
		var err error
		if now, err = f.Stat(ctx, info.Path, StatOptions{}); err != nil || now.ID != info.ID || now.Percent >= 100 {
			return err
		}
	}
	return &loadError{
		text: fmt.Sprintf("only %d%% of %s stayed in the cache: the workers have no room for all of it beside what is read there", now.Percent, info.Path),
		at:   &fs.PathError{Op: "load", Path: info.Path, Err: syscall.ENOSPC},
	}
}

// loadError is an error with words for people, and operation, path and errno for programs.
type loadError struct {
	text string
	at   *fs.PathError
}

func (e *loadError) Error() string { return e.text }
func (e *loadError) Unwrap() error { return e.at }

// load has one worker fetch n bytes of the block from off.
func (x *File) load(ctx context.Context, block Block, off, n int64) error {
	req := &pb.SyncCacheRequest{BlockId: &block.ID, Offset: proto.Int64(off), Length: proto.Int64(n)}
	var full error // the answer of a worker that has no room: that others have is no help, for they are not asked when it is read
	err := x.ask(ctx, "load", block, func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := pb.NewBlockWorkerClient(conn).SyncCache(ctx, req)
		if answer := wire.FromStatus("load", x.info.Path, err); errors.Is(answer, syscall.ENOSPC) {
			full, err = answer, nil
		}
		return err
	})
	if full != nil {
		return full
	}
	return err
}
