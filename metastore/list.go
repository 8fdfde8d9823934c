package metastore

import (
	"errors"
	"io/fs"
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
// may change.
func (s *Store) List(dir int64, after string, limit int) ([]Inode, error) {
	var list []Inode
	for {
		want := listPage
		if limit > 0 {
			want = min(listPage, limit-len(list))
		}
		page, err := s.listPage(dir, after, want)
		if err != nil {
			return nil, err
		}
		for _, n := range page {
			list = append(list, *n)
		}
		if len(page) < want || len(list) == limit {
			return list, nil
		}
		after = page[len(page)-1].Name
	}
}

func (s *Store) listPage(dir int64, after string, limit int) (page []*Inode, err error) {
	err = s.read(func(t *tree) error {
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
		page = t.page(dir, after, limit)
		return nil
	})
	return page, err
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
	todo := []int64{dir}
	for len(todo) > 0 {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for after := ""; ; {
			page, err := s.listPage(dir, after, listPage)
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
