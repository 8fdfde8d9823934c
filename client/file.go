package client

import (
	"context"
	"io/fs"
	"sync"
	"syscall"
)

// blockMask holds a block's index within its file: a block's id is the file's with the index in place of the ones.
const blockMask = 1<<24 - 1

// File is an open file: one version of it, for reading. It is safe for concurrent use.
type File struct {
	fs     *FS
	info   Info
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	local  local     // what workers of this host lent
	stale  sync.Once // the masters have been told to look at the source again

	mu struct {
		sync.Mutex
		window
		pages    map[int64]*page // by index
		fetching sync.WaitGroup  // pages
		partial  *refusal        // of the worker that would hand the file out if it held all of it
	}
}

// Open opens the file at path for reading.
func (f *FS) Open(ctx context.Context, path string) (*File, error) {
	info, err := f.Stat(ctx, path, StatOptions{})
	if err != nil {
		return nil, err
	}
	if info.Dir {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	}
	if info.Symlink != "" {
		return nil, linkError("open", path, info.Symlink)
	}
	return f.OpenInfo(info), nil
}

// OpenInfo opens the version of a file that info describes, without asking a master.
func (f *FS) OpenInfo(info Info) *File {
	x := &File{fs: f, info: info}
	x.ctx, x.cancel = context.WithCancel(f.ctx)
	x.mu.window = newWindow(info.Length, f.cfg.ReadAhead)
	x.mu.pages = make(map[int64]*page)
	return x
}

// Info is what the file was opened with.
func (x *File) Info() Info { return x.info }

// Close ends what is being fetched. Reads that run, and those that follow, fail with EBADF. What is missing of the file
// may come to a worker on this host afterwards, see [File.wantsRestLocked].
func (x *File) Close() error {
	x.mu.Lock()
	x.cancel()
	clear(x.mu.pages)
	from, wanted := x.wantsRestLocked()
	x.mu.partial = nil
	x.mu.Unlock()
	x.mu.fetching.Wait()
	x.local.close()
	if wanted {
		x.fs.background(func(ctx context.Context) { x.askForRest(ctx, from) })
	}
	return nil
}

// kept says whether workers are to keep what is read.
func (x *File) kept() bool {
	switch cfg := x.fs.cfg; {
	case cfg.Reads != 0:
		return cfg.Reads.Keeps()
	case x.info.ReadPolicy != 0:
		return x.info.ReadPolicy.Keeps()
	default:
		return !cfg.NoCache
	}
}

// block is the block that holds the byte at off.
func (x *File) block(off int64) Block {
	size := x.info.BlockSize
	if size <= 0 {
		size = x.info.Length
	}
	index := off / size
	b := Block{ID: x.info.ID&^blockMask | index, Offset: index * size, Length: min(size, x.info.Length-index*size)}
	if index < int64(len(x.info.Blocks)) && x.info.Blocks[index].ID == b.ID {
		b.Locations = x.info.Blocks[index].Locations
	}
	return b
}
