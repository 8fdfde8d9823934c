// Package mount tests mounts on a whole cluster in one process: real masters, real workers, a real mount.
package mount

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/fuse"
	"goosefs/roles/rolestest"
)

// show mounts the cluster.
func show(t testing.TB, f *client.FS) (dir string, m *fuse.Mounted) {
	t.Helper()
	return showAs(t, f, fuse.Options{XAttrs: true})
}

func showAs(t testing.TB, f *client.FS, o fuse.Options) (dir string, m *fuse.Mounted) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
			t.Fatal("only root can mount, and where there is /dev/fuse")
		}
		t.Skip("only root can mount, and where there is /dev/fuse")
	}
	dir = t.TempDir()
	m, err := fuse.Mount(t.Context(), fuse.FromClient(f), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(context.Background()); err != nil {
			t.Error(err)
		}
		<-m.Ended()
	})
	return dir, m
}

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	chacha := rand.NewChaCha8([32]byte{byte(seed)})
	chacha.Read(b)
	return b
}

func write(t *testing.T, c *rolestest.Cluster, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.Root, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// same says whether an open file holds what it should.
func same(t *testing.T, what string, f *os.File, want []byte) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v", what, len(got), err)
	}
}

// readOnce opens a file, reads all of it, and closes it: while it is open others are read the same way.
func readOnce(t *testing.T, path string, want []byte) {
	t.Helper()
	f := open(t, path)
	same(t, path, f, want)
	f.Close()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(rolestest.Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// direct opens a file until it is read directly, and returns that.
func direct(t *testing.T, m *fuse.Mounted, path string) (f *os.File) {
	t.Helper()
	eventually(t, path+" is read directly", func() bool {
		before := m.Stats().Direct
		f = open(t, path)
		if m.Stats().Direct > before {
			return true
		}
		f.Close()
		return false
	})
	return f
}

// A file that was read once is read directly from then on; the bytes of an open one stay whatever happens to the cache,
// the worker, and the source.
func TestDirect(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	f := c.Client()
	dir, m := show(t, f)
	data, next := randomBytes(1, 5<<20+123), randomBytes(2, 3<<20)
	write(t, c, "f", data)
	readOnce(t, dir+"/f", data)
	if m.Stats().Direct != 0 {
		t.Error("a file that nobody had was read directly")
	}
	g := direct(t, m, dir+"/f")
	reads := m.Stats().Reads
	same(t, "directly", g, data)
	if m.Stats().Reads != reads || m.Stats().Passed == 0 {
		t.Errorf("reads reach the mount: %+v", m.Stats())
	}

	// Another mount of the same worker.
	other, n := show(t, c.Client())
	h := direct(t, n, other+"/f")
	same(t, "in another mount", h, data)

	if err := f.Free(t.Context(), "/f", false); err != nil {
		t.Fatal(err)
	}
	same(t, "freed", g, data)
	write(t, c, "f", next)
	eventually(t, "the new version is seen", func() bool {
		if _, err := f.Stat(t.Context(), "/f", client.StatOptions{Sync: true}); err != nil {
			return false
		}
		st, err := os.Stat(dir + "/f")
		return err == nil && st.Size() == int64(len(next))
	})
	same(t, "changed at the source", g, data)
	readOnce(t, dir+"/f", next)
	c.StopWorker(0)
	same(t, "without its worker", g, data)
	same(t, "in another mount, without its worker", h, data)
	c.StartWorker(0)
	c.WaitForWorkers(1)
	same(t, "the new version, verified after the restart", direct(t, m, dir+"/f"), next)
}

// A cache that is too small for what is open keeps what is open, and serves the rest.
func TestOpenFilesAreNotEvicted(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, Quota: 24 << 20})
	dir, m := show(t, c.Client())
	kept := randomBytes(3, 8<<20)
	write(t, c, "kept", kept)
	readOnce(t, dir+"/kept", kept)
	f := direct(t, m, dir+"/kept")
	for i := range 12 {
		data := randomBytes(uint64(10+i), 4<<20)
		name := fmt.Sprintf("f%d", i)
		write(t, c, name, data)
		readOnce(t, filepath.Join(dir, name), data)
	}
	same(t, "held all the time", f, kept)
	g := open(t, dir+"/kept")
	same(t, "and it was never evicted", g, kept)
	if c.Workers[0].Used() > 24<<20 {
		t.Errorf("%d bytes are used of a quota of 24 MiB", c.Workers[0].Used())
	}
}

// A cache file that is damaged while nobody looks is found out before it is handed out again.
func TestDamageIsFoundBeforeHandingOut(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	f := c.Client()
	dir, m := show(t, f)
	data := randomBytes(4, 3<<20)
	write(t, c, "f", data)
	readOnce(t, dir+"/f", data)
	direct(t, m, dir+"/f").Close()
	path := cacheFile(t, c, f, "/f")
	c.StopWorker(0)
	if err := damages["overwritten"](path); err != nil {
		t.Fatal(err)
	}
	c.StartWorker(0)
	c.WaitForWorkers(1)
	for range 20 {
		readOnce(t, dir+"/f", data)
	}
	same(t, "repaired", direct(t, m, dir+"/f"), data)
}
