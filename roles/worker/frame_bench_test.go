package worker

import (
	"testing"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// BenchmarkFrame is what a worker does to send 1 MiB, and what gRPC's own codec does.
func BenchmarkFrame(b *testing.B) {
	data := make([]byte, wire.MaxFrame)
	for name, codec := range map[string]encoding.CodecV2{"ours": newFrames(), "grpc": encoding.GetCodecV2("proto")} {
		var message any = frame{mem.SliceBuffer(data)}
		if name == "grpc" {
			message = &pb.ReadResponse{Chunk: &pb.Chunk{Data: data}}
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(wire.MaxFrame)
			b.ReportAllocs()
			for b.Loop() {
				out, err := codec.Marshal(message)
				if err != nil {
					b.Fatal(err)
				}
				out.Free()
			}
		})
	}
}
