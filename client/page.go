package client

import (
	"context"
	"io/fs"
	"syscall"

	"google.golang.org/grpc/mem"
)

// page is a piece of a file on its way from a worker, or here.
type page struct {
	off     int64
	done    chan struct{} // closed when all of data is here, or err is set
	data    mem.BufferSlice
	missing int // bytes of data
	err     error
	of      *stretch
	readers int // who wait or copy; guarded by the file
}

// wait returns the page's bytes when they are here.
func (p *page) wait(ctx context.Context) (mem.BufferSlice, error) {
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
	x.fetchMissingLocked(first, end, beyond, (off+n+pageSize-1)/pageSize)
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
// Its buffers are used again only if it is here; otherwise the collector gets what may still come.
func (x *File) dropLocked(pg *page) {
	if pg.readers > 0 {
		return
	}
	if pg.of.wanted--; pg.of.wanted == 0 {
		pg.of.cancel()
	}
	select {
	case <-pg.done:
		pg.data.Free()
		pg.data = nil
	default:
	}
}
