package metastore

import (
	"path"
	"syscall"

	"goosefs/metastore/metapb"
)

// Rename gives a file or directory, with all that is in it, another path. Ids
// stay. Nothing is replaced: a Dst that exists is EEXIST.
type Rename struct {
	Header
	Src, Dst string
	IfID     int64 // if not 0: ESTALE unless Src has this id
	// Version, if not empty, is what a file's version is called in the under file system now that it was moved there. Its
	// bytes are the same, and so is its id.
	Version string
}

// Encode is the command as the log holds it.
func (c Rename) Encode() []byte { return encode(c) }

func (c Rename) name() string { return "rename" }

func (c Rename) fill(m *metapb.Command) {
	m.Body = &metapb.Command_Rename{Rename: &metapb.Rename{Src: c.Src, Dst: c.Dst, IfId: c.IfID, Version: c.Version}}
}

func renameOf(h Header, m *metapb.Rename) Rename {
	return Rename{Header: h, Src: m.Src, Dst: m.Dst, IfID: m.IfId, Version: m.Version}
}

func (c Rename) apply(t *tree) (*Result, error) {
	src, err := t.existing(c.name(), c.Src)
	if err != nil {
		return nil, err
	}
	dst, err := CleanPath(c.name(), c.Dst)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(t, src, dst); err != nil {
		return nil, err
	}
	to, err := t.vacancyAt(c.name(), dst, false)
	if err != nil {
		return nil, err
	}
	moving := *src.inode
	if c.Version != "" && !moving.Dir {
		moving.Version = c.Version
	}
	n := t.move(&moving, to.dir.ID, to.name())
	if n.Persistence == Persisted {
		t.persistUp(n.ParentID)
	}
	if from := src.inode.ParentID; from == n.ParentID {
		t.touchDir(from, 0)
	} else {
		t.touchDir(from, -1)
		t.touchDir(n.ParentID, 1)
	}
	return &Result{Inode: *n, Path: to.path}, nil
}

// allowed is what Src and the two paths together allow.
func (c Rename) allowed(t *tree, src found, dst string) error {
	table := t.s.mu.mounts
	below := table.below(src.path)
	switch {
	case c.IfID != 0 && c.IfID != src.inode.ID:
		return errStale(c.name(), src.path, src.inode.ID, c.IfID)
	case src.inode.ID == RootID:
		return errorf(c.name(), src.path, syscall.EINVAL, "Cannot rename the root directory to %s", dst)
	case dst != src.path && inside(dst, src.path):
		return errorf(c.name(), src.path, syscall.EINVAL, "Cannot rename %s to %s: it is inside", src.path, dst)
	case src.inode.MountID != 0:
		return errorf(c.name(), src.path, syscall.EBUSY, "Cannot rename mount point %s to %s", src.path, dst)
	case len(below) > 0:
		return errorf(c.name(), src.path, syscall.EBUSY, "Cannot rename %s to %s: it contains mount point %s",
			src.path, dst, below[0].Path)
	// The mount of Dst is that of its parent: Dst itself may be a mount point,
	// which is in the way and not a way out.
	case table.nearest(src.path).ID != table.nearest(path.Dir(dst)).ID:
		return errorf(c.name(), src.path, syscall.EXDEV, "Renaming %s to %s is a cross mount operation", src.path, dst)
	}
	return t.writable(c.name(), src.path)
}
