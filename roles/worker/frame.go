package worker

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"

	"goosefs/wire"

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

// frameBuffers are the buffers of frames, and how many bytes of them streams hold: gRPC has those until the client takes them,
// which may be never, and after the call's handler has returned.
type frameBuffers struct {
	mem.BufferPool
	held atomic.Int64 // of buffers that are large enough to matter
}

func newFrameBuffers() *frameBuffers { return &frameBuffers{BufferPool: new(wire.Buffers)} }

// lend gives a buffer for the next frame of a stream, of n bytes at most, and the pool that it is to go back to. gRPC does not
// give back all buffers of a client that leaves: those are held no more when they are garbage.
func (b *frameBuffers) lend(n int64) (*[]byte, mem.BufferPool) {
	buf := b.Get(int(min(n, frameMost(b.held.Load()))))
	if cap(*buf) < smallestCounted {
		return buf, b
	}
	l := &lease{BufferPool: b.BufferPool, held: &b.held}
	l.held.Add(int64(cap(*buf)))
	l.lost = runtime.AddCleanup(l, func(n int64) { b.held.Add(-n) }, int64(cap(*buf)))
	return buf, l
}

const smallestCounted = 64 << 10

// lease is the pool of one buffer that is held.
type lease struct {
	mem.BufferPool
	held *atomic.Int64
	lost runtime.Cleanup
}

// Put implements [mem.BufferPool].
func (l *lease) Put(buf *[]byte) {
	l.lost.Stop()
	l.held.Add(-int64(cap(*buf)))
	l.BufferPool.Put(buf)
}

// frameMost has frames be smaller while many bytes of them are held: a stream gets on with one whose client takes it, and one whose
// client does not take it holds two or three for as long as it likes.
func frameMost(held int64) int64 {
	switch {
	case held < 128<<20:
		return wire.MaxFrame
	case held < 192<<20:
		return wire.MaxFrame / 4
	}
	return wire.MaxFrame / 16
}
