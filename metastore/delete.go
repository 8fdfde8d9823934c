package metastore

import (
	"syscall"

	"goosefs/metastore/metapb"
)

// Delete takes a file or directory out of the namespace. Its Result has the
// Inode as it was, and the removed files.
type Delete struct {
	Header
	Path      string
	IfID      int64 // if not 0: ESTALE unless the path has this id
	Recursive bool  // with all that is in it; else ENOTEMPTY if there is anything
	// GoosefsOnly: the UFS keeps it. It may be under a read-only mount then, and
	// is found again when its directory is next loaded.
	GoosefsOnly bool
}

// Encode is the command as the log holds it.
func (c Delete) Encode() []byte { return encode(c) }

func (c Delete) name() string { return "delete" }

func (c Delete) fill(m *metapb.Command) {
	m.Body = &metapb.Command_Delete{Delete: &metapb.Delete{
		Path: c.Path, IfId: c.IfID, Recursive: c.Recursive, GoosefsOnly: c.GoosefsOnly,
	}}
}

func deleteOf(h Header, m *metapb.Delete) Delete {
	return Delete{Header: h, Path: m.Path, IfID: m.IfId, Recursive: m.Recursive, GoosefsOnly: m.GoosefsOnly}
}

func (c Delete) apply(t *tree) (*Result, error) {
	f, err := t.existing(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(t, f); err != nil {
		return nil, err
	}
	t.discard(f.inode)
	t.touchDir(f.inode.ParentID, -1)
	if c.GoosefsOnly {
		t.unload(f.inode.ParentID)
	}
	return &Result{Inode: *f.inode, Path: f.path}, nil
}

func (c Delete) allowed(t *tree, f found) error {
	n := f.inode
	switch below := t.s.mu.mounts.below(f.path); {
	case n.ID == RootID:
		return errorf(c.name(), f.path, syscall.EINVAL, "Cannot delete the root directory")
	case n.MountID != 0:
		return errorf(c.name(), f.path, syscall.EBUSY, "Cannot delete mount point %s", f.path)
	case len(below) > 0:
		return errorf(c.name(), f.path, syscall.EBUSY, "Cannot delete %s: it contains mount point %s", f.path, below[0].Path)
	case c.IfID != 0 && c.IfID != n.ID:
		return errStale(c.name(), f.path, n.ID, c.IfID)
	}
	if !c.GoosefsOnly {
		if err := t.writable(c.name(), f.path); err != nil {
			return err
		}
	}
	if n.Children > 0 && !c.Recursive {
		return errorf(c.name(), f.path, syscall.ENOTEMPTY, "Directory %s is not empty", f.path)
	}
	return nil
}

// discard takes an inode and all below it away. The parent's record is the
// caller's to update.
func (t *tree) discard(n *Inode) {
	if n.Children > 0 {
		t.trash(n)
	} else {
		t.forget(n)
	}
}

// unload makes a directory be read from the UFS again.
func (t *tree) unload(id int64) {
	dir := *t.inode(id)
	dir.ChildrenLoaded, dir.SyncTime = false, 0
	t.update(&dir)
}
