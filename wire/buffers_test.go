package wire

import "testing"

// A buffer has the length that was asked for, and no more than four times as much room; it comes back with any length.
func TestBuffers(t *testing.T) {
	var b Buffers
	for _, n := range []int{0, 1, 300, leftToGRPC, leftToGRPC + 1, smallestKept, smallestKept + 1, 64 << 10, 65<<10 + 1, 300_000, MaxFrame} {
		for range 3 {
			buf := b.Get(n)
			if len(*buf) != n || n > leftToGRPC && cap(*buf) > 4*n {
				t.Errorf("%d bytes: %d, room for %d", n, len(*buf), cap(*buf))
			}
			*buf = (*buf)[:n/2]
			b.Put(buf)
		}
	}
	buf := b.Get(MaxFrame + 1)
	if len(*buf) != MaxFrame+1 {
		t.Errorf("%d bytes", len(*buf))
	}
	b.Put(buf)
	for i, size := 0, smallestKept; i < tiersKept; i, size = i+1, size*4 {
		if _, got := b.tier(size); got != size || i == tiersKept-1 && size != MaxFrame {
			t.Errorf("tier %d is of %d bytes, not %d", i, got, size)
		}
	}
}
