package master_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// company is a cluster that obeys permissions, with users who are in groups.
func company(t *testing.T, masters int) *rolestest.Cluster {
	groups := map[string][]string{"alice": {"alice", "staff"}, "bob": {"bob", "staff"}, "eve": {"eve"}, "admin": {"wheel"}}
	return rolestest.Start(t, rolestest.Options{
		Masters: masters, Workers: 1, Permissions: true, Supergroup: "wheel",
		Auth: auth.Options{Scheme: auth.SIMPLE, Groups: auth.NewGroups(func(user string) ([]string, error) { return groups[user], nil }, time.Minute)},
	})
}

// denied wants an error that says so.
func denied(t *testing.T, err error, errno syscall.Errno, text string) {
	t.Helper()
	want(t, err, errno, "Permission denied: "+text)
}

// rpc is the file service as a user calls it.
func rpc(t *testing.T, c *rolestest.Cluster, user string) pb.FileSystemMasterClientServiceClient {
	return pb.NewFileSystemMasterClientServiceClient(connOf(t, c, user))
}

func connOf(t *testing.T, c *rolestest.Cluster, user string) *grpc.ClientConn {
	t.Helper()
	conn, err := c.Login(user).Dial(c.Net.Host("client"), c.Addresses()[c.Leader()])
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// What a user makes is his, and his group's; others may do what its mode says.
func TestOwnersAndModes(t *testing.T) {
	c := company(t, 1)
	ctx, root, alice, bob, eve := t.Context(), c.Client(), c.ClientOf("alice"), c.ClientOf("bob"), c.ClientOf("eve")
	must(t, root.Mkdir(ctx, "/home", client.MkdirOptions{Mode: 0o777}))
	must(t, root.Chmod(ctx, "/home", 0o777))
	must(t, alice.Mkdir(ctx, "/home/alice", client.MkdirOptions{}))
	if _, err := alice.Create(ctx, "/home/alice/f", client.CreateOptions{Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/home/alice", "/home/alice/f"} {
		if info := stat(t, root, p); info.Owner != "alice" || info.Group != "alice" {
			t.Errorf("%s is %s's and of the group %s", p, info.Owner, info.Group)
		}
	}
	must(t, alice.Complete(ctx, "/home/alice/f", 0))

	// To look, to list, to make.
	_, err := bob.Stat(ctx, "/home/alice/f", client.StatOptions{})
	denied(t, err, syscall.EACCES, "user=bob, access=r--, path=/home/alice/f: failed at /home/alice/f, inode owner=alice, inode group=alice, inode mode=rw-------")
	_, failed, err := bob.StatBatch(ctx, []string{"/home/alice", "/home/alice/f", "/home/none"}, client.StatOptions{})
	if err != nil || strings.Join(failed, " ") != "/home/none /home/alice/f" {
		t.Errorf("a batch fails for %v (%v)", failed, err)
	}
	_, err = bob.Create(ctx, "/home/alice/b", client.CreateOptions{})
	denied(t, err, syscall.EACCES, "user=bob, access=-w-, path=/home/alice/b: failed at /home/alice")
	denied(t, bob.Touch(ctx, "/home/alice/b"), syscall.EACCES, "user=bob")
	denied(t, bob.Mkdir(ctx, "/home/alice/d/e", client.MkdirOptions{Recursive: true}), syscall.EACCES, "user=bob")
	wantNames(t, bob, "/home/alice", false, "f")
	must(t, alice.Chmod(ctx, "/home/alice", 0o711))
	if err := firstError(t, bob, "/home/alice"); err == nil {
		t.Error("bob lists a folder that he may only search")
	} else {
		denied(t, err, syscall.EACCES, "user=bob, access=r--, path=/home/alice")
	}
	must(t, alice.Chmod(ctx, "/home/alice", 0o700))
	// What cannot be searched does not even say what is there.
	for _, p := range []string{"/home/alice/f", "/home/alice/none"} {
		_, err := eve.Stat(ctx, p, client.StatOptions{})
		denied(t, err, syscall.EACCES, "user=eve, access=--x, path="+p+": failed at /home/alice,")
		denied(t, firstError(t, eve, p), syscall.EACCES, "user=eve, access=--x")
	}
	_, err = eve.Stat(ctx, "/home/none", client.StatOptions{})
	want(t, err, syscall.ENOENT, "does not exist")
	// A folder that is there need not be made, whoever owns what it is in.
	must(t, root.Chmod(ctx, "/home", 0o755))
	must(t, eve.Mkdir(ctx, "/home/alice", client.MkdirOptions{AllowExists: true}))
	denied(t, eve.Mkdir(ctx, "/home/eve", client.MkdirOptions{AllowExists: true}), syscall.EACCES, "user=eve")
	// Superusers, by process and by group, may everything.
	for _, f := range []*client.FS{root, c.ClientOf("admin")} {
		stat(t, f, "/home/alice/f")
		must(t, f.Mkdir(ctx, "/home/alice/by-root", client.MkdirOptions{}))
		must(t, f.Remove(ctx, "/home/alice/by-root", client.RemoveOptions{}))
	}
}

// firstError is the error that a listing begins with.
func firstError(t *testing.T, f *client.FS, p string) error {
	t.Helper()
	for _, err := range f.List(t.Context(), p, client.StatOptions{}) {
		return err
	}
	return nil
}

// To remove, to move, and to change what others own.
func TestChangesOfOthers(t *testing.T) {
	c := company(t, 1)
	ctx, root, alice, bob := t.Context(), c.Client(), c.ClientOf("alice"), c.ClientOf("bob")
	// They are in the under file system, so that folders have to be looked up before it is decided.
	must(t, os.MkdirAll(filepath.Join(c.Root, "shared", "tree", "inner"), 0o755))
	write(t, c, "shared/tree/inner/data", []byte("x"))
	must(t, os.Chmod(filepath.Join(c.Root, "shared"), 0o777))
	must(t, os.Chmod(filepath.Join(c.Root, "shared", "tree"), 0o777))

	denied(t, bob.Remove(ctx, "/shared/tree", client.RemoveOptions{Recursive: true}), syscall.EACCES, "user=bob, access=rwx, path=/shared/tree: failed at /shared/tree/inner,")
	if _, err := os.Stat(filepath.Join(c.Root, "shared/tree/inner/data")); err != nil {
		t.Errorf("and yet: %v", err)
	}
	denied(t, bob.Remove(ctx, "/shared/tree/inner/data", client.RemoveOptions{}), syscall.EACCES, "user=bob, access=-w-")
	denied(t, bob.Rename(ctx, "/shared/tree/inner/data", "/shared/mine"), syscall.EACCES, "user=bob, access=-w-, path=/shared/tree/inner/data")
	must(t, bob.Touch(ctx, "/shared/b"))
	denied(t, bob.Rename(ctx, "/shared/b", "/shared/tree/inner/b"), syscall.EACCES, "user=bob, access=-w-, path=/shared/tree/inner/b: failed at /shared/tree/inner")
	must(t, bob.Rename(ctx, "/shared/b", "/shared/c"))

	// Attributes.
	denied(t, alice.Chmod(ctx, "/shared/c", 0o777), syscall.EPERM, "user=alice is not the owner of path=/shared/c, that is bob")
	must(t, bob.Chmod(ctx, "/shared/c", 0o600))
	denied(t, alice.Free(ctx, "/shared/c", false), syscall.EACCES, "user=alice, access=r--, path=/shared/c")
	must(t, bob.Free(ctx, "/shared/c", false))
	must(t, bob.Chmod(ctx, "/shared/c", 0o640))
	set := func(user, path string, o *pb.SetAttributePOptions) error {
		_, err := rpc(t, c, user).SetAttribute(ctx, &pb.SetAttributePRequest{Path: &path, Options: o})
		return wire.FromStatus("", "", err)
	}
	denied(t, set("bob", "/shared/c", &pb.SetAttributePOptions{Owner: proto.String("alice")}), syscall.EPERM, "only superusers give")
	denied(t, set("bob", "/shared/c", &pb.SetAttributePOptions{Group: proto.String("wheel")}), syscall.EPERM, "user=bob is not in the group wheel")
	must(t, set("bob", "/shared/c", &pb.SetAttributePOptions{Group: proto.String("staff")}))
	stat(t, alice, "/shared/c") // r of the group
	must(t, bob.Mkdir(ctx, "/shared/bobs", client.MkdirOptions{Mode: 0o777}))
	must(t, bob.Chmod(ctx, "/shared/bobs", 0o777))
	must(t, alice.Touch(ctx, "/shared/bobs/hers"))
	denied(t, set("bob", "/shared/bobs", &pb.SetAttributePOptions{Mode: mode(0o700), Recursive: proto.Bool(true)}), syscall.EPERM, "user=bob is not the owner")
	must(t, set("admin", "/shared/bobs", &pb.SetAttributePOptions{Owner: proto.String("bob"), Recursive: proto.Bool(true)}))
	if info := stat(t, root, "/shared/bobs/hers"); info.Owner != "bob" {
		t.Errorf("it is %s's", info.Owner)
	}
	must(t, bob.Remove(ctx, "/shared/bobs", client.RemoveOptions{Recursive: true}))
}

// mode is permission bits as they travel.
func mode(bits uint32) *pb.PMode {
	b := func(shift int) *pb.Bits { return pb.Bits(bits>>shift&7 + 1).Enum() }
	return &pb.PMode{OwnerBits: b(6), GroupBits: b(3), OtherBits: b(0)}
}

// A file that is being written is its owner's to complete, and its blocks his to take back.
func TestUnfinishedFilesOfOthers(t *testing.T) {
	c := company(t, 1)
	ctx, alice, bob := t.Context(), c.ClientOf("alice"), c.ClientOf("bob")
	must(t, c.Client().Mkdir(ctx, "/w", client.MkdirOptions{Mode: 0o777}))
	must(t, c.Client().Chmod(ctx, "/w", 0o777))
	info, err := alice.Create(ctx, "/w/f", client.CreateOptions{Mode: 0o444})
	must(t, err)
	denied(t, bob.Complete(ctx, "/w/f", 0), syscall.EACCES, "user=bob, access=-w-")
	_, err = rpc(t, c, "bob").RemoveBlocks(ctx, &pb.RemoveBlocksPRequest{BlockIds: []int64{info.ID &^ (1<<24 - 1), 1 << 40}})
	denied(t, wire.FromStatus("", "", err), syscall.EACCES, "user=bob, access=-w-, path=/w/f")
	shared, err := alice.Create(ctx, "/w/shared", client.CreateOptions{Mode: 0o666})
	must(t, err)
	for user, ids := range map[string][]int64{"alice": {info.ID, shared.ID}, "bob": {shared.ID}} { // as writers do that give up
		for _, id := range ids {
			_, err := rpc(t, c, user).RemoveBlocks(ctx, &pb.RemoveBlocksPRequest{BlockIds: []int64{id &^ (1<<24 - 1), 1 << 40}})
			must(t, err)
		}
	}
	must(t, alice.Complete(ctx, "/w/f", 0)) // its mode is for others
	check := func(user string, bits pb.Bits, path string) error {
		_, err := rpc(t, c, user).CheckAccess(ctx, &pb.CheckAccessPRequest{Path: &path, Options: &pb.CheckAccessPOptions{Bits: &bits}})
		return wire.FromStatus("", "", err)
	}
	must(t, check("bob", pb.Bits_READ, "/w/f"))
	must(t, check("bob", pb.Bits_ALL, "/w"))
	denied(t, check("alice", pb.Bits_WRITE, "/w/f"), syscall.EACCES, "user=alice, access=-w-")
	want(t, check("bob", pb.Bits_READ, "/w/none"), syscall.ENOENT, "does not exist")
}

// What administrates is for superusers, and so is to be a worker; official clients' questions are for all.
func TestSuperusersOnly(t *testing.T) {
	c := company(t, 1)
	ctx, alice := t.Context(), c.ClientOf("alice")
	_, err := alice.Backup(ctx, t.TempDir())
	denied(t, err, syscall.EPERM, "user=alice is not a superuser, and Backup is for those")
	_, err = rpc(t, c, "alice").Mount(ctx, &pb.MountPRequest{GoosefsPath: proto.String("/m"), UfsPath: proto.String(t.TempDir())})
	denied(t, wire.FromStatus("", "", err), syscall.EPERM, "user=alice is not a superuser, and Mount is for those")
	_, err = clusterpb.NewWorkersClient(connOf(t, c, "alice")).Source(ctx, &clusterpb.SourceRequest{FileId: 1})
	denied(t, wire.FromStatus("", "", err), syscall.EPERM, "user=alice is not a superuser, and Source")
	report, err := clusterpb.NewWorkersClient(connOf(t, c, "alice")).Report(ctx)
	must(t, err)
	_, err = report.Recv()
	denied(t, wire.FromStatus("", "", err), syscall.EPERM, "user=alice is not a superuser, and Report")

	secret := &pb.MountPRequest{GoosefsPath: proto.String("/m"), UfsPath: proto.String(t.TempDir()), Options: &pb.MountPOptions{Properties: map[string]string{"key": "secret"}}}
	_, err = rpc(t, c, "admin").Mount(ctx, secret)
	must(t, err)
	for user, shown := range map[string]string{"alice": "", "admin": "secret"} {
		table, err := rpc(t, c, user).GetMountTable(ctx, &pb.GetMountTablePRequest{})
		must(t, err)
		if got := table.GetMountPoints()["/m"].GetProperties()["key"]; got != shown {
			t.Errorf("%s is shown %q", user, got)
		}
	}
	// A worker keeps its administration, too.
	for user, code := range map[string]codes.Code{"alice": codes.PermissionDenied, "admin": codes.OK, "": codes.OK} {
		conn, err := c.Login(user).Dial(c.Net.Host("client"), rolestest.WorkerName(0)+":9203")
		must(t, err)
		defer conn.Close()
		worker := pb.NewBlockWorkerClient(conn)
		if _, err := worker.CheckBlocks(ctx, &pb.CheckBlocksRequest{}); err != nil {
			t.Errorf("%q asks what is cached: %v", user, err)
		}
		if _, err := worker.FreeWorker(ctx, &pb.FreeWorkerRequest{}); status.Code(err) != code || err != nil && !strings.Contains(err.Error(), "FreeWorker is for those") {
			t.Errorf("%q has all dropped: %v, want %v", user, err, code)
		}
	}
	if _, err := alice.Workers(ctx); err != nil {
		t.Error(err)
	}
	_, err = rpc(t, c, "alice").StartSync(ctx, &pb.StartSyncPRequest{})
	denied(t, wire.FromStatus("", "", err), syscall.EPERM, "user=alice is not a superuser, and StartSync is for those")
}
