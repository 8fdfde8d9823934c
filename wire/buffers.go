package wire

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// Sizes of the buffers that are kept: each is four times the one before, up to MaxFrame. Smaller ones are gRPC's affair.
const (
	smallestKept = 16 << 10 // what gRPC sends and receives in one piece of HTTP/2
	tiersKept    = 4
	leftToGRPC   = smallestKept / 4
)

// Buffers keeps buffers of the sizes that block streams use. Unlike gRPC's own pool, which also goes from 32 KiB to 1 MiB
// at once, it does not clear them: whoever gets one fills it. What is not used goes with the next collections of garbage.
type Buffers struct {
	tiers [tiersKept]sync.Pool // of *[]byte
}

// Get implements [mem.BufferPool].
func (b *Buffers) Get(n int) *[]byte {
	pool, size := b.tier(n)
	if pool == nil || n <= leftToGRPC {
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
	if pool, size := b.tier(cap(*buf)); size == cap(*buf) && pool != nil {
		pool.Put(buf)
		return
	}
	mem.DefaultBufferPool().Put(buf)
}

// tier is where n bytes have room. There is none for more than MaxFrame.
func (b *Buffers) tier(n int) (pool *sync.Pool, size int) {
	size = smallestKept
	for i := range b.tiers {
		if n <= size {
			return &b.tiers[i], size
		}
		size *= 4
	}
	return nil, 0
}
