package client

import (
	"context"
	"io"
	"io/fs"
	"syscall"
)

// page is a piece of a file on its way from a worker, or here.
type page struct {
	done chan struct{} // closed when data or err is set
	data []byte
	err  error
}

// ReadAt reads into p from off, like [io.ReaderAt]: a short count comes with an error, io.EOF at the end of the file.
// All bytes are of the version that was opened; once they are not to be had any more it fails with ESTALE.
func (x *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: x.info.Path, Err: syscall.EINVAL}
	}
	if off >= x.info.Length {
		return 0, io.EOF
	}
	want := min(int64(len(p)), x.info.Length-off)
	var n int64
	for n < want {
		var m int
		var err error
		if pg := x.page(off+n, want-n); pg != nil {
			m, err = x.readPage(ctx, pg, p[n:want], off+n)
		} else {
			m, err = x.readDirect(ctx, p[n:want], off+n)
		}
		if err != nil {
			return int(n), err
		}
		n += int64(m)
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// page tells the window of a read of n bytes from off. For a sequential one it gets going what will be wanted soon
// and returns the page that holds off; otherwise it returns nil, unless that page happens to be here.
func (x *File) page(off, n int64) *page {
	x.mu.Lock()
	defer x.mu.Unlock()
	first, end, sequential := x.mu.read(off, n)
	if sequential {
		for i := range x.mu.pages {
			if i < first-1 || i > end {
				delete(x.mu.pages, i)
			}
		}
		for i := first; i < end; i++ {
			if x.mu.pages[i] == nil {
				x.mu.pages[i] = x.fetchPage(i)
			}
		}
	}
	return x.mu.pages[off/pageSize]
}

// fetchPage starts to fetch page i. What fails is not kept: the next read asks anew.
func (x *File) fetchPage(i int64) *page {
	pg := &page{done: make(chan struct{})}
	go func() {
		defer close(pg.done)
		off := i * pageSize
		pg.data, pg.err = x.fetchRange(x.ctx, off, min(pageSize, x.info.Length-off), true)
		if pg.err != nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.mu.pages[i] == pg {
				delete(x.mu.pages, i)
			}
		}
	}()
	return pg
}

func (x *File) readPage(ctx context.Context, pg *page, p []byte, off int64) (int, error) {
	select {
	case <-pg.done:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if pg.err != nil {
		return 0, pg.err
	}
	return copy(p, pg.data[off%pageSize:]), nil
}

// readDirect reads just what p holds.
func (x *File) readDirect(ctx context.Context, p []byte, off int64) (int, error) {
	data, err := x.fetchRange(ctx, off, int64(len(p)), false)
	return copy(p, data), err
}

// fetchRange fetches n bytes from off, block by block.
func (x *File) fetchRange(ctx context.Context, off, n int64, sequential bool) ([]byte, error) {
	block := x.block(off)
	if piece := block.Offset + block.Length - off; piece >= n {
		return x.fetch(ctx, off, n, sequential)
	}
	data := make([]byte, 0, n)
	for int64(len(data)) < n {
		at := off + int64(len(data))
		block := x.block(at)
		piece, err := x.fetch(ctx, at, min(n-int64(len(data)), block.Offset+block.Length-at), sequential)
		if err != nil {
			return nil, err
		}
		data = append(data, piece...)
	}
	return data, nil
}
