package write

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// listed are the files of the under file system that anybody sees.
func listed(t testing.TB, c *rolestest.Cluster) (names []string) {
	t.Helper()
	for _, name := range folder(t, c) {
		if !strings.HasPrefix(filepath.Base(name), ".goosefs-") {
			names = append(names, name)
		}
	}
	return names
}

// held is how many bytes all workers hold.
func held(c *rolestest.Cluster) (n int64) {
	for _, w := range c.Workers {
		n += w.Used()
	}
	return n
}

// Before it is closed nobody sees a file's bytes, neither in the cluster nor in the under file system; when it is cancelled
// nothing is left of it anywhere, and its name is free.
func TestCancel(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, 2*blockSize+blockSize/2)
	for _, kind := range []client.WriteType{client.MustCache, client.CacheThrough, client.Through} {
		w := create(t, f, "/f", client.CreateOptions{Type: kind})
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if info := stat(t, c.Client(), "/f"); info.Completed || info.Length != 0 {
			t.Errorf("%s: it is complete, of %d bytes", kind, info.Length)
		}
		if names := listed(t, c); len(names) > 0 {
			t.Errorf("%s: the under file system shows %v", kind, names)
		}
		if err := w.Cancel(); err != nil {
			t.Fatal(err)
		}
		gone(t, f, "/f")
		eventually(t, "nothing is held", func() bool { return held(c) == 0 })
		eventually(t, "nothing is left in the under file system", func() bool { return len(folder(t, c)) == 0 })
		if _, err := w.Write(data); !errors.Is(err, syscall.EBADF) {
			t.Errorf("written after it was cancelled: %v", err)
		}
		if err := w.Close(); !errors.Is(err, syscall.EBADF) {
			t.Errorf("closed after it was cancelled: %v", err)
		}
	}
	put(t, f, "/f", data, client.CreateOptions{Type: client.CacheThrough})
	inFolder(t, c, "/f", data)
	_, err := f.CreateFile(t.Context(), "/f", client.CreateOptions{})
	wants(t, err, syscall.EEXIST, "already exists")
}

// A file whose writer is gone and told nobody is removed after a while, with all that is left of it; one that is being
// written is not, however long that takes.
func TestAbandoned(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize, AbandonedAfter: 2 * time.Second})
	f, dying := c.Client(), c.Client()
	data := randomBytes(1, 2*blockSize+7)
	for path, kind := range map[string]client.WriteType{"/cached": client.MustCache, "/d/through": client.CacheThrough} {
		w := create(t, dying, path, client.CreateOptions{Type: kind, Recursive: true})
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	create(t, f, "/named-only", client.CreateOptions{})
	slow := create(t, f, "/slow", client.CreateOptions{Type: client.CacheThrough})
	if _, err := slow.Write(data); err != nil {
		t.Fatal(err)
	}
	dying.Close()
	began := time.Now()
	for _, path := range []string{"/cached", "/d/through", "/named-only"} {
		eventually(t, path+" is gone", func() bool {
			_, err := f.Stat(t.Context(), path, client.StatOptions{})
			return errors.Is(err, os.ErrNotExist)
		})
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("they were removed after %v", took)
	}
	if _, err := slow.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, f, "/slow", slices.Concat(data, data))
	eventually(t, "nothing else is in the under file system", func() bool { return slices.Equal(folder(t, c), []string{"/slow"}) })
}

// The length that a file is given must be that of what was written.
func TestLengthsMustAgree(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	conn := pb.NewFileSystemMasterClientServiceClient(c.Conn(0))
	for _, kind := range []client.WriteType{client.MustCache, client.Through} {
		path := "/" + kind.String()
		info, err := f.Create(t.Context(), path, client.CreateOptions{Type: kind})
		if err != nil {
			t.Fatal(err)
		}
		data := randomBytes(2, 1000)
		start := &pb.WriteRequestCommand{Type: pb.RequestType_GOOSEFS_BLOCK.Enum(), Id: proto.Int64(info.ID &^ 0xffffff)}
		if kind == client.Through {
			start = &pb.WriteRequestCommand{Type: pb.RequestType_UFS_FILE.Enum(), Id: proto.Int64(-1),
				CreateUfsFileOptions: &pb.CreateUfsFileOptions{UfsPath: &info.UFSPath, MountId: &info.MountID}}
		}
		s := stream(t, worker(t, c, 0), start)
		if err := s.Send(chunk(data)); err != nil {
			t.Fatal(err)
		}
		end(t, s)
		for _, length := range []int64{0, 999, 1001, blockSize + 1} {
			if kind == client.MustCache && length == blockSize+1 || kind == client.Through && length == 0 {
				continue // told apart below
			}
			_, err := conn.CompleteFile(t.Context(), &pb.CompleteFilePRequest{Path: &path, Options: &pb.CompleteFilePOptions{UfsLength: &length}})
			if err == nil {
				t.Fatalf("%s: complete with %d bytes of 1000", kind, length)
			}
		}
		if err := f.Complete(t.Context(), path, 1000); err != nil {
			t.Fatal(err)
		}
		same(t, f, path, data)
	}
	// A file may be complete of which nothing was ever written.
	if _, err := f.Create(t.Context(), "/never", client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Complete(t.Context(), "/never", 104); err != nil {
		t.Fatal(err)
	}
	if info := stat(t, f, "/never"); info.Length != 104 || !info.Completed {
		t.Errorf("%+v", info)
	}
	_, err := get(t, f, "/never")
	wants(t, err, syscall.EIO, "/never")
	err = f.Complete(t.Context(), "/never", 104)
	wants(t, err, syscall.EBUSY, "already completed")
}

// What is nowhere else is still there when much else was read, and when its worker was started again; it can be freed by
// nobody but who removes it.
func TestUnpersistedStays(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize, Quota: 16 * mib, High: 0.9, Low: 0.7})
	f := c.Client()
	data := randomBytes(1, 5*blockSize+5)
	put(t, f, "/precious", data, client.CreateOptions{Type: client.MustCache})
	crowd := func(from int) {
		t.Helper()
		for i := from; i < from+8; i++ {
			name, other := fmt.Sprintf("/%d", i), randomBytes(uint64(i), 4*mib)
			if err := os.WriteFile(c.Root+name, other, 0o644); err != nil {
				t.Fatal(err)
			}
			same(t, f, name, other)
		}
	}
	crowd(0)
	same(t, c.Client(), "/precious", data)
	c.StopWorker(0)
	c.StartWorker(0)
	c.WaitForWorkers(1)
	crowd(100)
	same(t, c.Client(), "/precious", data)
	wants(t, f.Free(t.Context(), "/precious", false), syscall.EBUSY, "not persisted")
	w := worker(t, c, 0)
	if _, err := w.FreeWorker(t.Context(), &pb.FreeWorkerRequest{}); err != nil {
		t.Fatal(err)
	}
	first := stat(t, f, "/precious").ID &^ 0xffffff
	if _, err := w.RemoveBlock(t.Context(), &pb.RemoveBlockRequest{BlockId: &first}); err == nil {
		t.Error("a block that is nowhere else was removed by a client")
	}
	if _, err := pb.NewFileSystemMasterClientServiceClient(c.Conn(0)).RemoveBlocks(t.Context(), &pb.RemoveBlocksPRequest{BlockIds: []int64{first}}); err == nil {
		t.Error("a block of a complete file that is nowhere else was removed")
	}
	same(t, c.Client(), "/precious", data)
	if err := f.Remove(t.Context(), "/precious", client.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() bool { return held(c) == 0 })
}

// A cache full of what is nowhere else takes no more, and says so; what goes through is written all the same.
func TestFullOfWhatIsNowhereElse(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize, Quota: 8 * mib})
	f := c.Client()
	data := randomBytes(1, 5*mib)
	put(t, f, "/first", data, client.CreateOptions{Type: client.MustCache})
	w := create(t, f, "/second", client.CreateOptions{Type: client.MustCache})
	_, err := w.Write(data)
	if err == nil {
		err = w.Close()
	} else {
		w.Cancel()
	}
	wants(t, err, syscall.ENOSPC, "nowhere else; persist or remove files, give it a larger quota")
	gone(t, f, "/second")
	put(t, f, "/third", data, client.CreateOptions{Type: client.CacheThrough})
	inFolder(t, c, "/third", data)
	same(t, f, "/third", data)
	same(t, f, "/first", data)
}

// The worker that holds the only copy is gone: who reads is told so, soon, and never gets another byte. When it comes back
// the file is there.
func TestLostWorker(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, 4*blockSize)
	put(t, f, "/f", data, client.CreateOptions{Type: client.MustCache})
	holder := 0
	if stat(t, f, "/f").Blocks[0].Locations[0].Host == rolestest.WorkerName(1) {
		holder = 1
	}
	c.StopWorker(holder)
	c.WaitForWorkers(1)
	began := time.Now()
	_, err := get(t, f, "/f")
	wants(t, err, syscall.EIO, "of /f cannot be read now: its worker "+rolestest.WorkerName(holder)+":9203 was last heard of")
	if state := stat(t, f, "/f").Persistence; state != "NOT_PERSISTED" {
		t.Errorf("it is %s while its worker may only be started again", state)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("told after %v", took)
	}
	c.StartWorker(holder)
	c.WaitForWorkers(2)
	same(t, c.Client(), "/f", data)
}

// What writers left behind that died at a bad moment is removed from the under file system after a while; what is still
// being written is not.
func TestSweep(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize, SweepEvery: time.Second})
	f := c.Client()
	put(t, f, "/d/kept", []byte("kept"), client.CreateOptions{Recursive: true, Type: client.Through})
	long := time.Now().Add(-time.Hour)
	for _, name := range []string{"/.goosefs-1ffffff.staged", "/d/.goosefs-ABC.tmp", "/d/.goosefs-soon.tmp"} {
		if err := os.WriteFile(c.Root+name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := long
		if strings.Contains(name, "soon") {
			at = time.Now().Add(time.Hour)
		}
		if err := os.Chtimes(c.Root+name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what is old is gone", func() bool {
		return slices.Equal(folder(t, c), []string{"/d/.goosefs-soon.tmp", "/d/kept"})
	})
}
