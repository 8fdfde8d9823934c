package metastore

import (
	"slices"
	"syscall"

	"goosefs/metastore/metapb"
)

// ACLAction is what is done to an access control list.
type ACLAction uint8

// The numbers are those of metapb.ACLAction. Do not reorder.
const (
	ACLReplace       ACLAction = iota // the entries are the list
	ACLModify                         // the entries come, or take the places of those about the same
	ACLRemove                         // the entries go, whatever their rights
	ACLRemoveAll                      // all go that a mode cannot say, and the default list
	ACLRemoveDefault                  // the default list goes
)

// SetACL changes the access control list of a path, and its default list, which what is
// made in a directory inherits. A list is changed only if an entry is about it. Its
// Result has the Inode.
//
// The rules are those of POSIX (1003.1e draft 17) and setfacl: a list has an owner, an
// owning group and others; the mask is what all named ones and the group have together,
// unless the entries give one; a default list begins with what the access list says of
// owner, group and others.
type SetACL struct {
	Header
	Path      string
	IfID      int64 // if not 0: ESTALE unless the path has this id
	Action    ACLAction
	Entries   []ACLEntry
	Recursive bool // all below a directory too, also through mount points; default entries are for directories, links have no list
}

// Encode is the command as the log holds it.
func (c SetACL) Encode() []byte { return encode(c) }

func (c SetACL) name() string { return "setacl" }

func (c SetACL) fill(m *metapb.Command) {
	m.Body = &metapb.Command_SetAcl{SetAcl: &metapb.SetACL{
		Path: c.Path, IfId: c.IfID, Action: metapb.ACLAction(c.Action), Entries: aclRecords(c.Entries), Recursive: c.Recursive,
	}}
}

func setACLOf(h Header, m *metapb.SetACL) SetACL {
	return SetACL{Header: h, Path: m.Path, IfID: m.IfId, Action: ACLAction(min(uint32(m.Action), noACLKind)), Entries: aclOf(m.Entries), Recursive: m.Recursive}
}

func (c SetACL) apply(t *tree) (*Result, error) {
	f, err := t.existing(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(t, f); err != nil {
		return nil, err
	}
	n, err := c.changed(f.inode, f.path)
	if err == nil && c.Recursive { // all must have room for it, before any gets it
		err = t.eachBelow(f.inode, func(below *Inode) error {
			_, err := c.changed(below, f.path)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	t.update(n)
	if c.Recursive {
		err = t.eachBelow(n, func(below *Inode) error {
			changed, err := c.changed(below, f.path)
			if err == nil {
				t.update(changed)
			}
			return err
		})
	}
	return &Result{Inode: *n, Path: f.path}, err
}

func (c SetACL) allowed(t *tree, f found) error {
	switch {
	case c.IfID != 0 && c.IfID != f.inode.ID:
		return errStale(c.name(), f.path, f.inode.ID, c.IfID)
	case f.inode.Symlink != "":
		return errACL(c.name(), f.path, "it is a symbolic link, which has none")
	}
	if err := c.check(f.path); err != nil {
		return err
	}
	isDefault := slices.ContainsFunc(c.Entries, func(e ACLEntry) bool { return e.Default })
	if !f.inode.Dir && (isDefault || c.Action == ACLRemoveDefault) {
		return errACL(c.name(), f.path, "only a directory has default entries, and it is a file")
	}
	if c.Recursive {
		for _, m := range t.s.mu.mounts.below(f.path) {
			if err := t.writable(c.name(), m.Path); err != nil {
				return err
			}
		}
	}
	return t.writable(c.name(), f.path)
}

// check is what is wrong with the command, wherever it is applied.
func (c SetACL) check(path string) error {
	switch whole := c.Action == ACLRemoveAll || c.Action == ACLRemoveDefault; {
	case c.Action > ACLRemoveDefault:
		return errACL(c.name(), path, "there is no action %d", c.Action)
	case whole && len(c.Entries) > 0:
		return errACL(c.name(), path, "to remove all takes no entries, and there are %d", len(c.Entries))
	case !whole && len(c.Entries) == 0:
		return errACL(c.name(), path, "there are no entries")
	}
	for i, e := range c.Entries {
		if what := checkACLEntry(e); what != "" {
			return errACL(c.name(), path, "entry %d %s", i+1, what)
		}
		if slices.ContainsFunc(c.Entries[:i], func(other ACLEntry) bool { return sameSubject(e, other) }) {
			return errACL(c.name(), path, "entry %d is about the same as one before", i+1)
		}
		base := e.Kind == ACLOwner || e.Kind == ACLOwningGroup || e.Kind == ACLOther
		if c.Action == ACLRemove && base {
			return errACL(c.name(), path, "entry %d is of owner, group or others, which cannot be removed", i+1)
		}
	}
	access := c.about(false)
	if c.Action == ACLReplace && len(access) > 0 && !(hasKind(access, ACLOwner) && hasKind(access, ACLOwningGroup) && hasKind(access, ACLOther)) {
		return errACL(c.name(), path, "the entries of owner, group and others are required: user::, group:: and other::")
	}
	return nil
}

// about are the entries about what is made in a directory, or about the path itself.
func (c SetACL) about(isDefault bool) (list []ACLEntry) {
	for _, e := range c.Entries {
		if e.Default == isDefault {
			list = append(list, e)
		}
	}
	return list
}

// changed is a copy of the inode with its lists changed. path is of the command.
func (c SetACL) changed(old *Inode, path string) (*Inode, error) {
	n := *old
	if n.Symlink != "" {
		return &n, nil
	}
	switch c.Action {
	case ACLRemoveAll:
		n.setFullACL(slices.DeleteFunc(n.FullACL(), func(e ACLEntry) bool {
			return e.Kind == ACLNamedUser || e.Kind == ACLNamedGroup || e.Kind == ACLMask
		}))
		n.DefaultACL = nil
		return &n, nil
	case ACLRemoveDefault:
		n.DefaultACL = nil
		return &n, nil
	}
	if entries := c.about(false); len(entries) > 0 {
		n.setFullACL(c.merged(n.FullACL(), entries))
	}
	if entries := c.about(true); len(entries) > 0 && n.Dir {
		n.DefaultACL = c.mergedDefault(&n, entries)
	}
	for _, list := range [][]ACLEntry{n.FullACL(), n.DefaultACL} {
		if len(list) > maxACL {
			return nil, errorf(c.name(), path, syscall.ENOSPC, "Invalid ACL for %s: a list of %d entries is longer than %d", path, len(list), maxACL)
		}
	}
	return &n, nil
}

// merged is a list with entries about the same done to it.
func (c SetACL) merged(list, entries []ACLEntry) []ACLEntry {
	switch c.Action {
	case ACLReplace:
		list = slices.Clone(entries)
	case ACLRemove:
		list = slices.DeleteFunc(slices.Clone(list), func(e ACLEntry) bool {
			return slices.ContainsFunc(entries, func(gone ACLEntry) bool { return sameSubject(e, gone) })
		})
		return settle(list, false)
	case ACLModify:
		list = slices.Clone(list)
		for _, e := range entries {
			list = withEntry(list, e)
		}
	}
	return settle(list, hasKind(entries, ACLMask))
}

// mergedDefault is merged for the default list. A new one begins as the access list has it.
func (c SetACL) mergedDefault(n *Inode, entries []ACLEntry) []ACLEntry {
	list := n.DefaultACL
	if c.Action == ACLRemove && len(list) == 0 {
		return nil
	}
	if c.Action == ACLReplace {
		list = entries
	}
	for _, e := range n.FullACL() {
		switch e.Kind {
		case ACLOwner, ACLOwningGroup, ACLOther:
			e.Default = true
			if !hasKind(list, e.Kind) {
				list = append(slices.Clone(list), e)
			}
		}
	}
	if c.Action == ACLReplace {
		return settle(slices.Clone(list), hasKind(entries, ACLMask))
	}
	return c.merged(list, entries)
}
