package metastore

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
)

// listPage is how many inodes are read in one go while Apply waits.
const listPage = 1000

// Get returns the inode of an id, and its path. ENOENT if there is none, or none
// any more.
func (s *Store) Get(id int64) (n Inode, path string, err error) {
	err = s.read(func(t *tree) error {
		found := t.inode(id)
		if found == nil {
			return errNoInode("get", id)
		}
		var ok bool
		if path, ok = t.pathOf(found); !ok {
			return errNoInode("get", id)
		}
		n = *found
		return nil
	})
	return n, path, err
}

// List returns the children of a directory whose names come after the given one
// ("" for all), sorted by name (by bytes), at most limit of them if it is not 0.
// A list that is shorter than limit is the last. Between two calls the directory
// may change, and between the pages that a call reads: [Store.Listing] is of one
// state.
func (s *Store) List(dir int64, after string, limit int) ([]Inode, error) {
	var list []Inode
	for {
		want, before := listPage, len(list)
		if limit > 0 {
			want = min(listPage, limit-before)
		}
		var err error
		if list, err = s.appendPage(list, dir, after, want); err != nil {
			return nil, err
		}
		if len(list)-before < want || len(list) == limit {
			return list, nil
		}
		after = list[len(list)-1].Name
	}
}

func (s *Store) appendPage(list []Inode, dir int64, after string, limit int) ([]Inode, error) {
	err := s.read(func(t *tree) error {
		n := t.inode(dir)
		if n == nil {
			return errNoInode("list", dir)
		}
		path, ok := t.pathOf(n)
		switch {
		case !ok:
			return errNoInode("list", dir)
		case !n.Dir:
			return errNotDir("list", path, path)
		}
		list = slices.Grow(list, int(min(int64(limit), max(0, n.Children-int64(len(list))))))
		list = t.appendChildren(list, dir, after, limit)
		return nil
	})
	return list, err
}

// Count returns how many files and directories are known below a path, and their
// bytes. The path itself counts if it is a file. It goes by pages, so what
// changes meanwhile may or may not be counted.
func (s *Store) Count(path string) (files, dirs, bytes int64, err error) {
	r, err := s.Resolve(path)
	if err != nil {
		return 0, 0, 0, err
	}
	if r.Inode == nil {
		return 0, 0, 0, errNotExist("count", r.Path)
	}
	if !r.Inode.Dir {
		return 1, 0, r.Inode.Length, nil
	}
	return s.countBelow(r.Inode.ID)
}

func (s *Store) countBelow(dir int64) (files, dirs, bytes int64, err error) {
	var page []Inode
	todo := []int64{dir}
	for len(todo) > 0 {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for after := ""; ; {
			page, err = s.appendPage(page[:0], dir, after, listPage)
			if errors.Is(err, fs.ErrNotExist) {
				break // it was deleted meanwhile
			}
			if err != nil {
				return 0, 0, 0, err
			}
			for _, n := range page {
				after = n.Name
				if n.Dir {
					dirs++
					todo = append(todo, n.ID)
				} else {
					files++
					bytes += n.Length
				}
			}
			if len(page) < listPage {
				break
			}
		}
	}
	return files, dirs, bytes, nil
}

func errNoInode(op string, id int64) *Error {
	return errorf(op, "", syscall.ENOENT, "File id %d does not exist.", id)
}
