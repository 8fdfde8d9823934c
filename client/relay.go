package client

import (
	"context"
	"fmt"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// Whereabouts tells a worker who holds a block, or did when he was last heard of.
func (f *FS) Whereabouts(ctx context.Context, block int64) (*clusterpb.BlockWhereabouts, error) {
	return lead(ctx, f, "whereabouts", fmt.Sprint("block ", block), func(ctx context.Context, conn *grpc.ClientConn) (*clusterpb.BlockWhereabouts, error) {
		return clusterpb.NewWorkersClient(conn).Whereabouts(ctx, &clusterpb.WhereaboutsRequest{BlockId: block})
	})
}

// Relay has a worker pass a read on to another, which passes it to nobody. take gets the bytes as they come, in order, and
// their references. It returns nil once all that req asks for came, and the first error of take, which ends the read.
func (f *FS) Relay(ctx context.Context, from Location, req *pb.ReadRequest, take func(mem.Buffer) error) error {
	conn, err := f.workers.conn(from)
	if err == nil {
		err = f.receive(wire.Relaying(ctx), conn, req, &passing{left: int(req.GetLength()), next: take})
	}
	return wire.FromStatus("read", fmt.Sprint("block ", req.GetBlockId()), err)
}

// passing passes bytes on as they come.
type passing struct {
	left int
	next func(mem.Buffer) error
	came mem.BufferSlice // and were not passed on yet
}

// room implements [sink].
func (p *passing) room() int { return p.left }

// take implements [sink].
func (p *passing) take(data mem.BufferSlice, skip int) {
	for _, b := range data {
		at := min(skip, b.Len())
		skip -= at
		if at < b.Len() {
			p.came = append(p.came, b.Slice(at, b.Len()))
			p.left -= b.Len() - at
		}
	}
}

// pass implements [passer].
func (p *passing) pass() error {
	came := p.came
	p.came = nil
	for i, b := range came {
		if err := p.next(b); err != nil {
			came[i+1:].Free()
			return err
		}
	}
	return nil
}
