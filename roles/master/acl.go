package master

import (
	"io/fs"
	"slices"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// listed says whether the access control list of n gives the caller, who is not its owner, all of want, as POSIX has it. A
// named user gets what his entry gives, and no more. Of groups that the caller is in one must give all; if none does, what
// others get is not for him. The mask, which the mode holds in the bits of the group, is the most that any of these gives.
func (c caller) listed(n *metastore.Inode, want right) bool {
	mask, member := right(n.Mode>>3), false
	for _, e := range n.ACL { // users come first
		mine := false
		switch e.Kind {
		case metastore.ACLNamedUser:
			if c.user != "" && e.Name == c.user {
				return right(e.Rights)&mask&want == want
			}
		case metastore.ACLOwningGroup:
			mine = slices.Contains(c.groups, n.Group)
		case metastore.ACLNamedGroup:
			mine = slices.Contains(c.groups, e.Name)
		}
		if mine && right(e.Rights)&mask&want == want {
			return true
		}
		member = member || mine
	}
	return !member && right(n.Mode)&want == want
}

// aclOf is the access control list of an inode as clients see it, whole.
func aclOf(n *metastore.Inode) *pb.PAcl {
	list := n.FullACL()
	return &pb.PAcl{
		Owner: &n.Owner, OwningGroup: &n.Group, Entries: entriesOf(list), Mode: proto.Int32(int32(baseMode(list))),
		IsDefault: proto.Bool(false), IsDefaultEmpty: proto.Bool(false),
	}
}

// withACL adds the access control list that the mode amounts to, where nothing else is said.
func withACL(info *pb.FileInfo) {
	if info.Acl == nil && info.Symlink == nil {
		info.Acl = aclOf(&metastore.Inode{Owner: info.GetOwner(), Group: info.GetGroup(), Mode: uint32(info.GetMode())})
	}
}

// defaultACLOf is what is inherited by what is made in a directory.
func defaultACLOf(n *metastore.Inode) *pb.PAcl {
	return &pb.PAcl{
		Owner: &n.Owner, OwningGroup: &n.Group, Entries: entriesOf(n.DefaultACL), Mode: proto.Int32(int32(baseMode(n.DefaultACL))),
		IsDefault: proto.Bool(true), IsDefaultEmpty: proto.Bool(false),
	}
}

// baseMode is what a list gives owner, owning group and others, before the mask.
func baseMode(list []metastore.ACLEntry) (mode uint32) {
	for _, e := range list {
		switch e.Kind {
		case metastore.ACLOwner:
			mode |= e.Rights << 6
		case metastore.ACLOwningGroup:
			mode |= e.Rights << 3
		case metastore.ACLOther:
			mode |= e.Rights
		}
	}
	return mode
}

// ufsMode is the mode that an inode has in its under file system. That knows of no list, so there the group has what its
// own entry gives, and not the mask, which may be more.
func ufsMode(n *metastore.Inode) fs.FileMode { return fs.FileMode(baseMode(n.FullACL())).Perm() }

func entriesOf(list []metastore.ACLEntry) (entries []*pb.PAclEntry) {
	for _, e := range list {
		entry := &pb.PAclEntry{Type: pb.PAclEntryType(e.Kind).Enum(), IsDefault: &e.Default}
		if e.Name != "" {
			entry.Subject = &e.Name
		}
		for _, action := range actions() {
			if right(e.Rights)&action.right != 0 {
				entry.Actions = append(entry.Actions, action.name)
			}
		}
		entries = append(entries, entry)
	}
	return entries
}

// wireAction is a right and its name on the wire.
type wireAction struct {
	name  pb.PAclAction
	right right
}

func actions() []wireAction {
	return []wireAction{{pb.PAclAction_Read, read}, {pb.PAclAction_Write, write}, {pb.PAclAction_Execute, search}}
}

// listOf reads entries as the wire has them. What there is no word for is refused here, and the rest by the command.
func listOf(p string, entries []*pb.PAclEntry) (list []metastore.ACLEntry, err error) {
	for _, entry := range entries {
		e := metastore.ACLEntry{Name: entry.GetSubject(), Default: entry.GetIsDefault()}
		if kind := entry.GetType(); kind < pb.PAclEntryType_Owner || kind > pb.PAclEntryType_Other {
			return nil, badACL(p, "type", kind.String())
		}
		e.Kind = metastore.ACLKind(entry.GetType())
		for _, name := range entry.GetActions() {
			i := slices.IndexFunc(actions(), func(a wireAction) bool { return a.name == name })
			if i < 0 {
				return nil, badACL(p, "action", name.String())
			}
			e.Rights |= uint32(actions()[i].right)
		}
		list = append(list, e)
	}
	return list, nil
}

func badACL(p, what, value string) error {
	return &metastore.Error{Text: "Invalid ACL for " + p + ": there is no " + what + " " + value, Err: pathErr("setacl", p, syscall.EINVAL)}
}
