package metastore

import (
	"maps"
	"path"
	"slices"
)

// Stats are a store's numbers.
type Stats struct {
	Files, Dirs int64 // what is deleted but not yet reaped among them
	Trash       int64 // deleted trees that are not yet reaped
	Mounts      int
	Commands    uint64 // ever applied
	Applied     uint64 // log index of what can be seen
	Durable     uint64 // log index of what is in the database
	Pending     int    // changed records that are not
	// NextContainer is more than that of any id.
	NextContainer int64
	DatabaseBytes int64
}

// Stats returns the numbers as they are now.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.mu.state
	stats := Stats{
		Files: st.files, Dirs: st.dirs, Trash: st.trash, Mounts: len(s.mu.mounts),
		Commands: st.commands, Applied: st.applied, Durable: s.mu.durable,
		Pending: s.mu.active.len(), NextContainer: st.nextContainer,
	}
	if s.mu.frozen != nil {
		stats.Pending += s.mu.frozen.len()
	}
	if !s.mu.closed {
		t := s.treeLocked()
		defer t.close()
		stats.DatabaseBytes = t.transaction().Size()
	}
	return stats
}

// Mounts returns all mounts, by path.
func (s *Store) Mounts() []Mount {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Mount
	for _, path := range slices.Sorted(maps.Keys(s.mu.mounts)) {
		list = append(list, s.mu.mounts[path])
	}
	return list
}

// MountAt is the deepest mount that an absolute path is in, whether anything is
// there or not; zero if there is none.
func (s *Store) MountAt(p string) Mount {
	p = path.Clean("/" + p)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.mounts.nearest(p)
}
