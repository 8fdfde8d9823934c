package sim

import (
	"fmt"
	"hash/maphash"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
)

// tree is what the namespace should be below one directory of the root: what there is, by path. A tree never changes;
// apply returns another. It is written without a look at metastore.
type tree map[string]thing

// thing is a file or a directory.
type thing struct {
	dir          bool
	owner, group string
	length       int64
	complete     bool
}

func (t thing) String() string {
	switch {
	case t.dir:
		return fmt.Sprintf("dir %s:%s", t.owner, t.group)
	case t.complete:
		return fmt.Sprintf("file %s:%s %d", t.owner, t.group, t.length)
	}
	return fmt.Sprintf("file %s:%s incomplete", t.owner, t.group)
}

// apply is what the operation answers, and what is there afterwards.
func (t tree) apply(o op) (answer, tree) {
	switch o.kind {
	case create:
		return t.make(o, thing{owner: o.tag(), group: o.tag()})
	case mkdir:
		return t.make(o, directory(o))
	case stat:
		return t.see(o.path), t
	case list:
		return t.list(o.path), t
	}
	found, ok := t[o.path]
	if !ok {
		return answer{errno: syscall.ENOENT}, t
	}
	switch o.kind {
	case complete:
		return t.complete(o, found)
	case setattr:
		found.group = o.tag()
		return answer{text: found.String()}, t.with(o.path, found)
	case remove:
		return t.remove(o, found)
	}
	return t.move(o, found)
}

func directory(o op) thing {
	return thing{dir: true, owner: o.tag(), group: o.tag(), complete: true}
}

// vacant says whether something can be made at p, with its parents if need be.
func (t tree) vacant(p string, recursive bool) syscall.Errno {
	if _, ok := t[p]; ok {
		return syscall.EEXIST
	}
	missing := false
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		parent, ok := t[dir]
		if ok && !parent.dir {
			return syscall.ENOTDIR
		}
		if ok {
			break
		}
		missing = true
	}
	if missing && !recursive {
		return syscall.ENOENT
	}
	return 0
}

func (t tree) make(o op, made thing) (answer, tree) {
	if errno := t.vacant(o.path, o.recursive); errno != 0 {
		return answer{errno: errno}, t
	}
	next := t.with(o.path, made)
	for dir := path.Dir(o.path); dir != "/"; dir = path.Dir(dir) {
		if _, ok := next[dir]; !ok {
			next[dir] = directory(o)
		}
	}
	return answer{text: made.String()}, next
}

func (t tree) complete(o op, found thing) (answer, tree) {
	switch {
	case found.dir:
		return answer{errno: syscall.EISDIR}, t
	case found.complete:
		return answer{errno: syscall.EBUSY}, t
	}
	found.complete, found.length = true, int64(o.number)
	return answer{text: found.String()}, t.with(o.path, found)
}

func (t tree) remove(o op, found thing) (answer, tree) {
	next := maps.Clone(t)
	maps.DeleteFunc(next, func(p string, _ thing) bool { return p == o.path || strings.HasPrefix(p, o.path+"/") })
	if len(next) < len(t)-1 && !o.recursive {
		return answer{errno: syscall.ENOTEMPTY}, t
	}
	return answer{text: found.String()}, next
}

func (t tree) move(o op, found thing) (answer, tree) {
	if strings.HasPrefix(o.dst, o.path+"/") {
		return answer{errno: syscall.EINVAL}, t
	}
	if errno := t.vacant(o.dst, false); errno != 0 {
		return answer{errno: errno}, t
	}
	next := make(tree, len(t))
	for p, thing := range t {
		if p == o.path || strings.HasPrefix(p, o.path+"/") {
			p = o.dst + p[len(o.path):]
		}
		next[p] = thing
	}
	return answer{text: found.String()}, next
}

func (t tree) see(p string) answer {
	found, ok := t[p]
	if !ok {
		return answer{errno: syscall.ENOENT}
	}
	return answer{text: found.String()}
}

// list answers the children of a directory, by name; a file lists itself.
func (t tree) list(p string) answer {
	found, ok := t[p]
	if !ok || !found.dir {
		return t.see(p)
	}
	var lines []string
	for below, thing := range t {
		if path.Dir(below) == p {
			lines = append(lines, line(path.Base(below), thing.String()))
		}
	}
	slices.Sort(lines)
	return answer{text: strings.Join(lines, ", ")}
}

func line(name, what string) string { return name + "=" + what }

func (t tree) with(p string, thing thing) tree {
	next := maps.Clone(t)
	if next == nil {
		next = make(tree)
	}
	next[p] = thing
	return next
}

func (t tree) String() string {
	var lines []string
	for _, p := range slices.Sorted(maps.Keys(t)) {
		lines = append(lines, line(p, t[p].String()))
	}
	return strings.Join(lines, "\n")
}

// hasher hashes trees: equal trees have equal hashes.
type hasher struct{ seed maphash.Seed }

func (h hasher) hash(t tree) (sum uint64) {
	type entry struct {
		path string
		thing
	}
	for p, is := range t {
		sum += maphash.Comparable(h.seed, entry{p, is})
	}
	return sum
}

func equal(a, b tree) bool { return maps.Equal(a, b) }
