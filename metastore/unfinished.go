package metastore

import (
	"context"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// unfinished are the files that a leader has to look after: those that are being written, and those that are to be brought
// into the under file system. They are what the inodes say, so they need no record of their own: the set is kept up by
// every change, and what the database held before is found by one walk through it, when first somebody asks.
type unfinished struct {
	files map[int64]struct{} // by id
	known bool               // the walk is over
}

func (n *Inode) unfinished() bool {
	return !n.Dir && (!n.Completed || n.Persistence == ToBePersisted)
}

func (u *unfinished) account(n *Inode, sign int64) {
	if !n.unfinished() {
		return
	}
	if sign < 0 {
		delete(u.files, n.ID)
		return
	}
	if u.files == nil {
		u.files = make(map[int64]struct{})
	}
	u.files[n.ID] = struct{}{}
}

// unfinishedPage is how many inodes are looked at while commands wait.
const unfinishedPage = 2000

// Unfinished lists the ids of the files that are not complete or are ToBePersisted, in rising order, those of deleted
// trees that wait to be reaped among them. It does not change while it is made only if no command is applied.
func (s *Store) Unfinished(ctx context.Context) ([]int64, error) {
	for after := string(rune(entries)); ; {
		s.mu.RLock()
		known, ids := s.mu.unfinished.known || s.mu.state.unpersisted == 0, slices.Sorted(maps.Keys(s.mu.unfinished.files))
		s.mu.RUnlock()
		if known {
			return ids, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var found []int64
		var db *bbolt.DB
		looked := 0
		err := s.read(func(t *tree) error {
			db = t.s.mu.db
			for key, raw := range t.scan(string(rune(entries)), after) {
				parent, name := splitEntryKey(key)
				if n := decodeInode(parent, name, raw, nil); n.unfinished() {
					found = append(found, n.ID)
				}
				after = key
				if looked++; looked == unfinishedPage {
					break
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !s.learn(db, found, looked < unfinishedPage) {
			after = string(rune(entries)) // a Restore replaced it: begin again
		}
	}
}

// learn takes in files that a walk through the database found unfinished, if they still are. It is false if the store has
// another database by now.
func (s *Store) learn(db *bbolt.DB, files []int64, last bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.db != db || s.mu.closed {
		return false
	}
	t := s.treeLocked()
	defer t.close()
	for _, id := range files {
		if n := t.inode(id); n != nil {
			s.mu.unfinished.account(n, 1)
		}
	}
	s.mu.unfinished.known = s.mu.unfinished.known || last
	return true
}
