package client

import (
	"context"

	"google.golang.org/grpc/mem"
)

// stretchShare is how many streams together bring what is ahead of a reader: one alone stands still between two calls, and
// leaves connections idle; more only cost calls.
const stretchShare = 2

// stretch is pages in a row, of one block, that one stream brings. Each is read as soon as it is here.
type stretch struct {
	pages  []*page            // those that are not here yet
	cancel context.CancelFunc // gives all of them up
	wanted int                // pages that were not dropped; guarded by the file
}

// room implements [sink].
func (s *stretch) room() (n int) {
	for _, pg := range s.pages {
		n += pg.missing
	}
	return n
}

// take implements [sink]. The buffers that gRPC received are kept: then a byte is copied once, into a read.
func (s *stretch) take(data mem.BufferSlice, skip int) {
	for _, b := range data {
		at := min(skip, b.Len())
		skip -= at
		for at < b.Len() {
			pg := s.pages[0]
			piece := b.Slice(at, min(b.Len(), at+pg.missing))
			pg.data = append(pg.data, piece)
			pg.missing -= piece.Len()
			at += piece.Len()
			if pg.missing == 0 {
				s.pages = s.pages[1:]
				close(pg.done)
			}
		}
	}
}

// stretchEnd is where a stretch that begins at page first ends, of pages that are missing up to end. It is 0 if there is
// none yet: what lies behind read, where the reader wants pages only later, may grow until it is worth a call.
func stretchEnd(first, end, beyond, read int64, last bool) int64 {
	most := max(1, beyond/stretchShare)
	if first >= read && end-first < most && !last {
		return 0
	}
	return min(end, first+most)
}

// fetchMissingLocked gets going what is missing of the pages first ≤ i < end, of which those from read on are ahead.
func (x *File) fetchMissingLocked(first, end, beyond, read int64) {
	how := exact
	if beyond > 0 {
		how = ahead
	}
	for i := first; i < end; {
		if x.mu.pages[i] != nil {
			i++
			continue
		}
		next := i + 1
		for next < end && x.mu.pages[next] == nil && x.oneBlock(i, next) {
			next++
		}
		last := next < end || next*pageSize >= x.info.Length // it cannot grow
		to := stretchEnd(i, next, beyond, read, last)
		if to == 0 {
			return
		}
		x.fetchStretchLocked(i, to, how)
		i = to
	}
}

// oneBlock says whether all of the pages first ≤ i ≤ last is in one block.
func (x *File) oneBlock(first, last int64) bool {
	block := x.block(first * pageSize)
	return min((last+1)*pageSize, x.info.Length) <= block.Offset+block.Length
}

// fetchStretchLocked starts to fetch the pages first ≤ i < end.
func (x *File) fetchStretchLocked(first, end int64, how pattern) {
	ctx, cancel := context.WithCancel(x.ctx)
	s := &stretch{cancel: cancel, wanted: int(end - first)}
	for i := first; i < end; i++ {
		pg := &page{off: i * pageSize, done: make(chan struct{}), missing: int(min(pageSize, x.info.Length-i*pageSize)), of: s}
		s.pages = append(s.pages, pg)
		x.mu.pages[i] = pg
	}
	x.mu.fetching.Go(func() {
		defer cancel()
		if err := x.fetchStretch(ctx, s, first*pageSize, how); err != nil {
			x.fail(s, err)
		}
	})
}

func (x *File) fetchStretch(ctx context.Context, s *stretch, off int64, how pattern) error {
	if block := x.block(off); off+int64(s.room()) <= block.Offset+block.Length {
		return x.fetch(ctx, s, off, how)
	}
	data := make([]byte, s.room()) // one page, of several blocks
	if err := x.fetchRange(ctx, data, off, how); err != nil {
		return err
	}
	s.take(mem.BufferSlice{mem.SliceBuffer(data)}, 0)
	return nil
}

// fail ends the pages that did not come. What fails is not kept: the next read asks anew.
func (x *File) fail(s *stretch, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, pg := range s.pages {
		if i := pg.off / pageSize; x.mu.pages[i] == pg {
			delete(x.mu.pages, i)
		}
		pg.data.Free()
		pg.data, pg.err = nil, err
		close(pg.done)
	}
}
