package write

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// moody is an under file system that takes no new files while it is told to.
type moody struct {
	ufs.UFS
	sick *atomic.Bool
}

func (m moody) Create(ctx context.Context, name string, mode fs.FileMode) (ufs.Writer, error) {
	if m.sick.Load() {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EIO}
	}
	return m.UFS.Create(ctx, name, mode)
}

// startMoody is a cluster on an under file system that can be made sick.
func startMoody(t *testing.T, o rolestest.Options) (*rolestest.Cluster, *atomic.Bool) {
	t.Helper()
	sick := new(atomic.Bool)
	o.OpenUFS = func(uri string, options map[string]string) (ufs.UFS, string, error) {
		u, kind, err := scheme.Open(uri, options)
		return moody{u, sick}, kind, err
	}
	return rolestest.Start(t, o), sick
}

// What is to be persisted is, whatever happens: the under file system takes nothing for a while, the leader stops, the next
// one too, the workers are started again. Meanwhile the file can be read, and what fails can be seen.
func TestAsyncIsDoneInTheEnd(t *testing.T) {
	c, sick := startMoody(t, rolestest.Options{Masters: 3, Workers: 2, BlockSize: blockSize})
	sick.Store(true)
	f := c.Client()
	data := randomBytes(1, 3*blockSize+77)
	paths := []string{"/a/b/f", "/empty", "/g"}
	put(t, f, paths[0], data, client.CreateOptions{Recursive: true, Type: client.AsyncThrough})
	put(t, f, paths[1], nil, client.CreateOptions{Type: client.AsyncThrough})
	put(t, f, paths[2], data[:1000], client.CreateOptions{Type: client.MustCache})
	if err := f.Persist(t.Context(), paths[2]); err != nil {
		t.Fatal(err)
	}
	failed := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " files are seen to fail"), func() bool {
			got, err := f.FailedPersistence(t.Context())
			return err == nil && len(got) == n
		})
	}
	failed(3)
	master := func() pb.FileSystemMasterClientServiceClient {
		return pb.NewFileSystemMasterClientServiceClient(c.Conn(c.Leader()))
	}
	if n, err := master().CountFailedPersistence(t.Context(), &pb.CountFailedPersistencePRequest{MaxTraverseCount: proto.Int64(2)}); err != nil || n.GetTraversedCount() != 2 || n.GetTraverseFinished() {
		t.Errorf("%v, %v", n, err)
	}
	if l, err := master().ListFailedPersistence(t.Context(), &pb.ListFailedPersistencePRequest{MaxFilesCount: proto.Int64(1)}); err != nil || len(l.GetFailedFiles()) != 1 || !l.GetTruncated() {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := master().ListFailedPersistence(t.Context(), &pb.ListFailedPersistencePRequest{Marker: proto.String("x")}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a marker that is none: %v", err)
	}
	if d, err := master().CheckPersistenceDone(t.Context(), &pb.CheckPersistenceDonePRequest{}); err != nil || d.GetDone() {
		t.Errorf("done: %v, %v", d, err)
	}
	for range 2 {
		leader := c.Leader()
		c.StopMaster(leader)
		failed(3)
		c.StartMaster(leader)
		c.WaitForWorkers(2)
	}
	for i := range c.Workers {
		c.StopWorker(i)
		c.StartWorker(i)
	}
	c.WaitForWorkers(2)
	if info := stat(t, f, paths[0]); info.Persistence != "TO_BE_PERSISTED" {
		t.Errorf("it is %s", info.Persistence)
	}
	same(t, c.Client(), paths[0], data)
	if names := listed(t, c); len(names) > 0 {
		t.Errorf("in the under file system: %v", names)
	}
	sick.Store(false)
	if r, err := master().RetryFailedPersistence(t.Context(), &pb.RetryFailedPersistencePRequest{}); err != nil {
		t.Errorf("%v, %v", r, err)
	}
	eventually(t, "all is persisted", func() bool {
		d, err := master().CheckPersistenceDone(t.Context(), &pb.CheckPersistenceDonePRequest{})
		return err == nil && d.GetDone()
	})
	for i, want := range [][]byte{data, nil, data[:1000]} {
		inFolder(t, c, paths[i], want)
		if info := stat(t, f, paths[i]); info.Persistence != "PERSISTED" {
			t.Errorf("%s is %s", paths[i], info.Persistence)
		}
		same(t, c.Client(), paths[i], want)
	}
	failed(0)
	if n := len(folder(t, c)); n != 3 {
		t.Errorf("in the under file system: %v", folder(t, c))
	}
	if err := f.Persist(t.Context(), paths[0]); err != nil {
		t.Errorf("a file that is persisted cannot be persisted: %v", err)
	}
	for _, path := range paths { // nobody needs to keep them any more
		if err := f.Free(t.Context(), path, false); err != nil {
			t.Errorf("%s cannot be freed: %v", path, err)
		}
		same(t, c.Client(), path, map[string][]byte{paths[0]: data, paths[1]: nil, paths[2]: data[:1000]}[path])
	}
}

// Who persists a file may have it wait; who asks again without a wait has it begun at once.
func TestPersistAfterAWhile(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, 1000)
	const wait = 1500 * time.Millisecond
	began := time.Now()
	for path, wait := range map[string]time.Duration{"/soon": wait, "/late": time.Hour, "/never": 1 << 62} {
		put(t, f, path, data, client.CreateOptions{Type: client.MustCache})
		if err := f.PersistAfter(t.Context(), path, wait); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it is persisted", func() bool { return stat(t, f, "/soon").Persistence == "PERSISTED" })
	if took := time.Since(began); took < wait {
		t.Errorf("persisted after %v", took)
	}
	for _, path := range []string{"/late", "/never"} {
		if state := stat(t, f, path).Persistence; state != "TO_BE_PERSISTED" {
			t.Errorf("%s is %s", path, state)
		}
		if err := f.Persist(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is persisted, too", func() bool { return stat(t, f, path).Persistence == "PERSISTED" })
		inFolder(t, c, path, data)
	}
}

// A file that is moved or removed while it is persisted ends up where it is, or nowhere.
func TestAsyncMovedAndRemoved(t *testing.T) {
	c, sick := startMoody(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	sick.Store(true)
	f := c.Client()
	data := randomBytes(1, 2*blockSize)
	put(t, f, "/moved", data, client.CreateOptions{Type: client.AsyncThrough})
	put(t, f, "/removed", data, client.CreateOptions{Type: client.AsyncThrough})
	if err := f.Mkdir(t.Context(), "/d", client.MkdirOptions{CacheOnly: true}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Rename(t.Context(), "/moved", "/d/moved"), f.Remove(t.Context(), "/removed", client.RemoveOptions{})); err != nil {
		t.Fatal(err)
	}
	sick.Store(false)
	eventually(t, "it is persisted", func() bool { return stat(t, f, "/d/moved").Persistence == "PERSISTED" })
	inFolder(t, c, "/d/moved", data)
	gone(t, f, "/removed")
	if n := len(folder(t, c)); n != 1 {
		t.Errorf("in the under file system: %v", folder(t, c))
	}
	same(t, c.Client(), "/d/moved", data)
}

// What cannot be persisted is refused in words.
func TestPersistRefused(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	wants(t, f.Persist(t.Context(), "/none"), syscall.ENOENT, "does not exist")
	wants(t, f.Persist(t.Context(), "/"), syscall.EISDIR, "Cannot persist directory")
	create(t, f, "/writing", client.CreateOptions{})
	wants(t, f.Persist(t.Context(), "/writing"), syscall.EBUSY, "it is being written")
}

// An under file system that breaks while a file is written through it: the writer is told, nothing is seen of the file, and
// it can be written again.
func TestThroughToASickUFS(t *testing.T) {
	c, sick := startMoody(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, 2*blockSize)
	for _, kind := range []client.WriteType{client.CacheThrough, client.Through} {
		sick.Store(true)
		w := create(t, f, "/f", client.CreateOptions{Type: kind})
		_, err := w.Write(data)
		if err == nil {
			err = w.Close()
		} else {
			w.Cancel()
		}
		wants(t, err, syscall.EIO, "cannot write /f to the under file system")
		gone(t, f, "/f")
		if names := folder(t, c); len(names) > 0 {
			t.Errorf("in the under file system: %v", names)
		}
		sick.Store(false)
		put(t, f, "/f", data, client.CreateOptions{Type: kind})
		inFolder(t, c, "/f", data)
		if err := f.Remove(t.Context(), "/f", client.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}
