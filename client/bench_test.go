package client

import (
	"testing"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// BenchmarkFrame is what a client does with a message of 1 MiB, in buffers as gRPC receives them.
func BenchmarkFrame(b *testing.B) {
	message, err := proto.Marshal(&pb.ReadResponse{Chunk: &pb.Chunk{Data: make([]byte, wire.MaxFrame)}})
	if err != nil {
		b.Fatal(err)
	}
	pool := new(wire.Buffers)
	codec := newFrames()
	p := make([]byte, wire.MaxFrame)
	receive := func() (data mem.BufferSlice) {
		for rest := message; len(rest) > 0; rest = rest[min(16<<10, len(rest)):] {
			buf := pool.Get(min(16<<10, len(rest)))
			copy(*buf, rest)
			data = append(data, mem.NewBuffer(buf, pool))
		}
		return data
	}
	b.Run("filling", func(b *testing.B) {
		b.SetBytes(wire.MaxFrame)
		b.ReportAllocs()
		data := receive()
		for b.Loop() {
			f := frame{to: &filling{p}}
			if err := codec.Unmarshal(data, &f); err != nil || f.err != nil {
				b.Fatal(err, f.err)
			}
		}
	})
	b.Run("pages", func(b *testing.B) {
		b.SetBytes(wire.MaxFrame)
		b.ReportAllocs()
		data := receive()
		for b.Loop() {
			pg := &page{missing: wire.MaxFrame, done: make(chan struct{})}
			f := frame{to: &stretch{pages: []*page{pg}}}
			if err := codec.Unmarshal(data, &f); err != nil || f.err != nil {
				b.Fatal(err, f.err)
			}
			copyFrom(pg.data, 0, p)
			pg.data.Free()
		}
	})
}

// BenchmarkWindow is what a read of 128 KiB in order costs to plan.
func BenchmarkWindow(b *testing.B) {
	const piece, length = 128 << 10, 1 << 40
	w := newWindow(length, 16<<20)
	off := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		w.read(off, piece)
		off = (off + piece) % length
	}
}
