package metastore

import "strings"

// Resolution is what is known of a path.
type Resolution struct {
	Path  string // in its one spelling
	Inode *Inode // nil: nothing is known of it
	// Deepest is the inode itself or its nearest ancestor that is known. When it
	// is a file or a link, the path leads through it to nowhere.
	Deepest     Inode
	DeepestPath string
	// Mount is the deepest mount that the path is in; zero if "/" is not mounted.
	Mount Mount
	// UFSPath is the mount's UFS, a slash and Rel, in plain bytes: escaping is the
	// UFS's business. It is "" without a mount.
	UFSPath string
	// Rel is the path within the mount, without leading slash; "" is its root.
	Rel string
}

// Resolve looks a path up, whether it exists or not. It fails for what cannot be
// a path: EINVAL if it is relative, has "..", or a NUL byte; ENAMETOOLONG if it
// or one of its names is too long.
func (s *Store) Resolve(path string) (Resolution, error) {
	clean, err := CleanPath("resolve", path)
	if err != nil {
		return Resolution{}, err
	}
	var r Resolution
	err = s.read(func(t *tree) error {
		r = t.resolve(clean)
		return nil
	})
	if err != nil {
		return Resolution{}, err
	}
	return r.inMount(), nil
}

// resolve looks a clean path up. What is in the mount's terms is left to inMount.
func (t *tree) resolve(clean string) Resolution {
	f := t.walk(clean)
	r := Resolution{Path: clean, Deepest: *f.deepest, DeepestPath: f.deepestPath, Mount: t.s.mu.mounts.nearest(clean)}
	if f.inode != nil {
		own := *f.inode // the cache's inodes are not given away
		r.Inode = &own
	}
	return r
}

// Absent is the error of an operation on a path of which nothing is known: ENOENT, or
// ENOTDIR if it leads through a symbolic link.
func (r Resolution) Absent(op string) error {
	return errAbsent(op, r.Path, r.DeepestPath, &r.Deepest)
}

func (r Resolution) inMount() Resolution {
	if r.Mount.ID != 0 {
		r.Rel = relative(r.Path, r.Mount.Path)
		r.UFSPath = r.Mount.ufsPath(r.Rel)
	}
	return r
}

// found is where a walk along a path ended.
type found struct {
	path        string // clean
	inode       *Inode // nil if it does not exist
	deepest     *Inode
	deepestPath string
}

// walk follows a clean path from the root as far as it goes.
func (t *tree) walk(clean string) found {
	f := found{path: clean, deepest: t.root(), deepestPath: "/"}
	if clean == "/" {
		f.inode = f.deepest
		return f
	}
	at := 1
	for {
		end := len(clean)
		if slash := strings.IndexByte(clean[at:], '/'); slash >= 0 {
			end = at + slash
		}
		n := t.child(f.deepest.ID, clean[at:end]) // a file has none
		if n == nil {
			return f
		}
		f.deepest, f.deepestPath = n, clean[:end]
		if end == len(clean) {
			f.inode = n
			return f
		}
		at = end + 1
	}
}

// existing is the walk of a command to what must exist.
func (t *tree) existing(op, path string) (found, error) {
	clean, err := CleanPath(op, path)
	if err != nil {
		return found{}, err
	}
	f := t.walk(clean)
	if f.inode == nil {
		return found{}, errAbsent(op, clean, f.deepestPath, f.deepest)
	}
	return f, nil
}

// writable refuses paths under a read-only mount.
func (t *tree) writable(op, path string) error {
	if m := t.s.mu.mounts.nearest(path); m.ReadOnly {
		return errReadOnly(op, path, m)
	}
	return nil
}
