package fuse

import (
	"container/list"
	"path"
	"strings"
	"sync"
	"time"
)

// catalogueRoom is how many bytes of listings a mount remembers.
const catalogueRoom = 24 << 20

// catalogue has the listings that were read lately, by path: when the kernel has forgotten a directory, and asks again, no
// master is. It holds only what the stream of invalidations watches over; what was pushed is dropped before anything else
// learns of the push, so a listing that is found here is as good as one asked for now.
type catalogue struct {
	mu struct {
		sync.Mutex
		top   branch
		order list.List // of *entry, the one used last in front
		bytes int64
	}
}

// branch is a directory in the catalogue, or above one: a push about a directory is one about all below it.
type branch struct {
	entry *entry
	below map[string]*branch
}

// entry is a listing that is complete, or still being read.
type entry struct {
	list    shorthand
	ino     uint64    // of the directory: another one may have its path
	asked   moment    // when it was asked for
	learned time.Time // when it began to come; zero: it is not complete
	at      *branch
	place   *list.Element // in order, when complete
	size    int64
}

// find gives the listing of a directory.
func (c *catalogue) find(at string, ino uint64) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.walkLocked(at, false)
	if m == nil || m.entry == nil || m.entry.learned.IsZero() || m.entry.ino != ino {
		return nil
	}
	c.mu.order.MoveToFront(m.entry.place)
	return m.entry
}

// listingOf is what the catalogue has of a directory, if it may be believed.
func (n *dirNode) listingOf() *entry {
	e := n.m.known.find(n.path(), n.StableAttr().Ino)
	if e == nil || !n.m.trust.confirmed(e.asked) || time.Since(e.learned) >= n.m.opts.AttrTimeout/2 {
		return nil
	}
	return e
}

// begin is called before a listing is asked for. keep puts it here when all of it has come, unless a push was faster.
func (c *catalogue) begin(at string, ino uint64) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.walkLocked(at, true)
	c.dropLocked(m)
	m.entry = &entry{list: shorthand{path: at}, ino: ino, at: m}
	return m.entry
}

// keep puts a complete listing here, if a push did not overtake it and there is room.
func (c *catalogue) keep(e *entry, asked moment, learned time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := e.list.size()
	if e.at.entry != e || size > catalogueRoom/2 {
		c.abandonLocked(e)
		return false
	}
	e.asked, e.learned, e.size = asked, learned, size
	e.place = c.mu.order.PushFront(e)
	c.mu.bytes += size
	for c.mu.bytes > catalogueRoom {
		c.forgetLocked(c.mu.order.Back().Value.(*entry).list.path)
	}
	return true
}

// abandon is for a listing that did not come whole.
func (c *catalogue) abandon(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandonLocked(e)
}

func (c *catalogue) abandonLocked(e *entry) {
	if e.at.entry == e && e.place == nil {
		c.forgetLocked(e.list.path)
	}
}

// forget drops what a push speaks of: the listing that path is in and, if it is a directory, those of it and of all below.
func (c *catalogue) forget(at string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetBelowLocked(path.Clean("/" + at))
	if dir := path.Dir(path.Clean("/" + at)); c.walkLocked(dir, false) != nil {
		c.forgetLocked(dir)
	}
}

// clear drops all.
func (c *catalogue) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetBelowLocked("/")
}

// forgetBelowLocked drops the listings of a directory and of all below.
func (c *catalogue) forgetBelowLocked(at string) {
	m := c.walkLocked(at, false)
	if m == nil {
		return
	}
	c.dropAllLocked(m)
	c.pruneLocked(at)
}

func (c *catalogue) dropAllLocked(m *branch) {
	c.dropLocked(m)
	for _, child := range m.below {
		c.dropAllLocked(child)
	}
	m.below = nil
}

// forgetLocked drops one listing.
func (c *catalogue) forgetLocked(at string) {
	c.dropLocked(c.walkLocked(at, false))
	c.pruneLocked(at)
}

func (c *catalogue) dropLocked(m *branch) {
	if e := m.entry; e != nil && e.place != nil {
		c.mu.order.Remove(e.place)
		c.mu.bytes -= e.size
	}
	m.entry = nil
}

// pruneLocked takes away the branches on the way to a path that hold nothing any more.
func (c *catalogue) pruneLocked(at string) {
	for at != "/" {
		m := c.walkLocked(at, false)
		if m != nil && (m.entry != nil || len(m.below) > 0) {
			return
		}
		above := path.Dir(at)
		if up := c.walkLocked(above, false); up != nil {
			delete(up.below, path.Base(at))
		}
		at = above
	}
}

// walkLocked finds the branch of a path, or makes it.
func (c *catalogue) walkLocked(at string, create bool) *branch {
	m := &c.mu.top
	if at == "/" {
		return m
	}
	for part := range strings.SplitSeq(at[1:], "/") {
		next := m.below[part]
		if next == nil {
			if !create {
				return nil
			}
			if m.below == nil {
				m.below = make(map[string]*branch)
			}
			next = &branch{}
			m.below[part] = next
		}
		m = next
	}
	return m
}
