package client

import (
	"context"

	"goosefs/wire"
	"goosefs/wire/pb"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// loadPiece is how much of a block one call to a worker loads: progress is seen at this grain.
const loadPiece = 16 << 20

// Load has the workers fetch the whole file that info describes. progress, if not nil, is told how many more bytes
// are there, from several goroutines. Loading again what is there is quick.
func (f *FS) Load(ctx context.Context, info Info, progress func(bytes int64)) error {
	x := f.OpenInfo(info)
	defer x.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for off := int64(0); off < info.Length; {
		block := x.block(off)
		piece := min(loadPiece, block.Offset+block.Length-off)
		at := off
		group.Go(func() error {
			err := x.load(ctx, block, at-block.Offset, piece)
			if err == nil && progress != nil {
				progress(piece)
			}
			return err
		})
		off += piece
	}
	return group.Wait()
}

// load has one worker fetch n bytes of the block from off.
func (x *File) load(ctx context.Context, block Block, off, n int64) error {
	req := &pb.SyncCacheRequest{BlockId: &block.ID, Offset: proto.Int64(off), Length: proto.Int64(n)}
	var last error
	for _, at := range x.fs.workers.candidates(ctx, block.Locations, false) {
		conn, err := x.fs.workers.conn(at)
		if err == nil {
			_, err = pb.NewBlockWorkerClient(conn).SyncCache(ctx, req)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !wire.Unreached(err):
			return wire.FromStatus("load", x.info.Path, err)
		}
		x.fs.workers.avoid(at)
		last = err
	}
	return x.noWorker(last)
}
