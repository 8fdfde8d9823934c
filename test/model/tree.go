package model

import (
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"syscall"
)

// tree is a state of the names below one top directory, sorted by path. It is never changed: operations make another.
type tree []node

type node struct {
	path  string
	entry Entry
}

func (t tree) equal(other tree) bool { return slices.Equal(t, other) }

func (t tree) hash() uint64 {
	h := fnv.New64a()
	for _, n := range t {
		h.Write([]byte(n.path))
		e := n.entry
		h.Write([]byte{byte(e.ID), byte(e.ID >> 24), byte(e.ID >> 32), byte(e.Length), byte(e.Mode), byte(e.Mode >> 8)})
	}
	return h.Sum64()
}

func (t tree) String() string {
	var lines []string
	for _, n := range t {
		lines = append(lines, path.Dir(n.path)+"/"+n.entry.String())
	}
	return strings.Join(lines, "\n")
}

func (t tree) find(p string) (int, bool) {
	return slices.BinarySearchFunc(t, p, func(n node, p string) int { return strings.Compare(n.path, p) })
}

// get is the entry at p. A top directory is always there.
func (t tree) get(p string) (Entry, bool) {
	if i, ok := t.find(p); ok {
		return t[i].entry, true
	}
	return Entry{Name: path.Base(p), Dir: true, Complete: true}, isTop(p)
}

// seen is the entry at p as it is to be seen: a directory's length is how many entries it has.
func (t tree) seen(p string) Entry {
	e, _ := t.get(p)
	if e.Dir {
		e.Length = int64(len(t.children(p)))
	}
	return e
}

func isTop(p string) bool { return path.Dir(p) == "/" }

// with is the tree with e at p.
func (t tree) with(p string, e Entry) tree {
	i, ok := t.find(p)
	if ok {
		t = slices.Clone(t)
		t[i].entry = e
		return t
	}
	return slices.Insert(slices.Clone(t), i, node{p, e})
}

// without is the tree without p and all below it.
func (t tree) without(p string) tree {
	return slices.DeleteFunc(slices.Clone(t), func(n node) bool { return within(n.path, p) })
}

// within says that p is dir or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// children are the entries of a directory, by name.
func (t tree) children(dir string) []Entry {
	list := []Entry{}
	for _, n := range t {
		if path.Dir(n.path) == dir {
			list = append(list, n.entry)
		}
	}
	return sorted(list)
}

// vacant is why nothing can be made at p, or 0.
func (t tree) vacant(p string) syscall.Errno {
	if _, exists := t.get(p); exists {
		return syscall.EEXIST
	}
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		e, exists := t.get(dir)
		switch {
		case exists && !e.Dir:
			return syscall.ENOTDIR
		case exists && dir == path.Dir(p):
			return 0
		case exists:
			return syscall.ENOENT
		}
	}
}

// moved is the tree with from, and all below it, at to.
func (t tree) moved(from, to string) tree {
	rest := t.without(from)
	for _, n := range t {
		if within(n.path, from) {
			p := to + n.path[len(from):]
			n.entry.Name = path.Base(p)
			rest = rest.with(p, n.entry)
		}
	}
	return rest
}

// change does what in asks for, if the names allow it.
func (t tree) change(in Input) (tree, syscall.Errno) {
	e, exists := t.get(in.Path)
	switch in.Kind {
	case Create, Mkdir:
		dir := in.Kind == Mkdir
		if errno := t.vacant(in.Path); errno != 0 {
			return t, errno
		}
		return t.with(in.Path, Entry{Name: path.Base(in.Path), Dir: dir, Complete: dir, Mode: in.Mode}), 0
	}
	if !exists {
		return t, syscall.ENOENT
	}
	switch in.Kind {
	case Complete:
		switch {
		case e.Dir:
			return t, syscall.EISDIR
		case e.Complete:
			return t, syscall.EBUSY
		}
		e.Complete, e.Length = true, in.Length
		return t.with(in.Path, e), 0
	case SetMode:
		e.Mode = in.Mode
		return t.with(in.Path, e), 0
	case Remove:
		if !in.Recursive && len(t.children(in.Path)) > 0 {
			return t, syscall.ENOTEMPTY
		}
		return t.without(in.Path), 0
	case Rename:
		if in.To != in.Path && within(in.To, in.Path) {
			return t, syscall.EINVAL
		}
		if errno := t.vacant(in.To); errno != 0 {
			return t, errno
		}
		return t.moved(in.Path, in.To), 0
	}
	return t, 0 // Stat and List
}
