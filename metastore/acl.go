package metastore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"goosefs/metastore/metapb"
)

// ACLKind says whom an entry of an access control list is about. The order is that
// of a list.
type ACLKind uint8

// The numbers are those of metapb.ACLKind. Do not reorder.
const (
	ACLOwner ACLKind = iota
	ACLNamedUser
	ACLOwningGroup
	ACLNamedGroup
	ACLMask // the most that named users, and groups, can have
	ACLOther
)

// ACLEntry gives rights to somebody.
type ACLEntry struct {
	Kind    ACLKind
	Name    string // of a named user or group
	Rights  uint32 // rwx, as three bits of a mode
	Default bool   // about what is made in the directory, not about the directory
}

// maxACL is how many entries a list may have, and maxSubject the longest name in one.
const (
	maxACL     = 64
	maxSubject = 255
)

// noACLKind stands for kinds that there are not, which are refused.
const noACLKind = 255

// FullACL is all that the inode's access control list says: what the mode says and
// what n.ACL does, in the order of the kinds, and of names.
func (n *Inode) FullACL() []ACLEntry {
	list := []ACLEntry{{Kind: ACLOwner, Rights: n.Mode >> 6 & 7}}
	if len(n.ACL) == 0 {
		list = append(list, ACLEntry{Kind: ACLOwningGroup, Rights: n.Mode >> 3 & 7})
	} else {
		list = append(append(list, n.ACL...), ACLEntry{Kind: ACLMask, Rights: n.Mode >> 3 & 7})
	}
	return append(list, ACLEntry{Kind: ACLOther, Rights: n.Mode & 7})
}

// setFullACL is the inverse of FullACL: the mode takes what it can hold. As POSIX has
// it, its bits for the group are the mask, if there is one.
func (n *Inode) setFullACL(list []ACLEntry) {
	var bits [ACLOther + 1]uint32
	extended := false
	n.ACL = nil
	for _, e := range list {
		switch e.Kind {
		case ACLNamedUser, ACLNamedGroup, ACLOwningGroup:
			n.ACL = append(n.ACL, e)
		}
		extended = extended || e.Kind == ACLMask
		bits[e.Kind] = e.Rights
	}
	group := bits[ACLMask]
	if !extended {
		n.ACL, group = nil, bits[ACLOwningGroup]
	}
	n.Mode = n.Mode&^0o777 | bits[ACLOwner]<<6 | group<<3 | bits[ACLOther]
}

// inherit gives a new inode what its directory says about what is made in it. The
// mode that it was made with is the most that owner, group and others get.
func (n *Inode) inherit(dir *Inode) {
	if len(dir.DefaultACL) == 0 {
		return
	}
	if n.Dir {
		n.DefaultACL = dir.DefaultACL
	}
	list := slices.Clone(dir.DefaultACL)
	group := ACLOwningGroup
	if hasKind(list, ACLMask) {
		group = ACLMask
	}
	for i := range list {
		e := &list[i]
		e.Default = false
		switch e.Kind {
		case ACLOwner:
			e.Rights &= n.Mode >> 6
		case group:
			e.Rights &= n.Mode >> 3
		case ACLOther:
			e.Rights &= n.Mode
		}
	}
	n.setFullACL(list)
}

// keepACL gives the next version of a file the list of the one before. changed says that
// the under file system gave it a mode, which knows of owner, group and others, and
// nothing of those who are named: the mask stays.
func (n *Inode) keepACL(old *Inode, changed bool) {
	if n.ACL = old.ACL; len(n.ACL) == 0 || !changed {
		return
	}
	list := old.FullACL()
	for i := range list {
		e := &list[i]
		switch e.Kind {
		case ACLOwner:
			e.Rights = n.Mode >> 6 & 7
		case ACLOwningGroup:
			e.Rights = n.Mode >> 3 & 7
		case ACLOther:
			e.Rights = n.Mode & 7
		}
	}
	n.setFullACL(list)
}

// sameSubject says that two entries are about the same, and so cannot both be in a list.
func sameSubject(a, b ACLEntry) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.Default == b.Default
}

func hasKind(list []ACLEntry, kind ACLKind) bool {
	return slices.ContainsFunc(list, func(e ACLEntry) bool { return e.Kind == kind })
}

func sortACL(list []ACLEntry) {
	slices.SortFunc(list, func(a, b ACLEntry) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name)) })
}

// withEntry is the list with an entry, in the place of the one about the same.
func withEntry(list []ACLEntry, e ACLEntry) []ACLEntry {
	for i := range list {
		if sameSubject(list[i], e) {
			list[i] = e
			return list
		}
	}
	return append(list, e)
}

// settle brings a list into order and, unless somebody gave a mask, makes it what all
// whom it is about have together; with nobody named there is none.
func settle(list []ACLEntry, given bool) []ACLEntry {
	if !given {
		list = slices.DeleteFunc(list, func(e ACLEntry) bool { return e.Kind == ACLMask })
		if mask := (ACLEntry{Kind: ACLMask}); hasKind(list, ACLNamedUser) || hasKind(list, ACLNamedGroup) {
			for _, e := range list {
				switch e.Kind {
				case ACLNamedUser, ACLOwningGroup, ACLNamedGroup:
					mask.Rights |= e.Rights
				}
				mask.Default = e.Default
			}
			list = append(list, mask)
		}
	}
	sortACL(list)
	return list
}

// checkACLEntry is what is wrong with an entry by itself; "" if nothing is.
func checkACLEntry(e ACLEntry) (what string) {
	named := e.Kind == ACLNamedUser || e.Kind == ACLNamedGroup
	switch {
	case e.Kind > ACLOther:
		return "is of no kind that there is"
	case e.Rights > 7:
		return "gives rights that there are not"
	case named && e.Name == "":
		return "names nobody"
	case !named && e.Name != "":
		return "cannot name " + e.Name
	case len(e.Name) > maxSubject:
		return "has a name that is longer than 255 bytes"
	case strings.ContainsFunc(e.Name, func(r rune) bool { return r < ' ' || r == ':' || r == ',' || r == 0x7f }):
		return "has a name with a colon, a comma or a control character"
	}
	return ""
}

func errACL(op, path, format string, args ...any) error {
	return errorf(op, path, syscall.EINVAL, "Invalid ACL for %s: %s", path, fmt.Sprintf(format, args...))
}

func aclRecords(list []ACLEntry) (records []*metapb.ACLEntry) {
	for _, e := range list {
		records = append(records, &metapb.ACLEntry{Kind: metapb.ACLKind(e.Kind), Name: e.Name, Rights: e.Rights, Default: e.Default})
	}
	return records
}

func aclOf(records []*metapb.ACLEntry) (list []ACLEntry) {
	for _, r := range records {
		kind := ACLKind(min(uint32(r.Kind), noACLKind))
		list = append(list, ACLEntry{Kind: kind, Name: r.Name, Rights: r.Rights, Default: r.Default})
	}
	return list
}
