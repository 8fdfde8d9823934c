package fuse

import (
	"context"
	"errors"
	"iter"
	"strings"
	"syscall"
	"time"

	"goosefs/client"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// dirHandle is an open directory. go-fuse calls its methods one at a time.
//
// An offset is the number of entries before, beginning with "." and "..". The kernel reads on where it was, but for
// rewinddir and seekdir: then the directory is listed anew, and skipped up to there.
type dirHandle struct {
	n     *dirNode
	fills bool // the kernel may keep the names it reads here

	off     uint64           // of the entry after last
	last    client.Info      // what Readdirent returned
	asked   moment           // when the listing was asked for
	learned time.Time        // when it began to come
	known   *shorthandReader // the listing, if it is in the catalogue; else
	list    chan listed      // it comes from here; nil: not begun
	stop    func()           // ends the listing
	err     error            // what it failed with
	names   []string         // of all files before off; with Options.Prefetch
}

type listed struct {
	info client.Info
	err  error
}

// OpendirHandle opens the directory. The listing begins when it is read: the kernel may know it already.
func (n *dirNode) OpendirHandle(ctx context.Context, flags uint32) (gofusefs.FileHandle, uint32, syscall.Errno) {
	h := &dirHandle{n: n, fills: n.beginListing()}
	if h.fills {
		return h, gofuse.FOPEN_CACHE_DIR | gofuse.FOPEN_KEEP_CACHE, 0
	}
	return h, 0, 0
}

// Readdirent gives the next entry, or nil at the end.
func (h *dirHandle) Readdirent(ctx context.Context) (*gofuse.DirEntry, syscall.Errno) {
	if h.off < 2 {
		return h.dots(), 0
	}
	info, more, err := h.next(ctx)
	if err != nil {
		return nil, h.n.m.failed("list", h.n.path(), err)
	}
	if !more {
		h.n.m.ahead.listed(h.n, h.names)
		return nil, 0
	}
	if h.n.m.opts.Prefetch && typeOf(info) == syscall.S_IFREG {
		h.names = append(h.names, info.Name)
	}
	h.off++
	h.last = info
	return &gofuse.DirEntry{Name: info.Name, Mode: typeOf(info), Ino: inoOf(info), Off: h.off}, 0
}

// dots gives "." and then "..".
func (h *dirHandle) dots() *gofuse.DirEntry {
	e := gofuse.DirEntry{Name: ".", Mode: syscall.S_IFDIR, Ino: h.n.StableAttr().Ino}
	if _, parent := h.n.Parent(); h.off == 1 {
		e.Name = ".."
		if parent != nil {
			e.Ino = parent.StableAttr().Ino
		}
	}
	h.off++
	e.Off = h.off
	return &e
}

// Lookup gives inode and attributes of an entry that was just read, so that ls -l needs no more.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *gofuse.EntryOut) (*gofusefs.Inode, syscall.Errno) {
	if h.last.Name == name {
		return h.n.child(ctx, h.last, name, h.asked, h.learned, out), 0
	}
	return h.n.Lookup(ctx, name, out) // read a second time, after the kernel went back a little
}

// Seekdir goes to an offset.
func (h *dirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	if off < h.off {
		h.reset()
	}
	for h.off < off {
		if e, errno := h.Readdirent(ctx); e == nil {
			return errno
		}
	}
	return 0
}

// Releasedir closes the directory.
func (h *dirHandle) Releasedir(ctx context.Context, flags uint32) {
	h.reset()
	if h.fills {
		h.n.endListing()
	}
}

func (h *dirHandle) reset() {
	if h.stop != nil {
		h.stop()
	}
	*h = dirHandle{n: h.n, fills: h.fills}
}

// next takes an entry from the listing, and begins it if need be. An interrupted call loses none.
func (h *dirHandle) next(ctx context.Context) (info client.Info, more bool, err error) {
	if h.err != nil {
		return client.Info{}, false, h.err
	}
	if h.list == nil && h.known == nil {
		h.begin()
	}
	if h.known != nil {
		info, more = h.known.next()
		return info, more, nil
	}
	var one listed
	select {
	case one, more = <-h.list:
	default:
		waiting, stop := patient(ctx)
		defer stop()
		select {
		case one, more = <-h.list:
		case <-waiting.Done():
			return client.Info{}, false, waiting.Err()
		}
	}
	h.err = one.err
	return one.info, more, one.err
}

// begin takes the listing from the catalogue. Else it lists the directory on a goroutine of its own, which runs a little
// ahead and ends with stop, the end or the first error.
func (h *dirHandle) begin() {
	m, at, ino := h.n.m, h.n.path(), h.n.StableAttr().Ino
	if e := h.n.listingOf(); e != nil {
		h.asked, h.learned, h.known = e.asked, e.learned, e.list.read()
		return
	}
	m.stats.lists.Add(1)
	ctx, cancel := context.WithCancel(m.serving)
	h.asked, h.learned, h.stop = m.trust.now(), time.Now(), cancel
	list := make(chan listed, 128)
	h.list = list
	go func() {
		defer close(list)
		m.record(ctx, at, ino, func(info client.Info, err error) bool {
			select {
			case list <- listed{info, err}:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
}

// listTries is how often a listing is begun that breaks because the directory changed.
const listTries = 4

// entries lists a directory, by name. A listing that a master's death interrupts, and that is not the same any more when
// it is asked for again, goes on behind the last name: readdir promises nothing about names that come or go meanwhile.
func (m *Mounted) entries(ctx context.Context, at string) iter.Seq2[client.Info, error] {
	return func(yield func(client.Info, error) bool) {
		seen := ""
		for try := 1; ; try++ {
			changed := false
			for info, err := range m.tree.List(ctx, at, client.StatOptions{}) {
				if changed = errors.Is(err, syscall.EAGAIN) && try < listTries; changed {
					break
				}
				if err == nil && info.Name <= seen && seen != "" {
					continue
				}
				if seen = info.Name; !yield(info, err) {
					return
				}
			}
			if !changed {
				return
			}
		}
	}
}

// presentable says if a name can be shown. For one that cannot the kernel would fail the whole listing.
func presentable(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= nameMax && !strings.ContainsAny(name, "/\x00")
}

var (
	_ gofusefs.NodeLookuper       = (*dirNode)(nil)
	_ gofusefs.NodeOpendirHandler = (*dirNode)(nil)
	_ gofusefs.FileReaddirenter   = (*dirHandle)(nil)
	_ gofusefs.FileLookuper       = (*dirHandle)(nil)
	_ gofusefs.FileSeekdirer      = (*dirHandle)(nil)
	_ gofusefs.FileReleasedirer   = (*dirHandle)(nil)
)
