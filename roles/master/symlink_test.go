package master_test

import (
	"context"
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

func symlink(link, target string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.CreateSymlink(ctx, &pb.CreateSymlinkPRequest{Link: &link, Options: &pb.CreateSymlinkPOptions{
			Target: &target, CreateParent: proto.Bool(true), WriteType: pb.WritePType_CACHE_THROUGH.Enum(), CommonOptions: o,
		}})
		return wire.FromStatus("symlink", link, err)
	}
}

// A link is told of as one, whatever it leads to.
func TestSymlinks(t *testing.T) {
	root := mem.New()
	put(t, root, "d/file", "bytes")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": root})
	ctx := t.Context()
	must(t, m.Symlink(ctx, "file", "/d/link", client.SymlinkOptions{}))
	must(t, symlink("/new/er/up", "../../d/link")(ctx, m.rpc, nil))

	reply, err := m.rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: proto.String("/d/link")})
	must(t, err)
	info := reply.GetFileInfo()
	if info.GetSymlink() != "file" || info.GetFolder() || !info.GetCompleted() || info.GetLength() != 4 || info.GetMode() != 0o777 ||
		info.GetPersisted() || info.GetPersistenceState() != "NOT_PERSISTED" || info.GetInGooseFSPercentage() != 100 || info.GetUfsFingerprint() != "" {
		t.Errorf("%v", info)
	}
	target, err := m.rpc.GetLinkTarget(ctx, &pb.GetLinkTargetPRequest{Link: proto.String("/new/er/up")})
	if err != nil || target.GetTarget() != "../../d/link" {
		t.Errorf("%v, %v", target, err)
	}
	wantNames(t, m.FS, "/d", false, "file", "link")
	for info, err := range m.List(ctx, "/d/link", client.StatOptions{}) {
		if err != nil || info.Symlink != "file" {
			t.Errorf("a link that is listed: %+v, %v", info, err)
		}
	}
	if has(t, root, "d/link") || has(t, root, "new") {
		t.Error("it is in the under file system, where it would be what it leads to")
	}
	// Looks into the under file system leave it alone, as every file that is only cached.
	wantNames(t, m.FS, "/d", true, "file", "link")
	put(t, root, "d/link", "a file of the same name")
	wantNames(t, m.FS, "/d", true, "file", "link")
	if synced, err := m.Stat(ctx, "/d/link", client.StatOptions{Sync: true}); err != nil || synced.Symlink != "file" {
		t.Errorf("%+v, %v", synced, err)
	}
	must(t, root.Remove(ctx, "d/link"))
	// To move and to remove it is to move and to remove the link.
	must(t, m.Rename(ctx, "/d/link", "/d/moved"))
	if info := stat(t, m.FS, "/d/moved"); info.Symlink != "file" || info.ID != reply.GetFileInfo().GetFileId() {
		t.Errorf("%+v", info)
	}
	must(t, m.Remove(ctx, "/d/moved", client.RemoveOptions{}))
	wantNames(t, m.FS, "/d", true, "file")
	must(t, m.Remove(ctx, "/new", client.RemoveOptions{Recursive: true}))
	if !has(t, root, "d/file") {
		t.Error("what a link led to was removed with it")
	}
}

// What cannot be done with a link is refused, and says why.
func TestSymlinkRefusals(t *testing.T) {
	root := mem.New()
	put(t, root, "d/file", "bytes")
	put(t, root, "unseen", "bytes")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": root, "mem://frozen": mem.New()})
	ctx, f := t.Context(), m.FS
	must(t, m.Mount(ctx, "/ro", "mem://frozen", client.MountOptions{ReadOnly: true}))
	must(t, f.Symlink(ctx, "d", "/l", client.SymlinkOptions{}))
	through := `leads through symbolic link "/l" -> "d", which only clients follow`
	status := func(p string, o *pb.GetStatusPOptions) error {
		_, err := m.rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: &p, Options: o})
		return wire.FromStatus("stat", p, err)
	}
	readlink := func(p string) error {
		_, err := m.rpc.GetLinkTarget(ctx, &pb.GetLinkTargetPRequest{Link: &p})
		return wire.FromStatus("readlink", p, err)
	}
	list := func(p string) error {
		for _, err := range f.List(ctx, p, client.StatOptions{}) {
			return err
		}
		return nil
	}
	_, created := f.Create(ctx, "/l/x", client.CreateOptions{Recursive: true})
	_, opened := f.Open(ctx, "/l")
	for what, c := range map[string]struct {
		err   error
		errno syscall.Errno
		text  string
	}{
		"over a file":               {f.Symlink(ctx, "x", "/d/file", client.SymlinkOptions{}), syscall.EEXIST, "/d/file already exists"},
		"over a file not yet seen":  {f.Symlink(ctx, "x", "/unseen", client.SymlinkOptions{}), syscall.EEXIST, "/unseen already exists"},
		"over a link":               {f.Symlink(ctx, "x", "/l", client.SymlinkOptions{}), syscall.EEXIST, "/l already exists"},
		"no parent":                 {f.Symlink(ctx, "x", "/no/l", client.SymlinkOptions{}), syscall.ENOENT, `Path "/no" does not exist.`},
		"no target":                 {f.Symlink(ctx, "", "/n", client.SymlinkOptions{}), syscall.EINVAL, "Symbolic link /n needs a target"},
		"a long target":             {f.Symlink(ctx, strings.Repeat("x", 4096), "/n", client.SymlinkOptions{}), syscall.ENAMETOOLONG, "4096 bytes, at most 4095"},
		"in a read-only mount":      {f.Symlink(ctx, "x", "/ro/n", client.SymlinkOptions{}), syscall.EROFS, "readonly mount point /ro"},
		"a name of workers":         {f.Symlink(ctx, "x", "/d/"+ufs.Staged("", 7), client.SymlinkOptions{}), syscall.EINVAL, "/d/.goosefs-"},
		"stat through":              {status("/l/file", nil), syscall.ENOTDIR, through},
		"list through":              {list("/l/file"), syscall.ENOTDIR, through},
		"create through":            {created, syscall.ENOTDIR, through},
		"link through":              {f.Symlink(ctx, "x", "/l/n", client.SymlinkOptions{}), syscall.ENOTDIR, through},
		"mkdir through":             {f.Mkdir(ctx, "/l/n", client.MkdirOptions{}), syscall.ENOTDIR, through},
		"remove through":            {f.Remove(ctx, "/l/file", client.RemoveOptions{}), syscall.ENOTDIR, through},
		"rename through":            {f.Rename(ctx, "/l/file", "/g"), syscall.ENOTDIR, through},
		"rename into":               {f.Rename(ctx, "/d/file", "/l/g"), syscall.ENOTDIR, through},
		"free through":              {f.Free(ctx, "/l/file", false), syscall.ENOTDIR, through},
		"resolved by the master":    {status("/l", &pb.GetStatusPOptions{ResolveLink: proto.Bool(true)}), syscall.ENOTSUP, "/l is a symbolic link to d, which masters do not resolve"},
		"persisted":                 {f.Persist(ctx, "/l"), syscall.EINVAL, "/l is a symbolic link to d and has no bytes"},
		"opened":                    {opened, syscall.EINVAL, "/l is a symbolic link to d and has no bytes"},
		"freed":                     {f.Free(ctx, "/l", false), syscall.EBUSY, "not persisted"},
		"completed":                 {f.Complete(ctx, "/l", 3), syscall.EBUSY, "already completed"},
		"the target of a file":      {readlink("/d/file"), syscall.EINVAL, "/d/file is not a symbolic link"},
		"the target of nothing":     {readlink("/none"), syscall.ENOENT, "does not exist"},
		"the target behind another": {readlink("/l/file"), syscall.ENOTDIR, through},
	} {
		t.Run(what, func(t *testing.T) { want(t, c.err, c.errno, c.text) })
	}
	must(t, status("/d/file", &pb.GetStatusPOptions{ResolveLink: proto.Bool(true)}))
	wantNames(t, f, "/d", true, "file")
}

// A link is as durable as the log: other leaders have it, those that come from an image too, and no read of the folder that
// it is in takes it away.
func TestSymlinksLast(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	ctx, f := t.Context(), c.Client()
	must(t, os.MkdirAll(filepath.Join(c.Root, "d"), 0o755))
	must(t, os.WriteFile(filepath.Join(c.Root, "d/file"), []byte("bytes"), 0o644))
	must(t, os.Symlink("file", filepath.Join(c.Root, "d/followed")))
	must(t, f.Symlink(ctx, "file", "/d/link", client.SymlinkOptions{}))
	for range 2 {
		wantNames(t, f, "/d", true, "file", "followed", "link")
		if info := stat(t, f, "/d/followed"); info.Symlink != "" || info.Length != 5 {
			t.Errorf("a link in the folder is shown as what it leads to: %+v", info)
		}
		if info := stat(t, f, "/d/link"); info.Symlink != "file" {
			t.Errorf("%+v", info)
		}
		for i := range c.Masters {
			c.StopMaster(i)
		}
		for i := range c.Masters {
			c.StartMaster(i)
		}
	}
	if _, err := os.Lstat(filepath.Join(c.Root, "d/link")); !os.IsNotExist(err) {
		t.Errorf("it is in the folder: %v", err)
	}
	// Its bytes cannot be asked of a worker either.
	c.WaitForWorkers(1)
	err := f.Load(ctx, stat(t, f, "/d/link"), nil)
	want(t, err, syscall.EINVAL, "/d/link is a symbolic link to file and has no bytes")
}

// Where permissions are obeyed, a link is made by who may write its directory, is his, and is seen by everybody who gets there.
func TestSymlinkPermissions(t *testing.T) {
	c := company(t, 1)
	ctx, root, alice, eve := t.Context(), c.Client(), c.ClientOf("alice"), c.ClientOf("eve")
	must(t, root.Mkdir(ctx, "/home", client.MkdirOptions{}))
	must(t, root.Chmod(ctx, "/home", 0o777))
	must(t, alice.Mkdir(ctx, "/home/alice", client.MkdirOptions{}))
	must(t, alice.Symlink(ctx, "secret", "/home/alice/l", client.SymlinkOptions{Mode: 0o600}))
	if info := stat(t, eve, "/home/alice/l"); info.Owner != "alice" || info.Symlink != "secret" {
		t.Errorf("%+v", info)
	}
	denied(t, eve.Symlink(ctx, "x", "/home/alice/m", client.SymlinkOptions{}), syscall.EACCES, "user=eve, access=-w-")
	denied(t, eve.Remove(ctx, "/home/alice/l", client.RemoveOptions{}), syscall.EACCES, "user=eve, access=-w-")
	must(t, alice.Chmod(ctx, "/home/alice", 0o700))
	_, err := rpc(t, c, "eve").GetLinkTarget(ctx, &pb.GetLinkTargetPRequest{Link: proto.String("/home/alice/l")})
	denied(t, wire.FromStatus("readlink", "/home/alice/l", err), syscall.EACCES, "user=eve, access=--x")
	must(t, alice.Remove(ctx, "/home/alice/l", client.RemoveOptions{}))
}
