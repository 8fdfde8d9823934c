package metastore

import (
	"cmp"
	"strings"
	"syscall"

	"goosefs/metastore/metapb"
)

// AddMount mounts an under file system. The mount point must not exist, or be an
// empty directory; its parent must. It may be inside another mount, also a
// read-only one. Its Result has the Mount and the mount point's Inode.
type AddMount struct {
	Header
	Path     string
	UFS      string // URI of a directory
	ReadOnly bool
	// Shared: the UFS may be, be in, or contain that of another mount.
	Shared  bool
	Options map[string]string
	Secrets []string // names of options whose values are not to be shown

	Write WritePolicy
	Read  ReadPolicy
}

// Encode is the command as the log holds it.
func (c AddMount) Encode() []byte { return encode(c) }

func (c AddMount) name() string { return "mount" }

func (c AddMount) fill(m *metapb.Command) {
	m.Body = &metapb.Command_AddMount{AddMount: &metapb.AddMount{
		Path: c.Path, Ufs: c.UFS, ReadOnly: c.ReadOnly, Shared: c.Shared, Options: optionPairs(c.Options),
		Secrets: c.Secrets, WritePolicy: metapb.WritePolicy(c.Write), ReadPolicy: metapb.ReadPolicy(c.Read),
	}}
}

func addMountOf(h Header, m *metapb.AddMount) AddMount {
	return AddMount{Header: h, Path: m.Path, UFS: m.Ufs, ReadOnly: m.ReadOnly, Shared: m.Shared,
		Options: optionsOf(m.Options), Secrets: m.Secrets,
		Write: *convertedTo[WritePolicy](&m.WritePolicy), Read: *convertedTo[ReadPolicy](&m.ReadPolicy)}
}

func (c AddMount) apply(t *tree) (*Result, error) {
	clean, err := CleanPath(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	f := t.walk(clean)
	if err := c.allowed(t, f); err != nil {
		return nil, err
	}
	m := Mount{ID: t.s.mu.state.nextMount, Path: clean, UFS: c.UFS,
		ReadOnly: c.ReadOnly, Shared: c.Shared, Options: c.Options, Secrets: secretsAmong(c.Options, c.Secrets),
		Policy: Policy{Write: c.Write, Read: c.Read}}
	if err := policyAllowed(c.name(), m); err != nil {
		return nil, err
	}
	t.s.mu.state.nextMount++
	t.setMount(m)
	n := c.mountPoint(t, f)
	n.MountID = m.ID
	t.update(n)
	return &Result{Inode: *n, Path: clean, Mount: m}, nil
}

func (c AddMount) allowed(t *tree, f found) error {
	table := t.s.mu.mounts
	if m, ok := table[f.path]; ok {
		return errorf(c.name(), f.path, syscall.EEXIST, "Mount point %s already exists: it shows %s", f.path, m.UFS)
	}
	if c.UFS == "" {
		return errorf(c.name(), f.path, syscall.EINVAL, "Nothing to mount at %s: the UFS path is empty", f.path)
	}
	if other, ok := table.overlap(c.UFS); ok && !c.Shared {
		return errorf(c.name(), f.path, syscall.EEXIST,
			"UFS path %s overlaps with %s, which is mounted at %s; mount it as shared to allow that",
			c.UFS, other.UFS, other.Path)
	}
	switch {
	case f.inode != nil && (!f.inode.Dir || f.inode.Children > 0):
		return errExists(c.name(), f.path)
	case f.inode == nil && !f.deepest.Dir:
		return errThrough(c.name(), f.path, f.deepestPath, f.deepest)
	case f.inode == nil && strings.Contains(relative(f.path, f.deepestPath), "/"):
		return errNotExist(c.name(), f.path[:strings.LastIndexByte(f.path, '/')])
	}
	return nil
}

// mountPoint makes the directory, or makes the empty one that is there as good
// as new. It gets a new id, so that what was under way for the old one ends with
// ESTALE; "/" keeps its own.
func (c AddMount) mountPoint(t *tree, f found) *Inode {
	if f.inode == nil {
		return t.makeDir(f.deepest.ID, relative(f.path, f.deepestPath), 0, true)
	}
	n := t.newInode(f.inode.ParentID, f.inode.Name)
	if f.inode.ID == RootID {
		n.ID = RootID
	}
	n.Dir, n.Completed, n.Persistence = true, true, Persisted
	n.Mode, n.Xattr = f.inode.Mode, f.inode.Xattr
	n.ACL, n.DefaultACL = f.inode.ACL, f.inode.DefaultACL
	n.Owner, n.Group = cmp.Or(n.Owner, f.inode.Owner), cmp.Or(n.Group, f.inode.Group)
	return n
}
