package client

import "google.golang.org/grpc/mem"

// sink takes the bytes of a range as they come.
type sink interface {
	room() int // how many are missing
	// take takes all of data but the first bytes. There is room for them.
	take(data mem.BufferSlice, skip int)
}

// passer is a sink that passes on what it took, before more is received.
type passer interface{ pass() error }

// filling copies into memory of the reader's.
type filling struct{ p []byte }

func (s *filling) room() int { return len(s.p) }

func (s *filling) take(data mem.BufferSlice, skip int) {
	for _, b := range data {
		if skip < b.Len() {
			s.p = s.p[copy(s.p, b.ReadOnlyData()[skip:]):]
		}
		skip = max(0, skip-b.Len())
	}
}

// copyFrom copies what lies at off and behind in the pieces.
func copyFrom(pieces mem.BufferSlice, off int64, p []byte) (n int) {
	for _, b := range pieces {
		if n == len(p) {
			break
		}
		if size := int64(b.Len()); off < size {
			n += copy(p[n:], b.ReadOnlyData()[off:])
			off = 0
		} else {
			off -= size
		}
	}
	return n
}
