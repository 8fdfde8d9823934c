package fuse

import (
	"context"
	"path"
	"syscall"
	"time"

	"goosefs/client"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// dirNode is a directory.
type dirNode struct {
	node

	// Options.Prefetch: as it was last listed, and how its files are opened since. The prefetcher's lock guards them.
	names  []string
	course course

	study study // the node's lock guards it
}

// nameMax is the longest name of a file, in bytes.
const nameMax = 255

// Lookup finds name in the directory.
func (n *dirNode) Lookup(ctx context.Context, name string, out *gofuse.EntryOut) (*gofusefs.Inode, syscall.Errno) {
	if len(name) > nameMax {
		return nil, syscall.ENAMETOOLONG
	}
	if in := n.recall(name, out); in != nil {
		return in, 0
	}
	if e := n.listingOf(); e != nil {
		if info, ok := e.list.find(name); ok {
			return n.child(ctx, info, name, e.asked, e.learned, out), 0
		}
	}
	n.m.stats.lookups.Add(1)
	ctx, stop := patient(ctx)
	defer stop()
	asked, at := n.m.trust.now(), path.Join(n.path(), name)
	info, err := n.m.tree.Stat(ctx, at, client.StatOptions{})
	if err != nil {
		errno := errnoOf(err)
		if errno != syscall.ENOENT {
			return nil, n.m.failed("lookup", at, err)
		}
		n.RmChild(name)
		if n.m.opts.NegativeTimeout == 0 {
			out.SetEntryTimeout(time.Nanosecond) // anything but zero, which go-fuse takes for "the default"
		}
		return nil, errno
	}
	n.missed()
	return n.child(ctx, info, name, asked, time.Now(), out), 0
}

// recall answers a lookup without asking the tree, if the child is known well enough: by this name, not only by
// another one that it has.
func (n *dirNode) recall(name string, out *gofuse.EntryOut) *gofusefs.Inode {
	in := n.GetChild(name)
	if in == nil || !n.m.spoiled.lives(in) {
		return nil
	}
	last, ok := of(in).remember()
	if !ok || last.place != (place{&n.node, name}) {
		return nil
	}
	n.m.fillAttr(last.info, &out.Attr)
	out.SetAttrTimeout(last.left)
	n.setEntryTimeout(last.info, last.left, out)
	return in
}
