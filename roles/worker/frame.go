package worker

import (
	"encoding/binary"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// frame is a [pb.ReadResponse] with a chunk of data as it is sent. The codec takes the data's reference over: gRPC frees it
// once the bytes are on their way, which is after Send has returned.
type frame struct{ data mem.Buffer }

// frames is the codec of a worker: gRPC's own, but that a frame's data is not copied.
type frames struct{ encoding.CodecV2 }

func newFrames() frames { return frames{encoding.GetCodecV2("proto")} }

// Marshal implements [encoding.CodecV2].
func (c frames) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(frame)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	return mem.BufferSlice{mem.SliceBuffer(frameHead(f.data.Len())), f.data}, nil
}

// frameHead is what stands before n bytes of data in a message: field 1, the chunk, whose field 1 is the data.
func frameHead(n int) []byte {
	const bytesField1 = 1<<3 | 2
	inner := binary.AppendUvarint([]byte{bytesField1}, uint64(n))
	outer := binary.AppendUvarint([]byte{bytesField1}, uint64(len(inner)+n))
	return append(outer, inner...)
}
