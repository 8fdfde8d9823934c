package client

// pageSize is the unit of what is fetched ahead. It is as much as a worker sends in one message.
const pageSize = 1 << 20

// window decides what a reader will want next. It only decides: no locks, no clock, no I/O.
//
// A reader is sequential when it reads on about where it left off: the kernel asks for pieces of 128 KiB, several at a
// time, and they overtake each other. The longer it goes on, the further ahead of it is fetched.
type window struct {
	length int64 // of the file
	ahead  int64 // at most, pages
	next   int64 // where the reader left off
	run    int64 // bytes read in sequence so far
}

func newWindow(length, ahead int64) window {
	return window{length: length, ahead: max(0, ahead/pageSize)}
}

// slack is how far a sequential read may fall short of or overshoot where the last one ended.
const slack = pageSize

// read notes a read of n bytes from off. It returns the pages first ≤ i < end that should be there or on the way, and
// whether the read is part of a sequence; if it is not, just its bytes should be fetched.
func (w *window) read(off, n int64) (first, end int64, sequential bool) {
	begin := off == 0 && w.next == 0
	near := off >= w.next-slack && off <= w.next+slack && w.next > 0
	switch {
	case begin || near:
		w.run += max(0, off+n-w.next)
	default:
		w.run = 0
	}
	w.next = max(off+n, min(w.next, off+n+slack))
	if w.run == 0 && !begin || w.ahead == 0 {
		return 0, 0, false
	}
	first = off / pageSize
	depth := min(w.ahead, 2*w.run/pageSize)
	end = (off+n+pageSize-1)/pageSize + depth
	return first, min(end, (w.length+pageSize-1)/pageSize), true
}
