package fuse

import (
	"context"
	"path"
	"strings"
	"sync"
	"time"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
)

// echo is how long after an invalidation the kernel is told again. An answer that was dated just before the first one
// may reach the kernel just after it.
const echo = time.Second

// forgetter takes what Watch pushes and makes the mount and the kernel forget it. Marks are set at once, on Watch's
// goroutine; the kernel is told by a goroutine of our own, as telling it waits for requests that are under way.
type forgetter struct {
	m    *Mounted
	wake chan struct{} // holds one

	mu struct {
		sync.Mutex
		paths map[string]bool // to be told
		all   bool            // everything is
	}
}

func newForgetter(m *Mounted) *forgetter {
	f := &forgetter{m: m, wake: make(chan struct{}, 1)}
	f.mu.paths = make(map[string]bool)
	return f
}

// changed is what Watch calls.
func (f *forgetter) changed(paths []string, lost bool) {
	if lost {
		f.m.log.Warn("the masters' invalidations are interrupted: attributes are asked for every second")
		f.m.trust.lost()
		f.m.known.clear()
	} else {
		f.m.trust.alive()
	}
	if len(paths) == 0 && !lost {
		return
	}
	f.m.stats.forgotten.Add(int64(len(paths)))
	for _, p := range paths { // before the push has a date: who found a listing earlier has a node that will be marked
		f.m.known.forget(p)
	}
	at := f.m.trust.tick()
	for _, p := range paths {
		f.m.mark(p, at)
	}
	f.mu.Lock()
	f.mu.all = f.mu.all || lost
	for _, p := range paths {
		f.mu.paths[p] = true
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run tells the kernel, until ctx ends.
func (f *forgetter) run(ctx context.Context) {
	var again map[string]bool
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
			f.mu.Lock()
			paths, all := f.mu.paths, f.mu.all
			f.mu.paths, f.mu.all = make(map[string]bool), false
			f.mu.Unlock()
			if all {
				f.m.notifyAll()
			}
			f.tell(paths)
			if again == nil {
				again, due = paths, time.After(echo)
				continue
			}
			for p := range paths { // told with the others, a little early: they wait a second from the first
				again[p] = true
			}
		case <-due:
			f.tell(again)
			again, due = nil, nil
		}
	}
}

func (f *forgetter) tell(paths map[string]bool) {
	for p := range paths {
		f.m.notify(p)
	}
}

// find walks to the inode of path as far as it is known: in is its inode, or nil, and dir that of its directory, or nil.
// What is above the shown root stands for the root.
func (m *Mounted) find(p string) (dir, in *gofusefs.Inode, name string) {
	root := m.root.EmbeddedInode()
	p = path.Clean("/" + p)
	below, ok := strings.CutPrefix(p, strings.TrimSuffix(m.opts.Root, "/")+"/")
	switch {
	case p == m.opts.Root || !ok && (p == "/" || strings.HasPrefix(m.opts.Root, p+"/")):
		return nil, root, ""
	case !ok:
		return nil, nil, ""
	}
	in = root
	for part := range strings.SplitSeq(below, "/") {
		if dir = in; dir == nil || !dir.IsDir() {
			return nil, nil, ""
		}
		in, name = dir.GetChild(part), part
	}
	return dir, in, name
}

// mark notes that what is known of path was forgotten at a moment. Its directory changed with it: names in it came or
// went, or mean something else.
func (m *Mounted) mark(p string, at moment) {
	dir, in, _ := m.find(p)
	if dir != nil {
		of(dir).forget(at, false)
	}
	if in != nil {
		of(in).forget(at, in.IsDir())
	}
}

// notify makes the kernel forget what it knows of path. Errors say that it knew nothing.
func (m *Mounted) notify(p string) {
	dir, in, name := m.find(p)
	if dir != nil {
		dir.NotifyContent(0, 0)
		if in == nil || !in.IsDir() {
			dir.NotifyEntry(name)
		}
	}
	if in != nil {
		m.notifyInode(in)
	}
}

// notifyInode makes the kernel forget attributes and, of a directory, what it knows to be in it. Pages stay: they are
// of this version. Directories in it stay, too: the kernel asks for them every second.
func (m *Mounted) notifyInode(in *gofusefs.Inode) {
	if !in.IsDir() {
		in.NotifyContent(-1, 0)
		return
	}
	in.NotifyContent(0, 0)
	for name, child := range in.Children() {
		if !child.IsDir() {
			in.NotifyEntry(name)
			child.NotifyContent(-1, 0)
		}
	}
}

// notifyAll makes the kernel forget all it knows.
func (m *Mounted) notifyAll() {
	dirs := []*gofusefs.Inode{m.root.EmbeddedInode()}
	for len(dirs) > 0 {
		in := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		m.notifyInode(in)
		for _, child := range in.Children() {
			if child.IsDir() {
				dirs = append(dirs, child)
			}
		}
	}
}
