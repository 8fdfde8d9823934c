package wiretest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// What official clients compute with is in a status: ids of blocks, their sizes and places, and the words that name states.
func TestStatusOfAFile(t *testing.T) {
	s := newStand(t, rolestest.Options{Workers: 2})
	s.put("d/f", bytesOf(3*blockSize+blockSize/2))
	info := s.stat("/d/f")
	id := info.GetFileId()
	if id&(1<<24-1) != 1<<24-1 || id>>24 < 1 {
		t.Errorf("file id %x", id)
	}
	if info.GetName() != "f" || info.GetPath() != "/d/f" || info.GetUfsPath() != filepath.Join(s.Root, "d/f") || info.GetMountId() == 0 {
		t.Errorf("it is %s, %s, %s, mount %d", info.GetName(), info.GetPath(), info.GetUfsPath(), info.GetMountId())
	}
	if info.GetLength() != 3*blockSize+blockSize/2 || info.GetBlockSizeBytes() != blockSize || info.GetMode() != 0o644 || info.GetOwner() == "" || info.GetGroup() == "" {
		t.Errorf("length %d, blocks of %d, mode %o, of %s, %s", info.GetLength(), info.GetBlockSizeBytes(), info.GetMode(), info.GetOwner(), info.GetGroup())
	}
	if !info.GetCompleted() || info.GetFolder() || !info.GetCacheable() || !info.GetPersisted() || info.GetPersistenceState() != "PERSISTED" || info.GetCapability() != nil {
		t.Errorf("states: %v", info)
	}
	if min(info.GetCreationTimeMs(), info.GetLastModificationTimeMs(), info.GetLastAccessTimeMs()) <= 0 {
		t.Errorf("times: %v", info)
	}
	listed, err := s.manager.GetWorkerInfoList(t.Context(), &pb.GetWorkerInfoListPOptions{})
	must(t, err)
	workers := map[int64]bool{}
	for _, w := range listed.GetWorkerInfos() {
		workers[w.GetId()] = true
	}
	if len(info.GetBlockIds()) != 4 || len(info.GetFileBlockInfos()) != 4 {
		t.Fatalf("%d ids and %d blocks", len(info.GetBlockIds()), len(info.GetFileBlockInfos()))
	}
	for i, b := range info.GetFileBlockInfos() {
		length := int64(blockSize)
		if i == 3 {
			length /= 2
		}
		if b.GetBlockInfo().GetBlockId() != id>>24<<24|int64(i) || info.GetBlockIds()[i] != b.GetBlockInfo().GetBlockId() ||
			b.GetOffset() != int64(i)*blockSize || b.GetBlockInfo().GetLength() != length {
			t.Errorf("block %d: %v", i, b)
		}
		if at := b.GetBlockInfo().GetLocations(); len(at) == 0 || !workers[at[0].GetWorkerId()] {
			t.Errorf("block %d is at %v, workers are %v", i, at, workers)
		}
	}
}

// To GooseFS 2.x a directory has no length, and is complete.
func TestStatusOfADirectory(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("d/f", nil)
	_, _, err := s.list("/d")
	must(t, err)
	for path, name := range map[string]string{"/": "", "/d": "d"} {
		info := s.stat(path)
		if !info.GetFolder() || !info.GetCompleted() || info.Length == nil || info.GetLength() != 0 || info.GetName() != name || info.GetPath() != path ||
			min(info.GetCreationTimeMs(), info.GetLastModificationTimeMs(), info.GetLastAccessTimeMs()) <= 0 {
			t.Errorf("%s: %v", path, info)
		}
	}
	if n := s.stat("/d").GetChildren(); n != 1 {
		t.Errorf("our own clients are told of %d children", n)
	}
}

// An empty file has no blocks, and all of them are here.
func TestStatusOfAnEmptyFile(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("f", nil)
	if info := s.stat("/f"); info.GetLength() != 0 || len(info.GetBlockIds()) != 0 || info.GetInGooseFSPercentage() != 100 || info.GetBlockSizeBytes() != blockSize {
		t.Errorf("%v", info)
	}
}

func TestStatusRefuses(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("f", nil)
	for path, code := range map[string]codes.Code{
		"": codes.InvalidArgument, "relative": codes.InvalidArgument, "/..": codes.InvalidArgument, "/a/../f": codes.InvalidArgument, "/nul\x00": codes.InvalidArgument,
		"/" + strings.Repeat("n", 256): codes.InvalidArgument, strings.Repeat("/d", 3000): codes.InvalidArgument,
		"/none": codes.NotFound, "/f/below": codes.NotFound,
	} {
		_, err := s.files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: &path})
		want(t, "GetStatus "+path[:min(len(path), 20)], err, code, "")
	}
	if info := s.stat("//f/"); info.GetPath() != "/f" {
		t.Errorf("it is called %s", info.GetPath())
	}
}

// A batch answers what it can, in order, and names the rest.
func TestStatusBatch(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("a", []byte("a"))
	s.put("b", []byte("bb"))
	reply, err := s.files.GetStatusBatch(t.Context(), &pb.GetStatusBatchPRequest{Paths: []string{"/b", "/none", "/a", "bad"}})
	must(t, err)
	if infos := reply.GetFileInfos(); len(infos) != 2 || infos[0].GetPath() != "/b" || infos[1].GetPath() != "/a" || fmt.Sprint(reply.GetFailedPaths()) != "[/none bad]" {
		t.Errorf("%v", reply)
	}
	if reply, err := s.files.GetStatusBatch(t.Context(), &pb.GetStatusBatchPRequest{}); err != nil || proto.Size(reply) != 0 {
		t.Errorf("nothing asked: %v, %v", reply, err)
	}
}

// A directory is listed in messages that official clients take, without itself; a file lists itself.
func TestListing(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	wanted := map[string]bool{}
	for i := range 2300 {
		name := fmt.Sprintf("%05d-%s", i, strings.Repeat("x", 100))
		wanted["/big/"+name] = true
		s.put("big/"+name, nil)
	}
	must(t, os.Mkdir(filepath.Join(s.Root, "empty"), 0o755))
	entries, pages, err := s.list("/big")
	must(t, err)
	if len(entries) != len(wanted) || pages != 3 {
		t.Errorf("%d entries in %d messages", len(entries), pages)
	}
	for _, e := range entries {
		if !wanted[e.GetPath()] || e.GetName() != filepath.Base(e.GetPath()) || e.GetFolder() || e.GetFileId() <= 0 || e.GetLastModificationTimeMs() <= 0 {
			t.Fatalf("%v", e)
		}
	}
	if entries, _, err := s.list("/empty"); err != nil || len(entries) != 0 {
		t.Errorf("/empty: %v, %v", entries, err)
	}
	if entries, _, err := s.list("/big/" + entries[7].GetName()); err != nil || len(entries) != 1 {
		t.Errorf("a file: %v, %v", entries, err)
	}
	_, _, err = s.list("/none")
	want(t, "ListStatus /none", err, codes.NotFound, "")
}

func TestCreateDirectory(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("f", nil)
	must(t, s.mkdir("/d", false))
	must(t, s.mkdir("/d", false)) // official clients always allow it to be there
	must(t, s.mkdir("/a/b/c", true))
	if info := s.stat("/a/b/c"); !info.GetFolder() || info.GetMode() != 0o755 {
		t.Errorf("made as %v", info)
	}
	want(t, "below nothing", s.mkdir("/x/y", false), codes.NotFound, "")
	want(t, "a file is there", s.mkdir("/f", false), codes.AlreadyExists, "")
	want(t, "a file is there", s.mkdir("/f", true), codes.AlreadyExists, "")
	want(t, "a bad path", s.mkdir("/../d", true), codes.InvalidArgument, "")
	if s.has("d") {
		t.Error("a directory that nothing was said about is in the under file system")
	}
}

// That a directory is not empty official clients read from the text.
func TestRemove(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("d/f", []byte("x"))
	want(t, "a full directory", s.remove("/d", false), codes.FailedPrecondition, "is not empty")
	if !s.has("d/f") || s.stat("/d/f").GetLength() != 1 {
		t.Error("something is gone")
	}
	must(t, s.remove("/d", true))
	if s.has("d") {
		t.Error("it is there")
	}
	want(t, "again", s.remove("/d", true), codes.NotFound, "")
	want(t, "the root", s.remove("/", true), codes.InvalidArgument, "")
	must(t, s.mkdir("/only/here", true))
	want(t, "a full directory that is only here", s.remove("/only", false), codes.FailedPrecondition, "is not empty")
	must(t, s.remove("/only", true))
}

// A rename replaces nothing, keeps ids, and takes the object along; what was not cached yet is read from where it is now.
func TestRename(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(2*blockSize + 5)
	s.put("f", data)
	s.put("g", []byte("g"))
	s.put("d/x", []byte("x"))
	before := s.stat("/f")
	want(t, "onto a file", s.rename("/f", "/g"), codes.AlreadyExists, "")
	want(t, "onto a directory", s.rename("/f", "/d"), codes.AlreadyExists, "")
	want(t, "of nothing", s.rename("/none", "/h"), codes.NotFound, "")
	want(t, "to nowhere", s.rename("/f", "/none/h"), codes.NotFound, "")
	want(t, "into itself", s.rename("/d", "/d/e"), codes.InvalidArgument, "")
	for _, step := range [][2]string{{"/f", "/d/h"}, {"/d", "/e"}, {"/e/h", "/i"}} {
		must(t, s.rename(step[0], step[1]))
	}
	after := s.stat("/i")
	if after.GetFileId() != before.GetFileId() || after.GetUfsPath() != filepath.Join(s.Root, "i") || s.has("f") || !s.has("e/x") {
		t.Errorf("moved as %v", after)
	}
	for i := range int64(3) {
		length := min(blockSize, int64(len(data))-i*blockSize)
		got, err := s.read(0, after, i, 0, length, nil)
		if err != nil || string(got) != string(data[i*blockSize:i*blockSize+length]) {
			t.Errorf("block %d: %d bytes, %v", i, len(got), err)
		}
	}
	// The next look into the under file system finds nothing new.
	now := &pb.GetStatusPOptions{LoadMetadataType: pb.LoadMetadataPType_ALWAYS.Enum()}
	reply, err := s.files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/i"), Options: now})
	must(t, err)
	if id := reply.GetFileInfo().GetFileId(); id != before.GetFileId() {
		t.Errorf("its id was %d and is %d", before.GetFileId(), id)
	}
}

// A file that was replaced in the under file system is moved as what it is there, and its old bytes are nobody's.
func TestRenameOfAChangedFile(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("f", []byte("old bytes"))
	before := s.stat("/f")
	s.put("f.new", []byte("new bytes!"))
	must(t, os.Rename(filepath.Join(s.Root, "f.new"), filepath.Join(s.Root, "f")))
	must(t, s.rename("/f", "/g"))
	if !s.has("g") {
		t.Fatal("it was not moved")
	}
	_, err := s.read(0, before, 0, 0, before.GetLength(), nil)
	want(t, "what it was", err, codes.FailedPrecondition, "changed")
	now := &pb.GetStatusPOptions{LoadMetadataType: pb.LoadMetadataPType_ALWAYS.Enum()}
	reply, err := s.files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/g"), Options: now})
	must(t, err)
	info := reply.GetFileInfo()
	if got, err := s.read(0, info, 0, 0, info.GetLength(), nil); err != nil || string(got) != "new bytes!" || info.GetFileId() == before.GetFileId() {
		t.Errorf("%q, %v, id %d", got, err, info.GetFileId())
	}
}

// Of many renames to one name one happens.
func TestRenameRace(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	const n = 16
	for i := range n {
		s.put(fmt.Sprintf("s%d", i), fmt.Append(nil, i))
		s.stat(fmt.Sprintf("/s%d", i))
	}
	errs := make([]error, n)
	var race sync.WaitGroup
	for i := range n {
		race.Go(func() { errs[i] = s.rename(fmt.Sprintf("/s%d", i), "/target") })
	}
	race.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Errorf("%d and %d were moved", won, i)
		case err == nil:
			won = i
		default:
			want(t, "who lost", err, codes.AlreadyExists, "")
			if !s.has(fmt.Sprintf("s%d", i)) {
				t.Errorf("%d lost, and is gone", i)
			}
		}
	}
	if info := s.stat("/target"); won < 0 || info.GetLength() != int64(len(fmt.Sprint(won))) {
		t.Errorf("%d won, and the target has %d bytes", won, info.GetLength())
	}
}

func TestAttributes(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("d/f", []byte("x"))
	s.stat("/d/f")
	mode := &pb.PMode{OwnerBits: pb.Bits_ALL.Enum(), GroupBits: pb.Bits_READ.Enum(), OtherBits: pb.Bits_NONE.Enum()}
	set := func(path string, o *pb.SetAttributePOptions) error {
		_, err := s.files.SetAttribute(t.Context(), &pb.SetAttributePRequest{Path: &path, Options: o})
		return err
	}
	must(t, set("/d", &pb.SetAttributePOptions{Mode: mode, Owner: proto.String("ann"), Group: proto.String("geese"), Recursive: proto.Bool(true)}))
	for _, path := range []string{"/d", "/d/f"} {
		if info := s.stat(path); info.GetMode() != 0o740 || info.GetOwner() != "ann" || info.GetGroup() != "geese" {
			t.Errorf("%s: %o, %s, %s", path, info.GetMode(), info.GetOwner(), info.GetGroup())
		}
	}
	must(t, set("/d", nil)) // nothing to set
	want(t, "of nothing", set("/none", &pb.SetAttributePOptions{Mode: mode}), codes.NotFound, "")
	if _, err := s.files.SetAttribute(t.Context(), &pb.SetAttributePRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("of no path: %v", err)
	}
}

func TestMounts(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	other := t.TempDir()
	must(t, os.WriteFile(filepath.Join(other, "f"), []byte("hello"), 0o644))
	mount := func(path, ufs string) error {
		_, err := s.files.Mount(t.Context(), &pb.MountPRequest{GoosefsPath: &path, UfsPath: &ufs, Options: &pb.MountPOptions{ReadOnly: proto.Bool(true)}})
		return err
	}
	must(t, mount("/m", other))
	table, err := s.files.GetMountTable(t.Context(), &pb.GetMountTablePRequest{})
	must(t, err)
	if points := table.GetMountPoints(); len(points) != 2 || points["/m"].GetUfsUri() != other || !points["/m"].GetReadOnly() || points["/"].GetUfsType() != "local" {
		t.Errorf("mounted: %v", points)
	}
	info := s.stat("/m/f")
	if got, err := s.read(0, info, 0, 0, 5, nil); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if root := s.stat("/m"); !root.GetMountPoint() || root.GetMountId() != info.GetMountId() || root.GetMountId() == s.stat("/").GetMountId() {
		t.Errorf("%v", root)
	}
	want(t, "twice", mount("/m", other), codes.AlreadyExists, "")
	want(t, "nothing", mount("/n", other+"/none"), codes.NotFound, "")
	want(t, "a change in a read-only mount", s.rename("/m/f", "/m/g"), codes.PermissionDenied, "")
	want(t, "a move out of it", s.rename("/m/f", "/g"), codes.InvalidArgument, "")
	_, err = s.files.Unmount(t.Context(), &pb.UnmountPRequest{GoosefsPath: proto.String("/m")})
	must(t, err)
	_, err = s.files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/m/f")})
	want(t, "after it was taken away", err, codes.NotFound, "")
	_, err = s.files.Unmount(t.Context(), &pb.UnmountPRequest{GoosefsPath: proto.String("/m")})
	want(t, "a second time", err, codes.NotFound, "")
}
