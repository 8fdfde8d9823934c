package write

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
)

// forgetful is an under file system that, so often, gives a file its name and says that it failed: as if the master had died
// right then.
type forgetful struct {
	ufs.UFS
	times *atomic.Int64
}

var errForgotten = &fs.PathError{Op: "rename", Path: "nobody knows what", Err: syscall.EIO}

func (f forgetful) Move(ctx context.Context, from, to string, v ufs.Version) (ufs.Info, error) {
	info, err := f.UFS.(ufs.Mover).Move(ctx, from, to, v)
	if err == nil && f.times.Add(-1) >= 0 {
		return ufs.Info{}, errForgotten
	}
	return info, err
}

func (f forgetful) Moved(ctx context.Context, to string, v ufs.Version) (ufs.Info, error) {
	return f.UFS.(ufs.Mover).Moved(ctx, to, v)
}

func startForgetful(t *testing.T) (*rolestest.Cluster, *atomic.Int64) {
	t.Helper()
	times := new(atomic.Int64)
	return rolestest.Start(t, rolestest.Options{Masters: 3, Workers: 2, BlockSize: blockSize,
		OpenUFS: func(uri string, options map[string]string) (ufs.UFS, string, error) {
			u, kind, err := scheme.Open(uri, options)
			return forgetful{u, times}, kind, err
		}}), times
}

// staged writes a file through, all but its end.
func staged(t testing.TB, c *rolestest.Cluster, f *client.FS, path string, data []byte) client.Info {
	t.Helper()
	info := made(t, f, path, client.Through)
	if len(data) == 0 {
		return info
	}
	s := stream(t, worker(t, c, 0), file(info))
	if err := s.Send(chunk(data)); err != nil {
		t.Fatal(err)
	}
	end(t, s)
	return info
}

// replace puts a stranger's file at a path of the under file system.
func replace(t testing.TB, c *rolestest.Cluster, path string, data []byte) {
	t.Helper()
	os.Remove(c.Root + path)
	if err := os.WriteFile(c.Root+path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Somebody put a file of the same length where a file that is written through is to be: it is not taken for that, whatever
// became of what was written, and nobody touches it.
func TestAStrangerIsThere(t *testing.T) {
	c, times := startForgetful(t)
	f := c.Client()
	data, other := randomBytes(1, 5000), randomBytes(2, 5000)
	refused := func(path string, length int64, errno syscall.Errno, words string, stays []byte) {
		t.Helper()
		wants(t, f.Complete(t.Context(), path, length), errno, words)
		inFolder(t, c, path, stays)
		if info := stat(t, f, path); info.Completed {
			t.Errorf("%s is complete: %+v", path, info)
		}
		if err := f.Remove(t.Context(), path, client.RemoveOptions{CacheOnly: true}); err != nil {
			t.Fatal(err)
		}
		inFolder(t, c, path, stays)
	}
	staged(t, c, f, "/both", data)
	replace(t, c, "/both", other)
	refused("/both", 5000, syscall.EEXIST, "", other)

	info := staged(t, c, f, "/vanished", data)
	replace(t, c, "/vanished", other)
	if err := os.Remove(c.Root + "/" + ufs.Staged("", info.ID)); err != nil {
		t.Fatal(err)
	}
	refused("/vanished", 5000, syscall.EIO, "/vanished has 0 bytes in the under file system, not 5000", other)

	staged(t, c, f, "/empty", nil)
	replace(t, c, "/empty", nil)
	refused("/empty", 0, syscall.EEXIST, "", nil)

	staged(t, c, f, "/replaced", data)
	times.Store(1)
	wants(t, f.Complete(t.Context(), "/replaced", 5000), syscall.EIO, "nobody knows what")
	inFolder(t, c, "/replaced", data)
	replace(t, c, "/replaced", other)
	refused("/replaced", 5000, syscall.EIO, "/replaced has 0 bytes in the under file system, not 5000", other)
	if names := listed(t, c); !slices.Equal(names, []string{"/both", "/empty", "/replaced", "/vanished"}) {
		t.Errorf("in the under file system: %v", names)
	}
}

// A master gave a file its name and did not live to note it: whoever leads next finds it there, by what was noted before, and
// nothing is written twice.
func TestPlacedAndNotNoted(t *testing.T) {
	c, times := startForgetful(t)
	f := c.Client()
	for path, data := range map[string][]byte{"/through": randomBytes(1, 5000), "/empty": nil} {
		staged(t, c, f, path, data)
		times.Store(1)
		wants(t, f.Complete(t.Context(), path, int64(len(data))), syscall.EIO, "nobody knows what")
		leader := c.Leader()
		c.StopMaster(leader)
		c.StartMaster(leader)
		c.WaitForWorkers(2)
		if err := f.Complete(t.Context(), path, int64(len(data))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		inFolder(t, c, path, data)
		same(t, c.Client(), path, data)
		if info := stat(t, f, path); info.Persistence != "PERSISTED" || info.Fingerprint == "" {
			t.Errorf("%+v", info)
		}
	}
	data := randomBytes(3, 2*blockSize)
	times.Store(1)
	put(t, f, "/later", data, client.CreateOptions{Type: client.AsyncThrough})
	eventually(t, "it is persisted", func() bool { return stat(t, f, "/later").Persistence == "PERSISTED" })
	inFolder(t, c, "/later", data)
	if left := times.Load(); left > 0 {
		t.Error("nothing was forgotten")
	}
	if err := f.Free(t.Context(), "/later", false); err != nil {
		t.Fatal(err)
	}
	got, err := get(t, c.Client(), "/later")
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("from the under file system: %d bytes, %v", len(got), err)
	}
	if names := folder(t, c); !slices.Equal(names, []string{"/empty", "/later", "/through"}) {
		t.Errorf("in the under file system: %v", names)
	}
}
