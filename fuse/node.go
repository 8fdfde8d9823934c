package fuse

import (
	"context"
	"path"
	"sync"
	"syscall"
	"time"

	"goosefs/client"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// node is what files and directories have in common: the last answer about it, and what has been forgotten since.
// The kernel holds it by its inode; when the kernel forgets that, it is gone.
type node struct {
	gofusefs.Inode
	m *Mounted

	// mu is held for moments only: never while the tree or the kernel is called.
	mu struct {
		sync.Mutex
		info    client.Info
		place   place     // where info was found
		learned time.Time // when it came
		asked   moment    // when it was asked for
		// The moments of the last invalidations of this node, and of all in this directory. What was asked before
		// them is not to be believed.
		forgotten, childrenForgotten moment
		listing                      listing // directories only
	}
}

// place is an entry of a directory.
type place struct {
	dir  *node // nil: the root is in no directory
	name string
}

// inode is implemented by *dirNode, *fileNode and *linkNode.
type inode interface {
	gofusefs.InodeEmbedder
	base() *node
}

func (n *node) base() *node { return n }

// of is the node behind an inode of go-fuse.
func of(i *gofusefs.Inode) *node { return i.Operations().(inode).base() }

// place is the newest entry that the node was found at.
func (n *node) place() place {
	name, parent := n.Parent()
	if parent == nil {
		return place{}
	}
	return place{dir: of(parent), name: name}
}

// path is where the node is in the tree, by the newest name it was found at.
func (n *node) path() string { return path.Join(n.m.opts.Root, n.Path(nil)) }

// learn takes note of what was found at a place, by a question asked at the moment asked; the answer came at learned.
func (n *node) learn(info client.Info, at place, asked moment, learned time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if asked >= n.mu.asked {
		info.UFSPath, info.Fingerprint, info.Persistence, info.Xattr = "", "", "", nil // asked for anew when wanted
		info.ACL, info.DefaultACL = nil, nil
		n.mu.info, n.mu.place, n.mu.asked, n.mu.learned = info, at, asked, learned
	}
}

// forget makes everything known of the node unconfirmed, and of what is in it too if children is set.
func (n *node) forget(at moment, children bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.forgotten = max(n.mu.forgotten, at)
	if children {
		n.mu.childrenForgotten = max(n.mu.childrenForgotten, at)
	}
}

// confirms says if an answer about what is in directory n, asked for at the moment asked, is confirmed:
// nothing was pushed about the directory since and the stream watches over it.
func (n *node) confirms(asked moment) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return asked >= n.mu.forgotten && asked >= n.mu.childrenForgotten && n.m.trust.confirmed(asked)
}

// overtook says if something in directory n changed after the moment asked, and when.
func (n *node) overtook(asked moment) (at moment, overtaken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.forgotten, asked < n.mu.forgotten
}

// memory is a last answer that may still be believed.
type memory struct {
	info  client.Info
	place place
	left  time.Duration // how much longer
}

// remember gives the last answer; ok is false if it must be asked for again.
func (n *node) remember() (last memory, ok bool) {
	n.mu.Lock()
	at, asked, learned, forgotten := n.mu.place, n.mu.asked, n.mu.learned, n.mu.forgotten
	last = memory{info: n.mu.info, place: at}
	n.mu.Unlock()
	if at.dir != nil { // one lock at a time: there is no order between nodes
		at.dir.mu.Lock()
		forgotten = max(forgotten, at.dir.mu.childrenForgotten)
		at.dir.mu.Unlock()
	}
	if learned.IsZero() || asked < forgotten {
		return last, false
	}
	last.left = remaining(n.m.opts.AttrTimeout, time.Since(learned), n.m.trust.confirmed(asked) && pushed(last.info))
	return last, last.left > 0
}

// current is what the node is now, from memory or from the tree, and how long the kernel may believe it. It fails with
// ESTALE if the node's name is gone or means another version: the kernel then looks the name up again.
func (n *node) current(ctx context.Context) (client.Info, time.Duration, error) {
	if last, ok := n.remember(); ok {
		return last.info, last.left, nil
	}
	ctx, stop := patient(ctx)
	defer stop()
	asked, at := n.m.trust.now(), n.place()
	info, err := n.m.tree.Stat(ctx, n.path(), client.StatOptions{})
	if err != nil {
		if errnoOf(err) == syscall.ENOENT && !n.IsRoot() {
			n.m.known.forget(n.path())
			err = syscall.ESTALE
		}
		return client.Info{}, 0, err
	}
	if info.Dir != n.IsDir() || !n.IsRoot() && inoOf(info) != n.StableAttr().Ino {
		n.m.known.forget(n.path()) // or the name would lead here again
		return client.Info{}, 0, syscall.ESTALE
	}
	n.learn(info, at, asked, time.Now())
	last, _ := n.remember()
	return info, max(last.left, 0), nil
}

// Getattr answers stat. An open file shows the attributes of its version, whatever its name means by now and without
// asking anyone: reads at its end need them, also while no master answers.
func (n *node) Getattr(ctx context.Context, f gofusefs.FileHandle, out *gofuse.AttrOut) syscall.Errno {
	last, ok := n.remember()
	info, left := last.info, last.left
	if !ok && n.isOpen(f, out) {
		left = min(unconfirmed, n.m.opts.AttrTimeout)
	} else if !ok {
		var err error
		if info, left, err = n.current(ctx); err != nil {
			return n.m.failed("stat", n.path(), err)
		}
	}
	n.m.fillAttr(info, &out.Attr)
	out.SetTimeout(left)
	return 0
}

// isOpen says whether somebody has the file open, as far as it can be known.
func (n *node) isOpen(f gofusefs.FileHandle, out *gofuse.AttrOut) bool {
	if _, open := f.(*handle); open || !n.m.opts.NoOpen {
		return open
	}
	file, ok := n.EmbeddedInode().Operations().(*fileNode)
	return ok && (out.AttrValidNsec == asksOpenFile || n.m.shelf.holds(file))
}

// Statfs answers df.
func (n *node) Statfs(ctx context.Context, out *gofuse.StatfsOut) syscall.Errno {
	n.m.capacity.fill(ctx, out)
	return 0
}

// child is the inode for what was found as name in n, by a question asked at the moment asked, whose answer came at
// learned; out is filled for the kernel.
func (n *dirNode) child(ctx context.Context, info client.Info, name string, asked moment, learned time.Time, out *gofuse.EntryOut) *gofusefs.Inode {
	id := n.m.spoiled.identity(typeOf(info), inoOf(info))
	in := n.GetChild(name)
	if in == nil || in.StableAttr() != id {
		var made inode = &fileNode{node: node{m: n.m}}
		switch {
		case info.Dir:
			made = &dirNode{node: node{m: n.m}}
		case info.Symlink != "":
			made = &linkNode{node: node{m: n.m}}
		}
		made.base().learn(info, place{&n.node, name}, asked, learned)
		in = n.NewInode(ctx, made, id)
	} else {
		of(in).learn(info, place{&n.node, name}, asked, learned)
	}
	if at, overtaken := n.overtook(asked); overtaken {
		of(in).forget(at, false) // it was not there to be told when something in this directory changed
	}
	n.m.fillAttr(info, &out.Attr)
	confirmed, age := n.confirms(asked) && pushed(info), time.Since(learned)
	out.SetAttrTimeout(max(0, remaining(n.m.opts.AttrTimeout, age, confirmed)))
	n.setEntryTimeout(info, max(0, remaining(n.m.opts.EntryTimeout, age, confirmed)), out)
	return in
}

// setEntryTimeout says how long the kernel may believe an entry. About a directory it asks again every second and is
// answered from memory; see the package doc.
func (n *dirNode) setEntryTimeout(info client.Info, left time.Duration, out *gofuse.EntryOut) {
	if info.Dir {
		left = min(left, unconfirmed)
	}
	out.SetEntryTimeout(min(left, n.m.opts.EntryTimeout))
}
