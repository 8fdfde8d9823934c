package metastore

import (
	"maps"
	"syscall"

	"goosefs/metastore/metapb"
)

// SetAttribute changes what is given and leaves the rest.
type SetAttribute struct {
	Header
	Path       string
	IfID       int64 // if not 0: ESTALE unless the path has this id
	Mode       *uint32
	Owner      *string
	Group      *string
	ModTime    *int64
	AccessTime *int64
	// Persistence and Version are of one inode: not Recursive. A directory can
	// only become Persisted.
	Persistence *Persistence
	Version     *string
	Recursive   bool // all below a directory too, also through mount points

	SetXattr    map[string][]byte
	RemoveXattr []string // names that are not there are no error
}

// Encode is the command as the log holds it.
func (c SetAttribute) Encode() []byte { return encode(c) }

func (c SetAttribute) name() string { return "setattr" }

func (c SetAttribute) fill(m *metapb.Command) {
	m.Body = &metapb.Command_SetAttribute{SetAttribute: &metapb.SetAttribute{
		Path: c.Path, IfId: c.IfID, Mode: c.Mode, Owner: c.Owner, Group: c.Group,
		ModTime: c.ModTime, AccessTime: c.AccessTime,
		Persistence: converted[metapb.Persistence](c.Persistence), ObjectVersion: c.Version,
		Recursive: c.Recursive, SetXattr: pairs(c.SetXattr), RemoveXattr: c.RemoveXattr,
	}}
}

func setAttributeOf(h Header, m *metapb.SetAttribute) SetAttribute {
	c := SetAttribute{
		Header: h, Path: m.Path, IfID: m.IfId, Mode: m.Mode, Owner: m.Owner, Group: m.Group,
		ModTime: m.ModTime, AccessTime: m.AccessTime,
		Persistence: converted[Persistence](m.Persistence), Version: m.ObjectVersion,
		Recursive: m.Recursive, RemoveXattr: m.RemoveXattr,
	}
	if len(m.SetXattr) > 0 {
		c.SetXattr = make(map[string][]byte, len(m.SetXattr))
		for _, p := range m.SetXattr {
			c.SetXattr[p.Name] = p.Value
		}
	}
	return c
}

// converted is an optional persistence in the other of its two types.
func converted[To, From Persistence | metapb.Persistence](p *From) *To {
	if p == nil {
		return nil
	}
	to := To(*p)
	return &to
}

func (c SetAttribute) apply(t *tree) (*Result, error) {
	f, err := t.existing(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(t, f); err != nil {
		return nil, err
	}
	n := c.changed(f.inode)
	if err = c.roomForXattrs(n, f.path); err == nil && c.Recursive && len(c.SetXattr) > 0 { // all must have room, before any gets it
		err = t.eachBelow(f.inode, func(below *Inode) error { return c.roomForXattrs(c.changed(below), f.path) })
	}
	if err != nil {
		return nil, err
	}
	if c.Persistence != nil && *c.Persistence == Persisted && n.ID != RootID {
		t.persistUp(n.ParentID)
	}
	t.update(n)
	if c.Recursive {
		err = t.eachBelow(n, func(below *Inode) error {
			t.update(c.changed(below))
			return nil
		})
	}
	return &Result{Inode: *n, Path: f.path}, err
}

func (c SetAttribute) allowed(t *tree, f found) error {
	single := c.Persistence != nil || c.Version != nil
	switch {
	case c.IfID != 0 && c.IfID != f.inode.ID:
		return errStale(c.name(), f.path, f.inode.ID, c.IfID)
	case single && c.Recursive:
		return errorf(c.name(), f.path, syscall.EINVAL, "The persistence of %s cannot be set recursively", f.path)
	case c.Persistence != nil && *c.Persistence > Lost,
		c.Persistence != nil && *c.Persistence != Persisted && f.inode.Dir:
		return errorf(c.name(), f.path, syscall.EINVAL, "%s cannot become %s", f.path, *c.Persistence)
	case single && f.inode.Symlink != "":
		return errorf(c.name(), f.path, syscall.EINVAL, "Symbolic link %s cannot be in the under file system", f.path)
	case c.Version != nil && f.inode.Dir:
		return errIsDir(c.name(), f.path)
	}
	if c.Recursive {
		for _, m := range t.s.mu.mounts.below(f.path) {
			if err := t.writable(c.name(), m.Path); err != nil {
				return err
			}
		}
	}
	if err := c.checkXattr(f.path); err != nil {
		return err
	}
	return t.writable(c.name(), f.path)
}

// eachBelow calls fn with all that is below a directory, until it fails. fn may update
// that inode, and nothing else.
func (t *tree) eachBelow(dir *Inode, fn func(*Inode) error) error {
	const pageSize = 1000
	dirs := []int64{dir.ID}
	for len(dirs) > 0 {
		id := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		after := ""
		for {
			page := t.page(id, after, pageSize)
			for _, n := range page {
				if err := fn(n); err != nil {
					return err
				}
				if n.Dir {
					dirs = append(dirs, n.ID)
				}
				after = n.Name
			}
			if len(page) < pageSize {
				break
			}
		}
	}
	return nil
}

// changed is a copy of the inode with the changes made.
func (c SetAttribute) changed(old *Inode) *Inode {
	n := *old
	if c.Mode != nil {
		n.Mode = *c.Mode & modeBits
	}
	setIf(&n.Owner, c.Owner)
	setIf(&n.Group, c.Group)
	setIf(&n.ModTime, c.ModTime)
	setIf(&n.AccessTime, c.AccessTime)
	setIf(&n.Persistence, c.Persistence)
	setIf(&n.Version, c.Version)
	if len(c.SetXattr) > 0 || len(c.RemoveXattr) > 0 {
		n.Xattr = make(map[string][]byte, len(old.Xattr)+len(c.SetXattr))
		maps.Copy(n.Xattr, old.Xattr)
		maps.Copy(n.Xattr, c.SetXattr)
		for _, name := range c.RemoveXattr {
			delete(n.Xattr, name)
		}
	}
	return &n
}

func setIf[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
