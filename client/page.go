package client

import (
	"context"
	"io/fs"
	"syscall"
)

// page is a piece of a file on its way from a worker, or here.
type page struct {
	off     int64
	done    chan struct{} // closed when data or err is set
	data    []byte
	err     error
	cancel  context.CancelFunc // gives the fetch up
	readers int                // who wait or copy; guarded by the file
}

// wait returns the page's bytes when they are here.
func (p *page) wait(ctx context.Context) ([]byte, error) {
	select {
	case <-p.done:
		return p.data, p.err
	default:
	}
	select {
	case <-p.done:
		return p.data, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// plan tells the window of a read, and gets going what will be wanted soon. It returns the pages that hold what is read
// now, from off on; the caller leaves them. There are none if just these bytes are to be fetched.
func (x *File) plan(off, n int64) ([]*page, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Err() != nil {
		return nil, &fs.PathError{Op: "read", Path: x.info.Path, Err: syscall.EBADF}
	}
	first, end, beyond := x.mu.read(off, n)
	for i, pg := range x.mu.pages {
		if !x.mu.wants(i) {
			delete(x.mu.pages, i)
			x.dropLocked(pg)
		}
	}
	how := exact
	if beyond > 0 {
		how = ahead
	}
	for i := first; i < end; i++ {
		if x.mu.pages[i] == nil {
			x.mu.pages[i] = x.fetchPage(i, how)
		}
	}
	var pages []*page
	for i := off / pageSize; i*pageSize < off+n; i++ {
		pg := x.mu.pages[i]
		if pg == nil {
			break
		}
		pg.readers++
		pages = append(pages, pg)
	}
	return pages, nil
}

// wanted tells the window of a read, and gives how many bytes behind it will be wanted soon.
func (x *File) wanted(off, n int64) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, end, beyond := x.mu.read(off, n)
	if beyond == 0 {
		return 0
	}
	return max(0, min(end*pageSize, x.info.Length)-off-n)
}

// leave ends a read of pages.
func (x *File) leave(pages []*page) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, pg := range pages {
		pg.readers--
		if x.mu.pages[pg.off/pageSize] != pg {
			x.dropLocked(pg)
		}
	}
}

// dropLocked gives up a page that is not in the window any more, unless somebody still waits for it or copies from it.
// Its buffer is used again only if nobody can write to it any more either.
func (x *File) dropLocked(pg *page) {
	if pg.readers > 0 {
		return
	}
	pg.cancel()
	select {
	case <-pg.done:
		if buf := pg.data; len(buf) == pageSize {
			pg.data = nil
			x.fs.pages.Put(&buf)
		}
	default:
	}
}

// buffer is n bytes for a page.
func (f *FS) buffer(n int64) []byte {
	if n == pageSize {
		if buf, ok := f.pages.Get().(*[]byte); ok {
			return *buf
		}
	}
	return make([]byte, n)
}

// fetchPage starts to fetch page i. What fails is not kept: the next read asks anew.
func (x *File) fetchPage(i int64, how pattern) *page {
	ctx, cancel := context.WithCancel(x.ctx)
	pg := &page{off: i * pageSize, done: make(chan struct{}), cancel: cancel}
	x.mu.fetching.Go(func() {
		defer cancel()
		defer close(pg.done)
		data := x.fs.buffer(min(pageSize, x.info.Length-pg.off))
		if pg.err = x.fetchRange(ctx, data, pg.off, how); pg.err == nil {
			pg.data = data
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.mu.pages[i] == pg {
			delete(x.mu.pages, i)
		}
	})
	return pg
}
