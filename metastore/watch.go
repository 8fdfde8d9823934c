package metastore

import "slices"

// watch notes which children of a directory change while somebody lists it.
// Commands add to it; the one who lists takes away. Store.mu orders the two.
type watch struct {
	dir     int64
	changed map[string]struct{} // by name: came, went, or is another record
	// replaced: the whole state is another one. What changed is not noted.
	replaced bool
}

// watches are those under way, by directory. Mostly there is none.
type watches map[int64][]*watch

// note is told of every record that is written.
func (w watches) note(key string) {
	if len(w) > 0 {
		w.noteEntry(key)
	}
}

func (w watches) noteEntry(key string) {
	if space(key[0]) != entries {
		return
	}
	dir, name := splitEntryKey(key)
	for _, one := range w[dir] {
		one.changed[name] = struct{}{}
	}
}

// replace notes that the state was replaced.
func (w watches) replace() {
	for _, list := range w {
		for _, one := range list {
			one.replaced = true
		}
	}
}

// watch begins to note changes in a directory.
func (s *Store) watch(dir int64) *watch {
	w := &watch{dir: dir, changed: make(map[string]struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.watches == nil {
		s.mu.watches = make(watches)
	}
	s.mu.watches[dir] = append(s.mu.watches[dir], w)
	return w
}

func (s *Store) unwatch(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(s.mu.watches[w.dir], func(other *watch) bool { return other == w })
	if len(rest) > 0 {
		s.mu.watches[w.dir] = rest
	} else {
		delete(s.mu.watches, w.dir)
	}
}

// take gives at most limit of the changed children as they are now, nil for one
// that is gone, to into. None that it gives has changed until it is noted anew.
func (w *watch) take(t *tree, limit int, into map[string]*Inode) {
	for name := range w.changed {
		if limit == 0 {
			return
		}
		limit--
		into[name] = t.child(w.dir, name)
		delete(w.changed, name)
	}
}
