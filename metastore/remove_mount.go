package metastore

import (
	"syscall"

	"goosefs/metastore/metapb"
)

// RemoveMount unmounts: the mount point and all that is under it leave the
// namespace. The UFS is not touched. Its Result has the Mount and the removed
// files.
type RemoveMount struct {
	Header
	Path string
}

// Encode is the command as the log holds it.
func (c RemoveMount) Encode() []byte { return encode(c) }

func (c RemoveMount) name() string { return "unmount" }

func (c RemoveMount) fill(m *metapb.Command) {
	m.Body = &metapb.Command_RemoveMount{RemoveMount: &metapb.RemoveMount{Path: c.Path}}
}

func removeMountOf(h Header, m *metapb.RemoveMount) RemoveMount {
	return RemoveMount{Header: h, Path: m.Path}
}

func (c RemoveMount) apply(t *tree) (*Result, error) {
	f, m, err := t.existingMount(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	if f.path == "/" {
		return nil, errorf(c.name(), f.path, syscall.EINVAL, "Cannot unmount the root mount point")
	}
	if below := t.s.mu.mounts.below(f.path); len(below) > 0 {
		return nil, errorf(c.name(), f.path, syscall.EBUSY,
			"Cannot unmount %s: it contains mount point %s", f.path, below[0].Path)
	}
	t.removeMount(m)
	t.discard(f.inode)
	t.touchDir(f.inode.ParentID, -1)
	// The mount may have hidden a directory of the mount around it.
	t.unload(f.inode.ParentID)
	return &Result{Inode: *f.inode, Path: f.path, Mount: m}, nil
}

// existingMount is the mount at a path, which must be one.
func (t *tree) existingMount(op, path string) (found, Mount, error) {
	f, err := t.existing(op, path)
	if err != nil {
		return found{}, Mount{}, err
	}
	m, ok := t.s.mu.mounts[f.path]
	if !ok {
		return found{}, Mount{}, errorf(op, f.path, syscall.EINVAL, "%s is not a mount point", f.path)
	}
	return f, m, nil
}
