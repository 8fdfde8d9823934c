package master_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

func createNamespace(name, uri string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.CreateNamespace(ctx, &pb.CreateNamespacePRequest{Namespace: &name, UfsPath: &uri, Options: &pb.CreateNamespacePOptions{CommonOptions: o}})
		return wire.FromStatus("create", name, err)
	}
}

func deleteNamespace(name string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.DeleteNamespace(ctx, &pb.DeleteNamespacePRequest{Namespace: &name, Options: &pb.DeleteNamespacePOptions{CommonOptions: o}})
		return wire.FromStatus("delete", name, err)
	}
}

// namespaces are all namespaces, a line each.
func namespaces(t *testing.T, f *client.FS) string {
	t.Helper()
	list, err := f.Namespaces(t.Context())
	must(t, err)
	var lines strings.Builder
	for _, n := range list {
		fmt.Fprintf(&lines, "%s %s write=%s read=%s ttl=%v %v\n", n.Dir.Path, n.Dir.UFSPath, n.Write, n.Read, n.TTL, n.Action)
	}
	return lines.String()
}

// A namespace is made, shown, changed and deleted; it is a mount in all that.
func TestNamespaceLife(t *testing.T) {
	t.Parallel()
	src := mem.New()
	put(t, src, "d/f", "x")
	m := alone(t, nil, map[string]ufs.UFS{"mem://a": src, "mem://b": mem.New()})
	f, ctx := m.FS, t.Context()
	must(t, f.CreateNamespace(ctx, "a", "mem://a", client.NamespaceOptions{Options: map[string]string{"id": "AKID", "region": "x"}, Secrets: []string{"id"}}))
	must(t, f.Mount(ctx, "/b", "mem://b", client.MountOptions{}))
	if got, want := namespaces(t, f), "/a mem://a write=CACHE_THROUGH read=CACHE ttl=0s DELETE\n/b mem://b write= read= ttl=0s DELETE\n"; got != want {
		t.Errorf("namespaces:\n%swant\n%s", got, want)
	}
	wantNames(t, f, "/a/d", false, "f")
	if got, want := table(t, f), "/ mem://root mem false map[]\n/a mem://a mem false map[id:****** region:x]\n/b mem://b mem false map[]\n"; got != want {
		t.Errorf("mounts:\n%swant\n%s", got, want)
	}

	// What is named is changed, and the rest stays.
	must(t, f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{Read: new(client.NoCache)}))
	must(t, f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{TTL: new(time.Hour), Action: new(client.TTLFree)}))
	must(t, f.SetNamespacePolicy(ctx, "b", client.NamespacePolicy{Write: new(client.AsyncThrough)}))
	must(t, f.UpdateNamespace(ctx, "a", client.NamespaceChange{ReadOnly: new(true), Options: map[string]string{"region": "", "key": "k"}, Secrets: []string{"key"}}))
	if got, want := namespaces(t, f), "/a mem://a write=CACHE_THROUGH read=NO_CACHE ttl=1h0m0s FREE\n/b mem://b write=ASYNC_THROUGH read= ttl=0s DELETE\n"; got != want {
		t.Errorf("namespaces, changed:\n%swant\n%s", got, want)
	}
	if got, want := table(t, f), "/ mem://root mem false map[]\n/a mem://a mem true map[id:****** key:******]\n/b mem://b mem false map[]\n"; got != want {
		t.Errorf("mounts, changed:\n%swant\n%s", got, want)
	}
	must(t, f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{Write: new(client.WriteType(0)), Read: new(client.ReadPolicy(0)), TTL: new(time.Duration(0)), Action: new(client.TTLDelete)}))
	n, err := f.StatNamespace(ctx, "a")
	must(t, err)
	if n.Write != "CACHE_THROUGH" || n.Read != "CACHE" || n.TTL != 0 || !n.Dir.MountPoint || n.Dir.Created.IsZero() {
		t.Errorf("reset: %+v", n)
	}
	_, err = m.rpc.SetNamespaceAttribute(ctx, &pb.SetNamespaceAttributePRequest{Namespace: proto.String("a"), Options: &pb.SetNamespaceAttributePOptions{
		Owner: proto.String("bob"), Group: proto.String("team"), Mode: &pb.PMode{OwnerBits: pb.Bits_ALL.Enum(), GroupBits: pb.Bits_READ.Enum(), OtherBits: pb.Bits_NONE.Enum()}}})
	must(t, err)
	if info := stat(t, f, "/a"); info.Owner != "bob" || info.Group != "team" || info.Mode != 0o740 {
		t.Errorf("owner, group, mode: %+v", info)
	}

	must(t, f.DeleteNamespace(ctx, "a"))
	must(t, f.DeleteNamespace(ctx, "b")) // however it was made
	if got := namespaces(t, f); got != "" || !has(t, src, "d/f") {
		t.Errorf("left: %q; the under file system has lost its file: %v", got, !has(t, src, "d/f"))
	}
}

// What a namespace cannot be is refused before anything is done, in a line that says what to do.
func TestNamespaceRefused(t *testing.T) {
	t.Parallel()
	m := alone(t, nil, map[string]ufs.UFS{"mem://a": mem.New(), "mem://b": mem.New(), "mem://file": notADir{mem.New()}})
	f, ctx := m.FS, t.Context()
	must(t, f.CreateNamespace(ctx, "a", "mem://a", client.NamespaceOptions{ReadOnly: true}))
	must(t, f.Mkdir(ctx, "/dir/full", client.MkdirOptions{Recursive: true}))
	must(t, f.Mount(ctx, "/a/deep", "mem://b", client.MountOptions{}))
	before := namespaces(t, f) + table(t, f)
	create := func(name, uri string, o client.NamespaceOptions) error { return f.CreateNamespace(ctx, name, uri, o) }
	attribute := func(o *pb.SetNamespaceAttributePOptions) error {
		_, err := m.rpc.SetNamespaceAttribute(ctx, &pb.SetNamespaceAttributePRequest{Namespace: proto.String("a"), Options: o})
		return wire.FromStatus("set", "/a", err)
	}
	_, statErr := f.StatNamespace(ctx, "none")
	for what, c := range map[string]struct {
		err   error
		errno syscall.Errno
		text  string
	}{
		"no name":           {create("", "mem://b", client.NamespaceOptions{}), syscall.EINVAL, `"" cannot be the name of a namespace`},
		"a path":            {create("x/y", "mem://b", client.NamespaceOptions{}), syscall.EINVAL, `"x/y" cannot be the name of a namespace: it is the name of a directory in "/", without slashes`},
		"itself":            {create(".", "mem://b", client.NamespaceOptions{}), syscall.EINVAL, `"." cannot be`},
		"above":             {create("..", "mem://b", client.NamespaceOptions{}), syscall.EINVAL, `".." cannot be`},
		"too long":          {create(strings.Repeat("n", 256), "mem://b", client.NamespaceOptions{}), syscall.ENAMETOOLONG, "of 256 bytes is longer than 255"},
		"a line":            {create("a\nb", "mem://b", client.NamespaceOptions{}), syscall.EINVAL, "control characters"},
		"unreachable":       {create("new", "mem://nowhere", client.NamespaceOptions{}), syscall.ENOENT, "cannot mount mem://nowhere at /new"},
		"a file":            {create("new", "mem://file", client.NamespaceOptions{}), syscall.ENOTDIR, "cannot mount mem://file at /new"},
		"there":             {create("a", "mem://b", client.NamespaceOptions{Shared: true}), syscall.EEXIST, "Mount point /a already exists"},
		"not empty":         {create("dir", "mem://b", client.NamespaceOptions{Shared: true}), syscall.EEXIST, "/dir already exists"},
		"overlaps":          {create("new", "mem://a", client.NamespaceOptions{}), syscall.EEXIST, "mount it as shared to allow that"},
		"write policy":      {create("new", "mem://b", client.NamespaceOptions{Write: 7}), syscall.EINVAL, "Invalid write policy 7 of /new: it is 1 to 6"},
		"read policy":       {create("new", "mem://b", client.NamespaceOptions{Read: 258}), syscall.EINVAL, "Invalid read policy 258 of /new: it is 1 to 5"},
		"delete, none":      {f.DeleteNamespace(ctx, "none"), syscall.ENOENT, "Namespace none does not exist; goosefs ns ls lists"},
		"delete, nested":    {f.DeleteNamespace(ctx, "a"), syscall.EBUSY, "Cannot unmount /a: it contains mount point /a/deep"},
		"delete, no mount":  {f.DeleteNamespace(ctx, "dir"), syscall.ENOENT, "Namespace dir does not exist"},
		"stat, none":        {statErr, syscall.ENOENT, "Namespace none does not exist"},
		"update, none":      {f.UpdateNamespace(ctx, "none", client.NamespaceChange{}), syscall.ENOENT, "Namespace none does not exist"},
		"policy, none":      {f.SetNamespacePolicy(ctx, "none", client.NamespacePolicy{}), syscall.ENOENT, "Namespace none does not exist"},
		"set a bad policy":  {f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{Write: new(client.WriteType(-1))}), syscall.EINVAL, "Invalid write policy -1"},
		"set a bad time":    {attribute(&pb.SetNamespaceAttributePOptions{Ttl: proto.Int64(0)}), syscall.EINVAL, "Invalid TTL 0 of /a: it is milliseconds, more than 0"},
		"set a bad action":  {attribute(&pb.SetNamespaceAttributePOptions{TtlAction: pb.TtlAction(3).Enum()}), syscall.EINVAL, "Invalid TTL action 3 of /a"},
		"set persisted":     {attribute(&pb.SetNamespaceAttributePOptions{Persisted: proto.Bool(true)}), syscall.ENOTSUP, "cannot be set by a client"},
		"set loaded":        {attribute(&pb.SetNamespaceAttributePOptions{DirectChildrenLoad: proto.Bool(true)}), syscall.ENOTSUP, "goosefs fs loadMetadata /a"},
		"delete, read-only": {f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{TTL: new(time.Hour)}), syscall.EROFS, "choose the TTL action free or delete_only_goosefs"},
	} {
		t.Run(what, func(t *testing.T) { want(t, c.err, c.errno, c.text) })
	}
	if after := namespaces(t, f) + table(t, f); after != before {
		t.Errorf("something was done:\n%swas\n%s", after, before)
	}
}

// A namespace is not changed to options with which its under file system cannot be reached.
func TestNamespaceUpdateIsTried(t *testing.T) {
	t.Parallel()
	src := faulty()
	m := alone(t, nil, map[string]ufs.UFS{"mem://a": src})
	f, ctx := m.FS, t.Context()
	must(t, f.CreateNamespace(ctx, "a", "mem://a", client.NamespaceOptions{Options: map[string]string{"k": "good"}}))
	src.SetPlan(ufstest.Fault{Op: "stat", Err: syscall.EACCES})
	want(t, f.UpdateNamespace(ctx, "a", client.NamespaceChange{Options: map[string]string{"k": "bad"}}), syscall.EACCES, "cannot mount mem://a at /a")
	must(t, f.UpdateNamespace(ctx, "a", client.NamespaceChange{Shared: new(true)})) // that asks nothing of it
	if got := table(t, f); !strings.Contains(got, "map[k:good]") {
		t.Errorf("mounts:\n%s", got)
	}
}

// Namespaces are for superusers to change, and for all to see, but for their options.
func TestNamespacePermissions(t *testing.T) {
	c := company(t, 1)
	ctx, root, alice := t.Context(), c.Client(), c.ClientOf("alice")
	must(t, root.CreateNamespace(ctx, "n", t.TempDir(), client.NamespaceOptions{Options: map[string]string{"key": "secret"}}))
	for call, err := range map[string]error{
		"CreateNamespace":       alice.CreateNamespace(ctx, "m", t.TempDir(), client.NamespaceOptions{}),
		"DeleteNamespace":       alice.DeleteNamespace(ctx, "n"),
		"UpdateNamespace":       alice.UpdateNamespace(ctx, "n", client.NamespaceChange{Shared: new(true)}),
		"SetNamespaceAttribute": alice.SetNamespacePolicy(ctx, "n", client.NamespacePolicy{TTL: new(time.Second)}),
	} {
		denied(t, err, syscall.EPERM, "user=alice is not a superuser, and "+call+" is for those")
	}
	if n, err := alice.StatNamespace(ctx, "n"); err != nil || n.Write != "CACHE_THROUGH" {
		t.Errorf("alice sees %+v, %v", n, err)
	}
	if got := namespaces(t, alice); strings.Count(got, "\n") != 1 {
		t.Errorf("alice sees %q", got)
	}
	must(t, c.ClientOf("admin").DeleteNamespace(ctx, "n"))
}

// The directories of a namespace tell official clients how to write, and its files how they are read.
func TestPoliciesAreTold(t *testing.T) {
	t.Parallel()
	src := mem.New()
	put(t, src, "d/f", "x")
	m := alone(t, nil, map[string]ufs.UFS{"mem://a": src, "mem://b": mem.New()})
	f, ctx := m.FS, t.Context()
	must(t, f.CreateNamespace(ctx, "a", "mem://a", client.NamespaceOptions{Write: client.AsyncThrough, Read: client.NoCache}))
	must(t, f.Mount(ctx, "/a/deep", "mem://b", client.MountOptions{}))
	for p, want := range map[string]string{"/a": "ASYNC_THROUGH", "/a/d": "ASYNC_THROUGH", "/a/d/f": "", "/a/deep": "", "/": ""} {
		info := stat(t, f, p)
		if got := string(info.Xattr["innerWriteType"]); got != want {
			t.Errorf("%s: write type %q, want %q", p, got, want)
		}
		if policy := map[bool]client.ReadPolicy{true: client.NoCache}[strings.HasPrefix(p, "/a") && p != "/a/deep"]; info.ReadPolicy != policy {
			t.Errorf("%s: read policy %v, want %v", p, info.ReadPolicy, policy)
		}
		if cached := !strings.HasPrefix(p, "/a") || p == "/a/deep"; info.Cacheable != cached {
			t.Errorf("%s: cacheable %v", p, info.Cacheable)
		}
	}
	// That a namespace writes through makes nobody's file persisted who did not write it so.
	create := &pb.CreateFilePRequest{Path: proto.String("/a/d/new"), Options: &pb.CreateFilePOptions{}}
	must(t, f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{Write: new(client.Through)}))
	resp, err := m.rpc.CreateFile(ctx, create)
	must(t, err)
	_, err = m.rpc.CompleteFile(ctx, &pb.CompleteFilePRequest{Path: create.Path, Options: &pb.CompleteFilePOptions{UfsLength: proto.Int64(0)}})
	must(t, err)
	if info := stat(t, f, "/a/d/new"); info.Persistence != "NOT_PERSISTED" || resp.GetFileInfo().GetCacheable() || has(t, src, "d/new") {
		t.Errorf("a file without a type: %+v", info)
	}
}

// In a consistent namespace the under file system is asked at every access, unless the caller says what he wants.
func TestConsistentNamespace(t *testing.T) {
	t.Parallel()
	src := mem.New()
	put(t, src, "f", "x")
	m := alone(t, nil, map[string]ufs.UFS{"mem://a": src})
	f, ctx := m.FS, t.Context()
	must(t, f.CreateNamespace(ctx, "a", "mem://a", client.NamespaceOptions{}))
	wantNames(t, f, "/a", false, "f")
	put(t, src, "g", "xx")
	put(t, src, "f", "longer")
	wantNames(t, f, "/a", false, "f") // as known
	if info := stat(t, f, "/a/f"); info.Length != 1 {
		t.Errorf("what is known of f is %d bytes", info.Length)
	}
	for _, policy := range []client.ReadPolicy{client.CacheConsistent, client.CacheConsistentPromote} {
		must(t, f.SetNamespacePolicy(ctx, "a", client.NamespacePolicy{Read: &policy}))
		if info := stat(t, f, "/a/f"); info.Length != 6 {
			t.Errorf("%v: f is %d bytes", policy, info.Length)
		}
		wantNames(t, f, "/a", false, "f", "g")
		put(t, src, "f", "again!")
	}
	put(t, src, "h", "x")
	_, err := m.rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: proto.String("/a/h"), Options: &pb.GetStatusPOptions{CommonOptions: &pb.FileSystemMasterCommonPOptions{SyncIntervalMs: proto.Int64(-1)}}})
	want(t, wire.FromStatus("stat", "/a/h", err), syscall.ENOENT, "does not exist")
	stat(t, f, "/a/h")
}
