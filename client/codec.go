package client

import (
	"errors"
	"io"

	"goosefs/wire/pb"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// frame is the answer of a block stream as a reader takes it: the bytes of a [pb.ReadResponse] go where they are wanted,
// without a copy of their own in between.
type frame struct {
	to  []byte // at most so many are taken
	n   int    // so many came
	err error  // of the worker's making: gRPC would call it ours
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
	f.n, f.err = f.take(data)
	return nil
}

func (f *frame) take(data mem.BufferSlice) (int, error) {
	r := data.Reader()
	defer r.Close()
	chunk := entered(r)
	if data := chunk && entered(r); data {
		if r.Remaining() > len(f.to) {
			return 0, errTooMuch
		}
		return io.ReadFull(r, f.to[:r.Remaining()])
	}
	var resp pb.ReadResponse // not just a chunk of data: empty, or from a later version
	if err := proto.Unmarshal(data.Materialize(), &resp); err != nil {
		return 0, err
	}
	if len(resp.GetChunk().GetData()) > len(f.to) {
		return 0, errTooMuch
	}
	return copy(f.to, resp.GetChunk().GetData()), nil
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
