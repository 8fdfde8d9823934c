package client

import (
	"errors"

	"goosefs/wire/pb"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// frame is the answer of a block stream as a reader takes it: the bytes of a [pb.ReadResponse] go where they are wanted,
// without a copy of their own in between.
type frame struct {
	to  sink
	err error // of the worker's making: gRPC would call it ours
}

var errTooMuch = errors.New("the worker sent more than was asked for")

// frames is the codec of block streams: gRPC's own, but for frames.
type frames struct{ encoding.CodecV2 }

func newFrames() frames { return frames{encoding.GetCodecV2("proto")} }

// Unmarshal implements [encoding.CodecV2].
func (c frames) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	f.err = f.take(data)
	return nil
}

func (f *frame) take(data mem.BufferSlice) error {
	r := data.Reader()
	defer r.Close()
	if chunk := entered(r); !chunk || !entered(r) { // not just a chunk of data: empty, or from a later version
		var resp pb.ReadResponse
		if err := proto.Unmarshal(data.Materialize(), &resp); err != nil {
			return err
		}
		data = mem.BufferSlice{mem.SliceBuffer(resp.GetChunk().GetData())}
		r.Reset(data)
	}
	if r.Remaining() > f.to.room() {
		return errTooMuch
	}
	f.to.take(data, data.Len()-r.Remaining())
	return nil
}

// entered reads the tag and the length of a field 1 that holds bytes or a message. It is true if that is all there is.
func entered(r *mem.Reader) bool {
	const bytesField1 = 1<<3 | 2
	if tag, err := r.ReadByte(); err != nil || tag != bytesField1 {
		return false
	}
	length := 0
	for shift := 0; shift <= 28; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return false
		}
		length |= int(b&0x7f) << shift
		if b < 0x80 {
			return length == r.Remaining()
		}
	}
	return false
}
