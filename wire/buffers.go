package wire

import (
	"sync"

	"google.golang.org/grpc/mem"
)

const http2Frame = 16 << 10 // bytes that gRPC sends and receives in one piece of HTTP/2

// Buffers keeps buffers of the sizes that block streams use. Unlike gRPC's own pool it does not clear them: whoever gets
// one fills it. What is not used goes with the next collections of garbage.
type Buffers struct {
	pieces, frames sync.Pool // of *[]byte, http2Frame and MaxFrame long
}

// Get implements [mem.BufferPool].
func (b *Buffers) Get(n int) *[]byte {
	pool, size := b.tier(n)
	if pool == nil || n <= size/2 {
		return mem.DefaultBufferPool().Get(n)
	}
	buf, ok := pool.Get().(*[]byte)
	if !ok {
		buf = new(make([]byte, size))
	}
	*buf = (*buf)[:n]
	return buf
}

// Put implements [mem.BufferPool].
func (b *Buffers) Put(buf *[]byte) {
	if pool, size := b.tier(cap(*buf)); size == cap(*buf) {
		pool.Put(buf)
		return
	}
	mem.DefaultBufferPool().Put(buf)
}

func (b *Buffers) tier(n int) (pool *sync.Pool, size int) {
	switch {
	case n <= http2Frame:
		return &b.pieces, http2Frame
	case n <= MaxFrame:
		return &b.frames, MaxFrame
	}
	return nil, 0
}
