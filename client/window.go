package client

import "slices"

// pageSize is the unit of what is fetched ahead. It is as much as a worker sends in one message.
const pageSize = 1 << 20

const (
	runsKept  = 4         // readers of one handle that are told apart
	runsBegin = 2         // reads in a row that make a sequence
	nearBegin = 256 << 10 // how far a read may fall short of or overshoot where the last one ended, at first
	nearLater = pageSize  // and in a sequence
)

// window decides what readers of a file will want next. It only decides: no locks, no clock, no I/O.
//
// A reader is sequential when it reads on about where it left off: the kernel asks for pieces of 128 KiB, several at a
// time, and they overtake each other. The longer it goes on, the further ahead of it is fetched. Several threads may
// read one handle in different places, so a few such runs are told apart; whoever reads here and there makes runs of
// one read each, which cost nothing.
type window struct {
	length int64 // of the file
	ahead  int64 // at most, pages, of all runs
	most   int64 // bytes that were read in one sequence
	runs   []run // the last used first
}

// run is a sequence of reads.
type run struct {
	next       int64 // where it left off
	bytes      int64 // read so far
	hits       int   // reads that went on where the one before ended
	first, end int64 // pages that it wants, if it is a sequence
}

func newWindow(length, ahead int64) window {
	return window{length: length, ahead: max(0, ahead/pageSize)}
}

// read notes a read of n bytes from off. It returns the pages first ≤ i < end that should be here or on the way, and
// how many of them are ahead of the read. There are none if the read is no part of a sequence: then just its bytes
// should be fetched.
func (w *window) read(off, n int64) (first, end, beyond int64) {
	r := w.take(off)
	before := r.bytes
	if reached := off + n; reached > r.next {
		r.bytes += reached - r.next
		r.next = reached
		r.hits++
	}
	if r.hits > runsBegin {
		w.most = max(w.most, r.bytes)
	}
	if w.ahead > 0 && r.hits > runsBegin {
		r.first = off / pageSize
		r.end = (off + n + pageSize - 1) / pageSize
		beyond = min(w.ahead/w.sequences(r), 2*before/pageSize)
		beyond = max(0, min(beyond, (w.length+pageSize-1)/pageSize-r.end))
		r.end += beyond
	}
	w.runs = slices.Insert(w.runs, 0, r)
	return r.first, r.end, beyond
}

// take finds the run that a read at off belongs to, or begins one, and takes it out of the list. A file is read from
// its start as a rule, so a run that begins there is a sequence at once.
func (w *window) take(off int64) run {
	for i, r := range w.runs {
		near := int64(nearBegin)
		if r.hits > runsBegin {
			near = nearLater
		}
		if off >= r.next-near && off <= r.next+near {
			w.runs = slices.Delete(w.runs, i, i+1)
			return r
		}
	}
	if len(w.runs) == runsKept {
		w.runs = w.runs[:runsKept-1]
	}
	r := run{next: off}
	if off == 0 {
		r.hits = runsBegin
	}
	return r
}

// sequences is how many runs share what may be fetched ahead: r and those in the list.
func (w *window) sequences(r run) int64 {
	n := int64(1)
	for _, other := range w.runs {
		if other.hits > runsBegin {
			n++
		}
	}
	return n
}

// wants says whether page i is in some run's window, or was just read: reads may come a little late.
func (w *window) wants(i int64) bool {
	return slices.ContainsFunc(w.runs, func(r run) bool { return r.first-1 <= i && i < r.end })
}
