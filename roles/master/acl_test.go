package master_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

func user(name string, rights uint32) client.ACLEntry {
	return client.ACLEntry{Kind: client.ACLNamedUser, Name: name, Rights: rights}
}

func inherited(e client.ACLEntry) client.ACLEntry {
	e.Default = true
	return e
}

// A list lets in whom it names, keeps out whom it names, and is inherited; only owners and superusers change it.
func TestACLsAreObeyed(t *testing.T) {
	c := company(t, 1)
	ctx, root, alice, bob, eve := t.Context(), c.Client(), c.ClientOf("alice"), c.ClientOf("bob"), c.ClientOf("eve")
	must(t, root.Mkdir(ctx, "/home", client.MkdirOptions{}))
	must(t, root.Chmod(ctx, "/home", 0o777))
	must(t, alice.Mkdir(ctx, "/home/alice", client.MkdirOptions{Mode: 0o700}))
	_, err := eve.Create(ctx, "/home/alice/e", client.CreateOptions{})
	denied(t, err, syscall.EACCES, "user=eve, access=--x")
	for _, other := range []*client.FS{bob, eve} {
		err := other.SetACL(ctx, "/home/alice", client.ACLModify, []client.ACLEntry{user("eve", 7)}, false)
		denied(t, err, syscall.EPERM, "user=")
	}
	must(t, alice.SetACL(ctx, "/home/alice", client.ACLModify, []client.ACLEntry{user("eve", 7), inherited(user("eve", 6))}, false))
	if info := stat(t, root, "/home/alice"); info.Mode != 0o770 || len(info.ACL) != 5 || len(info.DefaultACL) != 5 {
		t.Errorf("%o, %v, %v", info.Mode, info.ACL, info.DefaultACL)
	}
	_, err = eve.Create(ctx, "/home/alice/e", client.CreateOptions{})
	must(t, err)
	must(t, eve.Complete(ctx, "/home/alice/e", 0))
	_, err = bob.Stat(ctx, "/home/alice/e", client.StatOptions{})
	denied(t, err, syscall.EACCES, "user=bob, access=--x, path=/home/alice/e: failed at /home/alice")

	// What is alice's is eve's to read, as the directory says, and not to give away.
	_, err = alice.Create(ctx, "/home/alice/a", client.CreateOptions{Mode: 0o640})
	must(t, err)
	must(t, alice.Complete(ctx, "/home/alice/a", 0))
	info := stat(t, eve, "/home/alice/a")
	if len(info.ACL) != 5 || info.ACL[1] != user("eve", 6) || info.Mode != 0o640 {
		t.Errorf("%o, %v", info.Mode, info.ACL)
	}
	denied(t, eve.SetACL(ctx, "/home/alice/a", client.ACLRemoveAll, nil, false), syscall.EPERM, "user=eve is not the owner of path=/home/alice/a, that is alice")
	denied(t, alice.SetACL(ctx, "/home/alice", client.ACLRemoveAll, nil, true), syscall.EPERM, "user=alice is not the owner") // of e
	_, err = eve.Create(ctx, "/home/alice/a/x", client.CreateOptions{})
	if err == nil {
		t.Error("made in a file")
	}

	// The mask is what chmod changes for the group.
	must(t, alice.Chmod(ctx, "/home/alice/a", 0o600))
	_, err = eve.Stat(ctx, "/home/alice/a", client.StatOptions{})
	denied(t, err, syscall.EACCES, "user=eve, access=r--, path=/home/alice/a")
	must(t, root.SetACL(ctx, "/home/alice", client.ACLRemoveAll, nil, true))
	if info := stat(t, root, "/home/alice"); info.Mode != 0o700 || info.ACL != nil || info.DefaultACL != nil {
		t.Errorf("%o, %v, %v", info.Mode, info.ACL, info.DefaultACL)
	}
}

// Lists are told as the wire has them, wherever an inode is told of; only a status tells one that the mode says, too.
func TestACLsOnTheWire(t *testing.T) {
	root := mem.New()
	put(t, root, "d/file", "bytes")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": root})
	ctx, path := t.Context(), proto.String("/d")
	must(t, m.Chmod(ctx, "/d", 0o750))
	status := func() *pb.FileInfo {
		reply, err := m.rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: path})
		must(t, err)
		return reply.GetFileInfo()
	}
	if info := status(); len(info.GetAcl().GetEntries()) != 3 || info.GetAcl().GetMode() != 0o750 || info.GetDefaultAcl() != nil {
		t.Errorf("%v", info)
	}
	_, err := m.rpc.SetAcl(ctx, &pb.SetAclPRequest{Path: path, Action: pb.SetAclAction_MODIFY.Enum(), Entries: []*pb.PAclEntry{
		{Type: pb.PAclEntryType_NamedGroup.Enum(), Subject: proto.String("ops"), Actions: []pb.PAclAction{pb.PAclAction_Write, pb.PAclAction_Read}},
		{Type: pb.PAclEntryType_Other.Enum(), Actions: []pb.PAclAction{pb.PAclAction_Execute}, IsDefault: proto.Bool(true)},
	}})
	must(t, err)
	info := status()
	acl, inherit := info.GetAcl(), info.GetDefaultAcl()
	if info.GetMode() != 0o770 || acl.GetMode() != 0o750 || acl.GetOwner() != info.GetOwner() || acl.GetOwningGroup() != info.GetGroup() || acl.GetIsDefault() {
		t.Errorf("%v", info)
	}
	var kinds []string
	for _, e := range acl.GetEntries() {
		kinds = append(kinds, e.GetType().String())
		if e.GetType() == pb.PAclEntryType_NamedGroup && (e.GetSubject() != "ops" || len(e.GetActions()) != 2) {
			t.Errorf("%v", e)
		}
	}
	if strings.Join(kinds, " ") != "Owner OwningGroup NamedGroup Mask Other" {
		t.Errorf("%v", kinds)
	}
	if inherit.GetMode() != 0o751 || !inherit.GetIsDefault() || inherit.GetIsDefaultEmpty() || len(inherit.GetEntries()) != 3 || !inherit.GetEntries()[0].GetIsDefault() {
		t.Errorf("%v", inherit)
	}
	for listed, err := range m.List(ctx, "/", client.StatOptions{}) {
		if err != nil || len(listed.ACL) != 5 || len(listed.DefaultACL) != 3 {
			t.Errorf("%+v, %v", listed, err)
		}
	}
	for listed, err := range m.List(ctx, "/d", client.StatOptions{}) {
		if err != nil || listed.ACL != nil {
			t.Errorf("%+v, %v", listed, err)
		}
	}

	for what, c := range map[string]struct {
		req  *pb.SetAclPRequest
		text string
	}{
		"an action that there is not": {&pb.SetAclPRequest{Path: path, Action: pb.SetAclAction(9).Enum()}, "Invalid ACL for /d: there is no action 9"},
		"a type that there is not":    {&pb.SetAclPRequest{Path: path, Entries: []*pb.PAclEntry{{Type: pb.PAclEntryType(9).Enum()}}}, "there is no type 9"},
		"a right that there is not":   {&pb.SetAclPRequest{Path: path, Entries: []*pb.PAclEntry{{Actions: []pb.PAclAction{7}}}}, "there is no action 7"},
		"no entries":                  {&pb.SetAclPRequest{Path: path}, "there are no entries"},
		"not all that it takes": {&pb.SetAclPRequest{Path: path, Entries: []*pb.PAclEntry{{Type: pb.PAclEntryType_Owner.Enum()}}},
			"the entries of owner, group and others are required"},
		"a default entry of a file": {&pb.SetAclPRequest{Path: proto.String("/d/file"), Action: pb.SetAclAction_REMOVE_DEFAULT.Enum()}, "only a directory has default entries"},
	} {
		_, err := m.rpc.SetAcl(ctx, c.req)
		t.Run(what, func(t *testing.T) { want(t, wire.FromStatus("setacl", "/d", err), syscall.EINVAL, c.text) })
	}
	err = m.SetACL(ctx, "/none", client.ACLRemoveAll, nil, false)
	want(t, err, syscall.ENOENT, "does not exist")
}

// Who is named by a list gets nothing for his group in the under file system, which knows of no list.
func TestACLsInTheUnderFileSystem(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	ctx, f := t.Context(), c.Client()
	must(t, f.Mkdir(ctx, "/d", client.MkdirOptions{}))
	group := client.ACLEntry{Kind: client.ACLOwningGroup, Rights: 0, Default: true}
	must(t, f.SetACL(ctx, "/d", client.ACLModify, []client.ACLEntry{inherited(user("bob", 7)), group}, false))
	must(t, f.Mkdir(ctx, "/d/sub", client.MkdirOptions{Mode: 0o775}))
	must(t, f.Touch(ctx, "/d/empty"))
	for _, kind := range []client.WriteType{client.CacheThrough, client.AsyncThrough} {
		p := "/d/" + kind.String()
		w, err := f.CreateFile(ctx, p, client.CreateOptions{Type: kind, Mode: 0o664})
		must(t, err)
		_, err = w.Write([]byte("bytes"))
		must(t, err)
		must(t, w.Close())
	}
	for name, want := range map[string]os.FileMode{"sub": 0o705, "empty": 0o604, "CACHE_THROUGH": 0o604, "ASYNC_THROUGH": 0o604} {
		eventually(t, name+" is in the under file system", func() bool {
			_, err := os.Stat(filepath.Join(c.Root, "d", name))
			return err == nil
		})
		info, err := os.Stat(filepath.Join(c.Root, "d", name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %o (%v), not %o", name, info.Mode().Perm(), err, want)
		}
		if known := stat(t, f, "/d/"+name); known.Mode&0o070 == 0 || len(known.ACL) != 5 {
			t.Errorf("%s: %o, %v", name, known.Mode, known.ACL)
		}
	}
}

// Lists are in the log: they outlive all masters, and a change of the file in the under file system.
func TestACLsLast(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	ctx, f := t.Context(), c.Client()
	file := filepath.Join(c.Root, "file")
	must(t, os.WriteFile(file, []byte("one"), 0o644))
	before := stat(t, f, "/file")
	must(t, f.SetACL(ctx, "/file", client.ACLModify, []client.ACLEntry{user("bob", 6)}, false))
	for i := range c.Masters {
		c.StopMaster(i)
	}
	must(t, os.WriteFile(file, []byte("another"), 0o644))
	for i := range c.Masters {
		c.StartMaster(i)
	}
	after, err := f.Stat(ctx, "/file", client.StatOptions{Sync: true})
	if err != nil || after.ID == before.ID || after.Length != 7 || len(after.ACL) != 5 || after.ACL[1] != user("bob", 6) {
		t.Errorf("was %+v, is %+v, %v", before, after, err)
	}
}
