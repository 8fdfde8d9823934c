package metastore

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// Listing is what a path leads to and, if that is a directory, its children: all
// of one state, which the namespace had at one instant of the call.
type Listing struct {
	Resolution
	Children []Inode // by name (by bytes)
	mounts   mountTable
}

// MountOf is the mount whose root the child is; zero if it is none.
func (l *Listing) MountOf(child *Inode) Mount {
	if child.MountID == 0 {
		return Mount{}
	}
	return l.mounts[join(l.Path, child.Name)]
}

// listTries is how often a path that leads elsewhere meanwhile is listed again by
// pages.
const listTries = 2

// Listing looks a path up as Resolve does, and lists the directory that it leads
// to. Of a large one commands wait only for a page at a time: what they change
// behind the pages is noted, and read again in the end.
func (s *Store) Listing(path string) (Listing, error) {
	clean, err := CleanPath("list", path)
	if err != nil {
		return Listing{}, err
	}
	var l Listing
	for range listTries {
		done, err := s.listing(&l, clean, int64(s.options.listPage))
		if err == nil && !done {
			done, err = s.listByPages(&l)
		}
		if err != nil {
			return Listing{}, err
		}
		if done {
			l.Resolution = l.inMount()
			return l, nil
		}
	}
	if _, err := s.listing(&l, clean, -1); err != nil {
		return Listing{}, err
	}
	l.Resolution = l.inMount()
	return l, nil
}

// listing reads all in one go, unless there are more children than limit and that
// is not negative: then it says that it has not.
func (s *Store) listing(l *Listing, clean string, limit int64) (done bool, err error) {
	err = s.read(func(t *tree) error {
		l.look(t, clean)
		done = l.Inode == nil || !l.Inode.Dir || limit < 0 || l.Inode.Children <= limit
		if done && l.Inode != nil && l.Inode.Dir {
			l.Children = t.appendChildren(make([]Inode, 0, l.Inode.Children), l.Inode.ID, "", 0)
		}
		return nil
	})
	return done, err
}

// look begins a listing, or ends one: there are no children.
func (l *Listing) look(t *tree, clean string) {
	*l = Listing{Resolution: t.resolve(clean), mounts: t.s.mu.mounts}
}

// listByPages lists the directory of l. It is not done if the path led to another
// one in the end.
func (s *Store) listByPages(l *Listing) (done bool, err error) {
	dir := l.Inode.ID
	w := s.watch(dir)
	defer s.unwatch(w)
	children := make([]Inode, 0, l.Inode.Children)
	for after, full := "", true; full; {
		before := len(children)
		err := s.read(func(t *tree) error {
			children = t.appendChildren(children, dir, after, s.options.listPage)
			return nil
		})
		if err != nil {
			return false, err
		}
		if full = len(children)-before == s.options.listPage; full {
			after = children[len(children)-1].Name
		}
		s.options.between()
	}
	// Each turn reads what has changed by then. More and more at once: however
	// fast commands are, there is a last turn, and the listing is of its instant.
	changes := make(map[string]*Inode)
	last, replaced := false, false
	for limit := s.options.listPage; !last; limit *= 2 {
		err := s.read(func(t *tree) error {
			w.take(t, limit, changes)
			replaced = w.replaced
			if last = replaced || len(w.changed) == 0; last {
				l.look(t, l.Path)
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		if !last {
			s.options.between()
		}
	}
	switch {
	case l.Inode == nil || !l.Inode.Dir:
		return true, nil
	case replaced || l.Inode.ID != dir:
		return false, nil
	}
	l.Children = merge(children, changes)
	return true, nil
}

// merge is the list with the changes made; both are by name.
func merge(list []Inode, changes map[string]*Inode) []Inode {
	if len(changes) == 0 {
		return list
	}
	merged := make([]Inode, 0, len(list)+len(changes))
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		at, known := sort.Find(len(list), func(i int) int { return strings.Compare(name, list[i].Name) })
		merged = append(merged, list[:at]...)
		if n := changes[name]; n != nil {
			merged = append(merged, *n)
		}
		if known {
			at++
		}
		list = list[at:]
	}
	return append(merged, list...)
}
