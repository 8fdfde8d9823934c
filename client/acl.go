package client

import (
	"context"

	"goosefs/wire/pb"
)

// ACLEntry is an entry of an access control list.
type ACLEntry struct {
	Kind    ACLKind
	Name    string // of a named user or group
	Rights  uint32 // rwx, as three bits of a mode
	Default bool   // about what is made in the directory, not about the directory
}

// ACLKind says whom an entry is about.
type ACLKind = pb.PAclEntryType

// The kinds of entries, in the order of a list.
const (
	ACLOwner       = pb.PAclEntryType_Owner
	ACLNamedUser   = pb.PAclEntryType_NamedUser
	ACLOwningGroup = pb.PAclEntryType_OwningGroup
	ACLNamedGroup  = pb.PAclEntryType_NamedGroup
	ACLMask        = pb.PAclEntryType_Mask // the most that named users, and groups, can have
	ACLOther       = pb.PAclEntryType_Other
)

// ACLAction is what is done to an access control list.
type ACLAction = pb.SetAclAction

// The actions.
const (
	ACLReplace       = pb.SetAclAction_REPLACE        // the entries are the list
	ACLModify        = pb.SetAclAction_MODIFY         // the entries come, or take the places of those about the same
	ACLRemove        = pb.SetAclAction_REMOVE         // the entries go, whatever their rights
	ACLRemoveAll     = pb.SetAclAction_REMOVE_ALL     // all go that a mode cannot say, and the default list
	ACLRemoveDefault = pb.SetAclAction_REMOVE_DEFAULT // the default list goes
)

// SetACL changes the access control list of path, and, if it says so, of all below it. Entries are for all actions but
// the last two. Where nobody gives a mask it is what all named ones and the group have together.
func (f *FS) SetACL(ctx context.Context, path string, action ACLAction, entries []ACLEntry, recursive bool) error {
	req := &pb.SetAclPRequest{Path: &path, Action: &action, Options: &pb.SetAclPOptions{Recursive: &recursive, CommonOptions: newOperation()}}
	for _, e := range entries {
		req.Entries = append(req.Entries, wireACL(e))
	}
	return change(ctx, f, "setacl", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.SetAcl(ctx, req)
		return err
	})
}

func wireACL(e ACLEntry) *pb.PAclEntry {
	entry := &pb.PAclEntry{Type: &e.Kind, Subject: &e.Name, IsDefault: &e.Default}
	for _, action := range []pb.PAclAction{pb.PAclAction_Read, pb.PAclAction_Write, pb.PAclAction_Execute} {
		if e.Rights&rightOf(action) != 0 {
			entry.Actions = append(entry.Actions, action)
		}
	}
	return entry
}

// rightOf is the bit of an action; 0 for one that there is not.
func rightOf(action pb.PAclAction) uint32 {
	switch action {
	case pb.PAclAction_Read:
		return 4
	case pb.PAclAction_Write:
		return 2
	case pb.PAclAction_Execute:
		return 1
	}
	return 0
}

// extended is nil for a list that says no more than a mode does.
func extended(list []ACLEntry) []ACLEntry {
	if len(list) <= 3 { // owner, group and others are always there
		return nil
	}
	return list
}

func aclOf(acl *pb.PAcl) (list []ACLEntry) {
	for _, entry := range acl.GetEntries() {
		e := ACLEntry{Kind: entry.GetType(), Name: entry.GetSubject(), Default: entry.GetIsDefault()}
		for _, action := range entry.GetActions() {
			e.Rights |= rightOf(action)
		}
		list = append(list, e)
	}
	return list
}
