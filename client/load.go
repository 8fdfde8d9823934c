package client

import (
	"context"

	"goosefs/wire/pb"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	loadPiece = 16 << 20 // how much of a block one call to a worker loads: progress is seen at this grain
	loadCalls = 4        // at once, for one file
)

// Load has the workers fetch the whole file that info describes. progress, if not nil, is told how many more bytes
// are there, from several goroutines. Loading again what is there is quick. When Load returns, the masters that can be
// reached have been told of what is cached now.
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
	return ctx.Err()
}

// load has one worker fetch n bytes of the block from off.
func (x *File) load(ctx context.Context, block Block, off, n int64) error {
	req := &pb.SyncCacheRequest{BlockId: &block.ID, Offset: proto.Int64(off), Length: proto.Int64(n)}
	return x.ask(ctx, "load", block, func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := pb.NewBlockWorkerClient(conn).SyncCache(ctx, req)
		return err
	})
}
