package master_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// op is a caller's operation id.
func op(id int64) *pb.FileSystemMasterCommonPOptions {
	return &pb.FileSystemMasterCommonPOptions{OperationId: &pb.FsOpPId{MostSignificantBits: proto.Int64(77), LeastSignificantBits: &id}}
}

// do calls what changes something, with an operation id, and gives the error as a client has it.
type do func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error

func mkdir(p string, exist bool) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.CreateDirectory(ctx, &pb.CreateDirectoryPRequest{Path: &p, Options: &pb.CreateDirectoryPOptions{
			Recursive: proto.Bool(true), AllowExists: &exist, WriteType: pb.WritePType_CACHE_THROUGH.Enum(), CommonOptions: o,
		}})
		return wire.FromStatus("mkdir", p, err)
	}
}

func remove(p string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.Remove(ctx, &pb.DeletePRequest{Path: &p, Options: &pb.DeletePOptions{Recursive: proto.Bool(true), CommonOptions: o}})
		return wire.FromStatus("remove", p, err)
	}
}

func rename(src, dst string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.Rename(ctx, &pb.RenamePRequest{Path: &src, DstPath: &dst, Options: &pb.RenamePOptions{CommonOptions: o}})
		return wire.FromStatus("rename", src, err)
	}
}

func create(p string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.CreateFile(ctx, &pb.CreateFilePRequest{Path: &p, Options: &pb.CreateFilePOptions{
			Recursive: proto.Bool(true), WriteType: pb.WritePType_CACHE_THROUGH.Enum(), CommonOptions: o,
		}})
		return wire.FromStatus("create", p, err)
	}
}

func complete(p string, length int64) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.CompleteFile(ctx, &pb.CompleteFilePRequest{Path: &p, Options: &pb.CompleteFilePOptions{UfsLength: &length, CommonOptions: o}})
		return wire.FromStatus("complete", p, err)
	}
}

func mount(p, uri string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.Mount(ctx, &pb.MountPRequest{GoosefsPath: &p, UfsPath: &uri, Options: &pb.MountPOptions{CommonOptions: o}})
		return wire.FromStatus("mount", p, err)
	}
}

func unmount(p string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.Unmount(ctx, &pb.UnmountPRequest{GoosefsPath: &p, Options: &pb.UnmountPOptions{CommonOptions: o}})
		return wire.FromStatus("unmount", p, err)
	}
}

func chmod(p string) do {
	return func(ctx context.Context, c pb.FileSystemMasterClientServiceClient, o *pb.FileSystemMasterCommonPOptions) error {
		_, err := c.SetAttribute(ctx, &pb.SetAttributePRequest{Path: &p, Options: &pb.SetAttributePOptions{
			Mode: &pb.PMode{OwnerBits: pb.Bits_ALL.Enum(), GroupBits: pb.Bits_READ.Enum(), OtherBits: pb.Bits_NONE.Enum()}, CommonOptions: o,
		}})
		return wire.FromStatus("chmod", p, err)
	}
}

// A change that is asked for again, because its answer got lost, has its first answer; nothing is done twice, not in
// the under file system either, even if somebody else has the path by now or the source does not answer any more.
func TestRetriesHaveTheFirstAnswer(t *testing.T) {
	t.Parallel()
	const uri = "mem://other"
	for name, c := range map[string]struct {
		first     do
		meanwhile []do // by others
	}{
		"mkdir":           {mkdir("/m/new", false), nil},
		"mkdir, removed":  {mkdir("/m/new", false), []do{remove("/m/new"), mkdir("/m/new", false)}},
		"remove":          {remove("/m/d"), nil},
		"remove, made":    {remove("/m/d/a"), []do{create("/m/d/a"), complete("/m/d/a", 0)}},
		"rename":          {rename("/m/d/a", "/m/d/c"), nil},
		"rename, made":    {rename("/m/d/a", "/m/c"), []do{create("/m/d/a"), complete("/m/d/a", 0)}},
		"create":          {create("/m/new"), nil},
		"mount":           {mount("/n", "mem://second"), nil},
		"mount, and gone": {mount("/n", "mem://second"), []do{unmount("/n")}},
		"unmount":         {unmount("/m"), nil},
		"ns create":       {createNamespace("n", "mem://second"), []do{deleteNamespace("n")}},
		"ns delete":       {deleteNamespace("m"), nil},
		"chmod":           {chmod("/m/d/a"), nil},
		"symlink":         {symlink("/m/new", "d/a"), nil},
		"symlink, gone":   {symlink("/m/new", "d/a"), []do{remove("/m/new")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, second := faulty(), faulty()
			put(t, src, "d/a", "one")
			put(t, src, "d/b", "two")
			m := alone(t, nil, map[string]ufs.UFS{uri: src, "mem://second": second})
			must(t, m.Mount(t.Context(), "/m", uri, client.MountOptions{}))
			stat(t, m.FS, "/m/d/a")
			must(t, c.first(t.Context(), m.rpc, op(1)))
			for i, other := range c.meanwhile {
				must(t, other(t.Context(), m.rpc, op(int64(100+i))))
			}
			src.SetPlan(ufstest.Fault{Err: outage(uri)})
			second.SetPlan(ufstest.Fault{Err: outage("mem://second")})
			changes := func() int {
				return src.Calls("mkdir") + src.Calls("remove") + src.Calls("rename") + src.Calls("create")
			}
			before := changes()
			must(t, c.first(t.Context(), m.rpc, op(1)))
			must(t, c.first(t.Context(), m.rpc, op(1)))
			if changes() != before {
				t.Error("done again in the under file system")
			}
		})
	}
}

// What is refused is refused with GooseFS's text, and leaves both sides as they were.
func TestRefusals(t *testing.T) {
	root, other, frozen := mem.New(), mem.New(), mem.New()
	put(t, root, "d/a", "one")
	put(t, root, "d/sub/b", "two")
	put(t, other, "x", "x")
	put(t, frozen, "f/x", "x")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": root, "mem://other": other, "mem://frozen": frozen})
	must(t, m.Mount(t.Context(), "/m", "mem://other", client.MountOptions{}))
	must(t, m.Mount(t.Context(), "/m/ro", "mem://frozen", client.MountOptions{ReadOnly: true}))
	wantNames(t, m.FS, "/", true, "d", "m")
	wantNames(t, m.FS, "/m", true, "ro", "x")
	wantNames(t, m.FS, "/m/ro/f", true, "x")
	f, ctx := m.FS, t.Context()
	readonly := "A write operation on /m/ro/f%s under a readonly mount point /m/ro is not allowed"
	long := "/" + strings.Repeat("x", 256)
	for what, c := range map[string]struct {
		err   error
		errno syscall.Errno
		text  string
	}{
		"mkdir, there":          {f.Mkdir(ctx, "/d", client.MkdirOptions{}), syscall.EEXIST, "already exists"},
		"mkdir, no parent":      {f.Mkdir(ctx, "/no/d", client.MkdirOptions{}), syscall.ENOENT, `Path "/no" does not exist.`},
		"mkdir, below a file":   {f.Mkdir(ctx, "/d/a/x", client.MkdirOptions{}), syscall.ENOTDIR, "/d/a"},
		"mkdir, read-only":      {f.Mkdir(ctx, "/m/ro/f/new", client.MkdirOptions{}), syscall.EROFS, fmt.Sprintf(readonly, "/new")},
		"mkdir, not UTF-8":      {f.Mkdir(ctx, "/\xff", client.MkdirOptions{}), syscall.EINVAL, "cannot be a path"},
		"mkdir, a newline":      {f.Mkdir(ctx, "/a\nb", client.MkdirOptions{}), syscall.EINVAL, "cannot be a path"},
		"mkdir, up":             {f.Mkdir(ctx, "/../x", client.MkdirOptions{}), syscall.EINVAL, `Path "/../x" contains "..".`},
		"mkdir, a long name":    {f.Mkdir(ctx, long, client.MkdirOptions{}), syscall.ENAMETOOLONG, "has a name longer than 255 bytes"},
		"touch, a long name":    {f.Touch(ctx, long), syscall.ENAMETOOLONG, "has a name longer than 255 bytes"},
		"mv, to a long name":    {f.Rename(ctx, "/d/a", long), syscall.ENAMETOOLONG, "has a name longer than 255 bytes"},
		"mv, up":                {f.Rename(ctx, "/d/a", "/d/../b"), syscall.EINVAL, `Path "/d/../b" contains "..".`},
		"mv, slashes, there":    {f.Rename(ctx, "//d/./a", "/d//sub/"), syscall.EEXIST, "/d/sub already exists"},
		"touch, slashes, there": {f.Touch(ctx, "//d/./a"), syscall.EEXIST, "/d/a already exists"},
		"mkdir, backslashes":    {f.Mkdir(ctx, `/a\..\b`, client.MkdirOptions{}), syscall.EINVAL, "has .. between backslashes"},
		"mkdir, relative":       {f.Mkdir(ctx, "x", client.MkdirOptions{}), syscall.EINVAL, "not absolute"},
		"touch, there":          {f.Touch(ctx, "/d/a"), syscall.EEXIST, "already exists"},
		"touch, read-only":      {f.Touch(ctx, "/m/ro/f/new"), syscall.EROFS, fmt.Sprintf(readonly, "/new")},
		"rm, nothing":           {f.Remove(ctx, "/no", client.RemoveOptions{}), syscall.ENOENT, `Path "/no" does not exist.`},
		"rm, not empty":         {f.Remove(ctx, "/d", client.RemoveOptions{}), syscall.ENOTEMPTY, "is not empty"},
		"rm, read-only":         {f.Remove(ctx, "/m/ro/f/x", client.RemoveOptions{}), syscall.EROFS, fmt.Sprintf(readonly, "/x")},
		"rm, a mount point":     {f.Remove(ctx, "/m/ro", client.RemoveOptions{Recursive: true}), syscall.EBUSY, "mount point"},
		"rm, a mount below":     {f.Remove(ctx, "/m", client.RemoveOptions{Recursive: true}), syscall.EBUSY, "mount point"},
		"rm, the root":          {f.Remove(ctx, "/", client.RemoveOptions{Recursive: true}), syscall.EINVAL, "root"},
		"mv, nothing":           {f.Rename(ctx, "/no", "/x"), syscall.ENOENT, `Path "/no" does not exist.`},
		"mv, there":             {f.Rename(ctx, "/d/a", "/d/sub"), syscall.EEXIST, "already exists"},
		"mv, across mounts":     {f.Rename(ctx, "/d/a", "/m/a"), syscall.EXDEV, "Renaming /d/a to /m/a is a cross mount operation"},
		"mv, into itself":       {f.Rename(ctx, "/d", "/d/sub/d"), syscall.EINVAL, "/d/sub/d"},
		"mv, read-only":         {f.Rename(ctx, "/m/ro/f/x", "/m/ro/f/y"), syscall.EROFS, "readonly mount point /m/ro"},
		"mv, no parent":         {f.Rename(ctx, "/d/a", "/no/a"), syscall.ENOENT, `Path "/no" does not exist.`},
		"mount, there":          {f.Mount(ctx, "/d", "mem://frozen", client.MountOptions{Shared: true}), syscall.EEXIST, "already exists"},
		"mount, nowhere":        {f.Mount(ctx, "/new", "mem://nowhere", client.MountOptions{}), syscall.ENOENT, "cannot mount mem://nowhere at /new"},
		"unmount, no mount":     {f.Unmount(ctx, "/d"), syscall.EINVAL, "/d is not a mount point"},
		"unmount, one below":    {f.Unmount(ctx, "/m"), syscall.EBUSY, "/m/ro"},
		"unmount, the root":     {f.Unmount(ctx, "/"), syscall.EINVAL, "root"},
		"free, nothing":         {f.Free(ctx, "/no", true), syscall.ENOENT, `Path "/no" does not exist.`},
		"free, not recursively": {f.Free(ctx, "/d", false), syscall.ENOTEMPTY, "which is not empty"},
		"chmod, read-only":      {chmod("/m/ro/f/x")(ctx, m.rpc, op(1)), syscall.EROFS, "readonly mount point /m/ro"},
		"chmod, nothing":        {chmod("/no")(ctx, m.rpc, op(2)), syscall.ENOENT, `Path "/no" does not exist.`},
		"complete, nothing":     {complete("/no", 0)(ctx, m.rpc, op(3)), syscall.ENOENT, `Path "/no" does not exist.`},
	} {
		t.Run(what, func(t *testing.T) { want(t, c.err, c.errno, c.text) })
	}
	_, err := m.rpc.SetAttribute(ctx, &pb.SetAttributePRequest{Path: proto.String("/d/a"), Options: &pb.SetAttributePOptions{Persisted: proto.Bool(true)}})
	want(t, wire.FromStatus("", "", err), syscall.ENOTSUP, "persisted")
	wantNames(t, f, "/d", true, "a", "sub")
	wantNames(t, f, "/d/sub", true, "b")
	wantNames(t, f, "/m/ro/f", true, "x")
	if !has(t, root, "d/a") || !has(t, root, "d/sub/b") || !has(t, frozen, "f/x") || has(t, root, "no") || has(t, other, "a") {
		t.Error("an under file system was changed")
	}
}

// What changes in the namespace changes in the under file system, and the other way round nothing is invented.
func TestChangesReachTheSource(t *testing.T) {
	src := mem.New()
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	f, ctx := m.FS, t.Context()
	must(t, f.Mkdir(ctx, "/a/b/c", client.MkdirOptions{Recursive: true, Mode: 0o750}))
	must(t, f.Mkdir(ctx, "/a/b/c", client.MkdirOptions{AllowExists: true}))
	if info := stat(t, f, "/a/b/c"); info.Persistence != "PERSISTED" || info.Mode != 0o750 || !has(t, src, "a/b/c") {
		t.Errorf("made as %+v", info)
	}
	must(t, f.Touch(ctx, "/a/b/empty"))
	if info := stat(t, f, "/a/b/empty"); info.Persistence != "PERSISTED" || !info.Completed || !has(t, src, "a/b/empty") {
		t.Errorf("touched as %+v", info)
	}
	id := stat(t, f, "/a/b/empty").ID
	must(t, f.Rename(ctx, "/a/b", "/a/z"))
	if info := stat(t, f, "/a/z/empty"); info.ID != id || !has(t, src, "a/z/empty") || has(t, src, "a/b") {
		t.Errorf("moved as %+v", info)
	}
	must(t, f.Remove(ctx, "/a/z/empty", client.RemoveOptions{CacheOnly: true}))
	if !has(t, src, "a/z/empty") || stat(t, f, "/a/z/empty").ID == id {
		t.Error("what was only taken out of the cache must be found again")
	}
	// A tree that was never listed goes as a whole.
	put(t, src, "a/z/x/y/z", "deep")
	must(t, f.Remove(ctx, "/a", client.RemoveOptions{Recursive: true}))
	if has(t, src, "a") {
		t.Error("removed only here")
	}
	wantNames(t, f, "/", true)

	// A directory that is only here stays out of the under file system, until something in it needs it there.
	_, err := m.rpc.CreateDirectory(ctx, &pb.CreateDirectoryPRequest{Path: proto.String("/mine")})
	must(t, err)
	if has(t, src, "mine") || stat(t, f, "/mine").Persistence != "NOT_PERSISTED" {
		t.Error("made in the under file system too")
	}
	must(t, f.Mkdir(ctx, "/mine/d", client.MkdirOptions{}))
	if !has(t, src, "mine/d") || stat(t, f, "/mine").Persistence != "PERSISTED" {
		t.Error("a directory in it is not in the under file system")
	}
	must(t, chmod("/mine")(ctx, m.rpc, op(1)))
	if info := stat(t, f, "/mine"); info.Mode != 0o740 {
		t.Errorf("mode %o", info.Mode)
	}
	_, err = m.rpc.SetAttribute(ctx, &pb.SetAttributePRequest{Path: proto.String("/mine"), Options: &pb.SetAttributePOptions{
		Owner: proto.String("ann"), Group: proto.String("geese"), Recursive: proto.Bool(true)}})
	must(t, err)
	if info := stat(t, f, "/mine/d"); info.Owner != "ann" || info.Group != "geese" {
		t.Errorf("owned by %s, %s", info.Owner, info.Group)
	}
}

// A file that nobody was shown is not removed, replaced or written over.
func TestUnknownFilesAreSafe(t *testing.T) {
	src := mem.New()
	put(t, src, "d/known", "x")
	mkdirs(t, src, "empty")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	f, ctx := m.FS, t.Context()
	wantNames(t, f, "/", false, "d", "empty")
	wantNames(t, f, "/d", false, "known")
	wantNames(t, f, "/empty", false)
	put(t, src, "d/unknown", "precious")
	put(t, src, "empty/unknown", "precious")
	want(t, f.Remove(ctx, "/d", client.RemoveOptions{Recursive: true}), syscall.EBUSY, "UFS dir not in sync. Sync UFS, or delete with unchecked flag.")
	want(t, f.Remove(ctx, "/empty", client.RemoveOptions{}), syscall.EBUSY, "UFS dir not in sync")
	want(t, f.Rename(ctx, "/d/known", "/d/unknown"), syscall.EEXIST, "/d/unknown already exists in the under file system")
	want(t, f.Touch(ctx, "/d/unknown"), syscall.EEXIST, "already exists")
	if info, err := src.Stat(ctx, "d/unknown"); err != nil || info.Size != 8 || !has(t, src, "d/known") || !has(t, src, "empty/unknown") {
		t.Fatalf("the file that nobody knew is %+v, %v", info, err)
	}
	wantNames(t, f, "/d", false, "known", "unknown") // by now it is known
	must(t, f.Remove(ctx, "/empty", client.RemoveOptions{Recursive: true, Unchecked: true}))
	if has(t, src, "empty") {
		t.Error("unchecked, and still there")
	}
	must(t, f.Remove(ctx, "/d", client.RemoveOptions{Recursive: true}))
	if has(t, src, "d") {
		t.Error("still there")
	}
}

// A change that its under file system refuses half-way leaves the namespace as the under file system is.
func TestHalfChanges(t *testing.T) {
	src := faulty()
	for _, name := range []string{"d/a", "d/b", "d/c", "e"} {
		put(t, src, name, name)
	}
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	f, ctx := m.FS, t.Context()
	wantNames(t, f, "/d", false, "a", "b", "c")
	denied := &fs.PathError{Op: "change", Path: "mem://root", Err: syscall.EACCES}
	src.SetPlan(ufstest.Fault{Op: "remove", Skip: 1, Err: denied}, ufstest.Fault{Op: "mkdir", Err: denied}, ufstest.Fault{Op: "create", Err: denied}, ufstest.Fault{Op: "rename", Err: denied})
	want(t, f.Remove(ctx, "/d", client.RemoveOptions{Recursive: true}), syscall.EACCES, "")
	left := names(t, f, "/d", false)
	if len(left) != 2 {
		t.Errorf("after one of three removals: %v", left)
	}
	for range 2 { // asked again, it is still refused
		want(t, mkdir("/new", false)(ctx, m.rpc, op(9)), syscall.EACCES, "")
	}
	want(t, f.Rename(ctx, "/e", "/f"), syscall.EACCES, "")
	want(t, f.Touch(ctx, "/touched"), syscall.EACCES, "")
	wantNames(t, f, "/", false, "d", "e", "touched")
	if info := stat(t, f, "/touched"); info.Completed || info.Persistence == "PERSISTED" {
		t.Errorf("a file that is not there is %+v", info)
	}
	src.SetPlan()
	wantNames(t, f, "/d", true, left...)
	must(t, f.Mkdir(ctx, "/new", client.MkdirOptions{}))
	must(t, f.Remove(ctx, "/touched", client.RemoveOptions{}))
	must(t, f.Remove(ctx, "/d", client.RemoveOptions{Recursive: true}))
	if !has(t, src, "new") || has(t, src, "d") {
		t.Error("the under file system is not as the namespace")
	}
}

// A file is persisted when what its writer said is there, staged, and not before. What others put there under its name is not
// taken for it.
func TestCompleteWrittenThrough(t *testing.T) {
	src := mem.New()
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	ctx := t.Context()
	must(t, create("/f")(ctx, m.rpc, op(1)))
	staged := ufs.Staged("f", stat(t, m.FS, "/f").ID)
	want(t, complete("/f", 5)(ctx, m.rpc, op(2)), syscall.EIO, "/f has 0 bytes in the under file system, not 5")
	put(t, src, "f", "54321")
	want(t, complete("/f", 5)(ctx, m.rpc, op(3)), syscall.EIO, "/f has 0 bytes in the under file system, not 5")
	put(t, src, staged, "123")
	want(t, complete("/f", 5)(ctx, m.rpc, op(4)), syscall.EIO, "/f has 3 bytes in the under file system, not 5")
	put(t, src, staged, "12345")
	want(t, complete("/f", 5)(ctx, m.rpc, op(5)), syscall.EEXIST, "")
	must(t, src.Remove(ctx, "f"))
	must(t, complete("/f", 5)(ctx, m.rpc, op(6)))
	must(t, complete("/f", 5)(ctx, m.rpc, op(6)))
	if info := stat(t, m.FS, "/f"); info.Length != 5 || info.Persistence != "PERSISTED" || len(info.Blocks) != 1 {
		t.Errorf("complete as %+v", info)
	}
	id := stat(t, m.FS, "/f").ID
	if info, err := m.Stat(ctx, "/f", client.StatOptions{Sync: true}); err != nil || info.ID != id {
		t.Errorf("a file that was just written is another: %d, was %d, %v", info.ID, id, err)
	}
	if err := complete("/f", 5)(ctx, m.rpc, op(7)); err == nil {
		t.Error("completed twice")
	}
}

// Twenty clients make one directory: one of them did.
func TestOneOfManyMakesIt(t *testing.T) {
	src := mem.New()
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	var all sync.WaitGroup
	made := make(chan bool, 20)
	for i := range 20 {
		all.Go(func() {
			if err := mkdir("/d", false)(t.Context(), m.rpc, op(int64(i))); err == nil {
				made <- true
			} else {
				want(t, err, syscall.EEXIST, "already exists")
			}
		})
	}
	// Meanwhile another directory is moved to and fro.
	must(t, m.Mkdir(t.Context(), "/x", client.MkdirOptions{}))
	for range 5 {
		must(t, m.Rename(t.Context(), "/x", "/y"))
		must(t, m.Rename(t.Context(), "/y", "/x"))
	}
	all.Wait()
	if len(made) != 1 || !has(t, src, "d") || !has(t, src, "x") {
		t.Errorf("made by %d", len(made))
	}
}

// Mounts come and go, nested ones too, with what their under file systems are.
func TestMounts(t *testing.T) {
	outer, inner := mem.New(), mem.New()
	put(t, outer, "in/hidden", "x")
	put(t, inner, "shown", "x")
	m := alone(t, nil, map[string]ufs.UFS{"mem://outer": outer, "mem://inner": inner, "mem://file": notADir{mem.New()}})
	f, ctx := m.FS, t.Context()
	must(t, f.Mount(ctx, "/o", "mem://outer", client.MountOptions{Options: map[string]string{"k": "v"}}))
	want(t, f.Mount(ctx, "/o/in", "mem://inner", client.MountOptions{}), syscall.EEXIST, "")
	want(t, f.Mount(ctx, "/f", "mem://file", client.MountOptions{}), syscall.ENOTDIR, "cannot mount mem://file at /f")
	must(t, f.Mount(ctx, "/o/new", "mem://inner", client.MountOptions{ReadOnly: true}))
	wantNames(t, f, "/o", false, "in", "new")
	wantNames(t, f, "/o/new", false, "shown")
	if got, want := table(t, f), "/ mem://root mem false map[]\n/o mem://outer mem false map[k:v]\n/o/new mem://inner mem true map[]\n"; got != want {
		t.Errorf("mounts:\n%s\nwant\n%s", got, want)
	}
	if info := stat(t, f, "/o/new"); !info.MountPoint || info.UFSPath != "mem://inner" {
		t.Errorf("mount point %+v", info)
	}
	if info := stat(t, f, "/o/new/shown"); info.UFSPath != "mem://inner/shown" {
		t.Errorf("in the mount %+v", info)
	}
	_, err := m.rpc.UpdateMount(ctx, &pb.UpdateMountPRequest{GoosefsPath: proto.String("/o/new"), Options: &pb.MountPOptions{ReadOnly: proto.Bool(false)}})
	must(t, err)
	must(t, f.Touch(ctx, "/o/new/written"))
	if !has(t, inner, "written") || has(t, outer, "new") {
		t.Error("written elsewhere")
	}
	must(t, f.Unmount(ctx, "/o/new"))
	must(t, f.Unmount(ctx, "/o"))
	_, err = f.Stat(ctx, "/o/in", client.StatOptions{})
	want(t, err, syscall.ENOENT, "")
	if !has(t, outer, "in/hidden") || !has(t, inner, "shown") {
		t.Error("unmounting removed something")
	}
}

// table is the mount table, as far as it does not change by itself.
func table(t *testing.T, f *client.FS) string {
	t.Helper()
	mounts, err := f.Mounts(t.Context())
	must(t, err)
	var lines strings.Builder
	for _, m := range mounts {
		fmt.Fprintln(&lines, m.Path, m.UFS, m.Type, m.ReadOnly, m.Options)
	}
	return lines.String()
}

// notADir is a source whose root is a file.
type notADir struct{ ufs.UFS }

func (notADir) Stat(context.Context, string) (ufs.Info, error) { return ufs.Info{Size: 1}, nil }

// Until its root is mounted a leader refuses, as GooseFS does in safe mode, and says so when it is asked.
func TestSafeMode(t *testing.T) {
	t.Parallel()
	m := alone(t, func(o *master.Options) { o.RootUFS = "mem://late" }, nil)
	ctx := t.Context()
	cluster := clusterpb.NewClusterClient(m.conn)
	eventually(t, "the master leads", func() bool {
		s, err := cluster.Status(ctx, &clusterpb.StatusRequest{})
		return err == nil && s.GetLeader() == "m:9200" && s.GetSafeMode()
	})
	_, err := m.rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: proto.String("/")})
	if _, standby := wire.LeaderHint(err); !standby || !strings.Contains(err.Error(), "GooseFS master is in safe mode. Please try again later.") {
		t.Errorf("in safe mode: %v", err)
	}
	m.swap("mem://late", mem.New())
	if info := stat(t, m.FS, "/"); !info.MountPoint {
		t.Errorf("root %+v", info)
	}
	if s, err := cluster.Status(ctx, &clusterpb.StatusRequest{}); err != nil || s.GetSafeMode() {
		t.Errorf("still in safe mode: %v, %v", s, err)
	}
}

// What is made has the one spelling of its path, as what is asked for has.
func TestSpellings(t *testing.T) {
	root := mem.New()
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": root})
	f, ctx := m.FS, t.Context()
	must(t, f.Mkdir(ctx, "//d/./sub/", client.MkdirOptions{Recursive: true}))
	must(t, f.Touch(ctx, "/d//f"))
	must(t, f.Rename(ctx, "/d/./f", "//d/sub//g"))
	wantNames(t, f, "/d", false, "sub")
	wantNames(t, f, "/d/sub", false, "g")
}
