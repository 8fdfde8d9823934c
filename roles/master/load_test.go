package master_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// A hundred clients that ask for one path that is not known yet cost its source one call; so do those that list.
func TestOneLookForAll(t *testing.T) {
	src := faulty()
	put(t, src, "dir/file", "hello")
	g := newGate(src, "stat", "dir") // nothing is looked up before all have asked
	g.armed.Store(true)
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": g})
	stats, lists := src.Calls("stat"), src.Calls("list")
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			info, err := m.Stat(t.Context(), "/dir/file", client.StatOptions{})
			if err != nil || info.Length != 5 || info.Persistence != "PERSISTED" {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
	<-g.reached
	close(g.open)
	all.Wait()
	if got := src.Calls("stat") - stats; got != 2 { // one for each component
		t.Errorf("%d calls for 100 clients", got)
	}
	for range 20 {
		all.Go(func() { wantNames(t, m.FS, "/dir", false, "file") })
	}
	all.Wait()
	if got := src.Calls("list") - lists; got != 1 {
		t.Errorf("%d listings for 20 clients", got)
	}
	// What is not there is known from the listing.
	stats = src.Calls("stat")
	for range 10 {
		_, err := m.Stat(t.Context(), "/dir/nothing", client.StatOptions{})
		want(t, err, syscall.ENOENT, `Path "/dir/nothing" does not exist.`)
	}
	if got := src.Calls("stat") - stats; got != 0 {
		t.Errorf("%d calls for a name that the listing lacks", got)
	}
}

// swap puts another source behind a URI, before its mount is first used.
func (l *lone) swap(uri string, u ufs.UFS) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.sources[uri] = u
}

// A directory of 2,500 entries arrives in messages of at most a thousand, in order, from one listing.
func TestListInPages(t *testing.T) {
	src := faulty()
	for i := range 2500 {
		put(t, src, fmt.Sprintf("big/f%04d", i), "x")
	}
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	stream, err := m.rpc.ListStatus(t.Context(), &pb.ListStatusPRequest{Path: proto.String("/big")})
	must(t, err)
	var pages []int
	last := ""
	for {
		page, err := stream.Recv()
		if err != nil {
			break
		}
		pages = append(pages, len(page.GetFileInfos()))
		for _, info := range page.GetFileInfos() {
			if info.GetName() <= last || info.GetPath() != "/big/"+info.GetName() || info.GetFileId() <= 0 {
				t.Fatalf("after %s comes %v", last, info)
			}
			last = info.GetName()
		}
	}
	if fmt.Sprint(pages) != "[1000 1000 500]" || src.Calls("list") != 1 {
		t.Errorf("messages of %v entries from %d listings", pages, src.Calls("list"))
	}
	if info := stat(t, m.FS, "/big"); info.Length != 2500 {
		t.Errorf("the directory has %d entries", info.Length)
	}
}

// What changes at the source is found when the present state is asked for, and not before.
func TestSourceChanges(t *testing.T) {
	src := mem.New()
	put(t, src, "a", "one")
	put(t, src, "d/x", "x")
	put(t, src, "d/y", "y")
	m := alone(t, nil, map[string]ufs.UFS{"mem://root": src})
	wantNames(t, m.FS, "/", false, "a", "d")
	wantNames(t, m.FS, "/d", false, "x", "y")
	// One is only here: no look takes it away.
	_, err := m.rpc.CreateFile(t.Context(), &pb.CreateFilePRequest{Path: proto.String("/d/mine"), Options: &pb.CreateFilePOptions{WriteType: pb.WritePType_MUST_CACHE.Enum()}})
	must(t, err)
	before := stat(t, m.FS, "/a")

	put(t, src, "a", "two, longer")
	put(t, src, "d/z", "z")
	must(t, src.Remove(t.Context(), "d/x"))
	if now := stat(t, m.FS, "/a"); now.ID != before.ID || now.Length != 3 {
		t.Errorf("known without a look: %+v", now)
	}
	now, err := m.Stat(t.Context(), "/a", client.StatOptions{Sync: true})
	if err != nil || now.ID == before.ID || now.Length != 11 {
		t.Errorf("a changed file has id %d (was %d) and %d bytes, %v", now.ID, before.ID, now.Length, err)
	}
	// So is one whose listing was asked for: all there is of it is the file itself.
	put(t, src, "a", "three, even longer")
	for info, err := range m.List(t.Context(), "/a", client.StatOptions{Sync: true}) {
		if err != nil || info.ID == now.ID || info.Length != 18 {
			t.Errorf("listed, a changed file has id %d (was %d) and %d bytes, %v", info.ID, now.ID, info.Length, err)
		}
	}
	put(t, src, "a", "four")
	for _, c := range []struct {
		age    time.Duration
		length int64
	}{{time.Hour, 18}, {time.Nanosecond, 4}} {
		time.Sleep(5 * time.Millisecond) // what is known is older than a millisecond, which is the least that can be said
		if info, err := m.Stat(t.Context(), "/a", client.StatOptions{MaxAge: c.age}); err != nil || info.Length != c.length {
			t.Errorf("no older than %v it has %d bytes, want %d; %v", c.age, info.Length, c.length, err)
		}
	}
	wantNames(t, m.FS, "/d", false, "mine", "x", "y")
	wantNames(t, m.FS, "/d", true, "mine", "y", "z")
	_, err = m.Stat(t.Context(), "/d/x", client.StatOptions{})
	want(t, err, syscall.ENOENT, `Path "/d/x" does not exist.`)

	must(t, src.Remove(t.Context(), "d/y"))
	_, err = m.Stat(t.Context(), "/d/y", client.StatOptions{Sync: true})
	want(t, err, syscall.ENOENT, "does not exist")
	must(t, src.Remove(t.Context(), "a"))
	put(t, src, "a/now/a/directory", "x")
	if info, err := m.Stat(t.Context(), "/a/now", client.StatOptions{Sync: true}); err == nil {
		t.Errorf("below a file that nobody compared: %+v", info)
	}
	info, err := m.Stat(t.Context(), "/a", client.StatOptions{Sync: true})
	if err != nil || !info.Dir {
		t.Errorf("a file that became a directory: %+v, %v", info, err)
	}
	stat(t, m.FS, "/a/now/a/directory")

	// A directory that went is found by a look at it, and by a listing of it.
	put(t, src, "gone/x", "x")
	put(t, src, "left/x", "x")
	wantNames(t, m.FS, "/gone", true, "x")
	wantNames(t, m.FS, "/left", true, "x")
	for _, name := range []string{"gone/x", "gone", "left/x", "left"} {
		must(t, src.Remove(t.Context(), name))
	}
	_, err = m.Stat(t.Context(), "/gone", client.StatOptions{Sync: true})
	want(t, err, syscall.ENOENT, `Path "/gone" does not exist.`)
	for _, err := range m.List(t.Context(), "/left", client.StatOptions{Sync: true}) {
		want(t, err, syscall.ENOENT, `Path "/left" does not exist.`)
	}
	// One that is new is found below a listing that lacks it.
	put(t, src, "new/x", "x")
	wantNames(t, m.FS, "/new", true, "x")
}

// How old an answer may be is a matter of configuration, and how much is looked up at all of the call.
func TestHowMuchIsLookedUp(t *testing.T) {
	src := mem.New()
	put(t, src, "d/a", "one")
	m := alone(t, func(o *master.Options) { o.SyncInterval = 0 }, map[string]ufs.UFS{"mem://root": src})
	get := func(p string, load *pb.LoadMetadataPType, interval *int64) *pb.FileInfo {
		o := &pb.GetStatusPOptions{LoadMetadataType: load, CommonOptions: &pb.FileSystemMasterCommonPOptions{SyncIntervalMs: interval}}
		got, err := m.rpc.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: &p, Options: o})
		if err != nil {
			return nil
		}
		return got.GetFileInfo()
	}
	if got := get("/d/a", pb.LoadMetadataPType_NEVER.Enum(), nil); got != nil {
		t.Errorf("looked up: %v", got)
	}
	if got := get("/d/a", nil, nil); got.GetLength() != 3 {
		t.Errorf("not looked up: %v", got)
	}
	put(t, src, "d/a", "longer")
	for _, any := range []int64{-1, 1 << 62, 3_600_000} {
		if got := get("/d/a", nil, &any); got.GetLength() != 3 {
			t.Errorf("%d ms: %v", any, got)
		}
	}
	if got := get("/d/a", pb.LoadMetadataPType_ALWAYS.Enum(), proto.Int64(-1)); got.GetLength() != 6 {
		t.Errorf("not as it is now: %v", got)
	}
	put(t, src, "d/a", "even longer")
	if got := get("/d/a", nil, nil); got.GetLength() != 11 {
		t.Errorf("not as it is now, which is configured: %v", got)
	}
	batch, err := m.rpc.GetStatusBatch(t.Context(), &pb.GetStatusBatchPRequest{Paths: []string{"/d/a", "/d/nothing", "/d", "bad"}})
	must(t, err)
	if infos := batch.GetFileInfos(); len(infos) != 2 || infos[0].GetPath() != "/d/a" || !infos[1].GetFolder() || fmt.Sprint(batch.GetFailedPaths()) != "[/d/nothing bad]" {
		t.Errorf("batch %v", batch)
	}
}

// A source that is out of reach is EIO with its URL; what is known stays, and nothing is taken for gone.
func TestSourceOutOfReach(t *testing.T) {
	const uri = "mem://sick"
	src := faulty()
	put(t, src, "d/a", "one")
	put(t, src, "e/b", "two")
	m := alone(t, nil, map[string]ufs.UFS{uri: src})
	must(t, m.Mount(t.Context(), "/m", uri, client.MountOptions{}))
	wantNames(t, m.FS, "/m/d", false, "a")
	for _, try := range []func() error{
		func() error { _, err := m.Stat(t.Context(), "/m/e", client.StatOptions{}); return err },
		func() error { _, err := m.Stat(t.Context(), "/m/d/a", client.StatOptions{Sync: true}); return err },
		func() error { return listError(t, m.FS, "/m/d") },
		func() error { return m.Remove(t.Context(), "/m/d/a", client.RemoveOptions{}) },
		func() error { return m.Mkdir(t.Context(), "/m/d/new", client.MkdirOptions{}) },
		func() error { return m.Rename(t.Context(), "/m/d/a", "/m/d/c") },
	} {
		src.SetPlan(ufstest.Fault{Err: outage(uri)})
		want(t, try(), syscall.EIO, uri)
		src.SetPlan()
		stat(t, m.FS, "/m") // known
		names(t, m.FS, "/m/d", true)
	}
	want(t, m.Mount(t.Context(), "/m2", uri+"2", client.MountOptions{}), syscall.ENOENT, "cannot mount mem://sick2 at /m2")
	wantNames(t, m.FS, "/m/d", false, "a")
	stat(t, m.FS, "/m/d/a")
	// Another mount does not care.
	must(t, m.Mkdir(t.Context(), "/well", client.MkdirOptions{}))

	stat(t, m.FS, "/m/e/b")
	// An answer that breaks off says nothing about what did not come.
	src.SetPlan(ufstest.Fault{Op: "list", Err: outage(uri)})
	want(t, listError(t, m.FS, "/m/d"), syscall.EIO, uri)
	wantNames(t, m.FS, "/m/d", false, "a")
	// Nor does a mount whose own root is not there.
	src.SetPlan(ufstest.Fault{Op: "list", Err: &fs.PathError{Op: "list", Path: uri, Err: syscall.ENOENT}})
	want(t, listError(t, m.FS, "/m"), syscall.EIO, "the under file system of /m is not there")
}

// listError is how a listing, as the source has it now, ends.
func listError(t *testing.T, f *client.FS, p string) error {
	for _, err := range f.List(t.Context(), p, client.StatOptions{Sync: true}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// A look that saw a directory just before something in it was removed, moved or made does not undo that, nor does a
// listing.
func TestLooksDoNotUndoChanges(t *testing.T) {
	looks := map[string]func(*lone) error{
		"stat": func(m *lone) error {
			_, err := m.Stat(m.t.Context(), "/d/a", client.StatOptions{Sync: true})
			return err
		},
		"list": func(m *lone) error { return listError(m.t, m.FS, "/d") },
	}
	changes := map[string]struct {
		change func(*lone) error
		left   []string
	}{
		"remove": {func(m *lone) error { return m.Remove(m.t.Context(), "/d/a", client.RemoveOptions{}) }, []string{"b"}},
		"rename": {func(m *lone) error { return m.Rename(m.t.Context(), "/d/a", "/d/c") }, []string{"b", "c"}},
		"touch":  {func(m *lone) error { return m.Touch(m.t.Context(), "/d/c") }, []string{"a", "b", "c"}},
		"mkdir":  {func(m *lone) error { return m.Mkdir(m.t.Context(), "/d/c", client.MkdirOptions{}) }, []string{"a", "b", "c"}},
	}
	for op, look := range looks {
		for name, c := range changes {
			t.Run(op+" and "+name, func(t *testing.T) {
				src := mem.New()
				put(t, src, "d/a", "one")
				put(t, src, "d/b", "two")
				g := newGate(src, op, "d/a")
				m := alone(t, nil, map[string]ufs.UFS{"mem://root": listGate{g}})
				stat(t, m.FS, "/d/a")
				if op == "list" {
					wantNames(t, m.FS, "/d", false, "a", "b")
				}
				g.armed.Store(true)
				looked := make(chan error, 1)
				go func() { looked <- look(m) }()
				<-g.reached // it saw what was; the namespace did not hear of it yet
				must(t, c.change(m))
				close(g.open)
				if err := <-looked; err != nil && (op == "list" || !errors.Is(err, syscall.ENOENT)) {
					t.Errorf("the look ends with %v", err)
				}
				if _, err := m.Stat(t.Context(), "/d/a", client.StatOptions{}); (err == nil) != (c.left[0] == "a") {
					t.Errorf("/d/a: %v", err)
				}
				wantNames(t, m.FS, "/d", false, c.left...)
			})
		}
	}
}

// listGate holds back the end of a listing.
type listGate struct{ *gate }

func (g listGate) List(ctx context.Context, name string) iter.Seq2[ufs.Info, error] {
	return func(yield func(ufs.Info, error) bool) {
		for info, err := range g.UFS.List(ctx, name) {
			if !yield(info, err) {
				return
			}
		}
		if name == ufs.Parent(g.name) {
			g.hold("list", g.name)
		}
	}
}
