package write

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// expiring is a cluster that looks often for files whose time is over, with a namespace n and the folder that it shows.
func expiring(t *testing.T) (c *rolestest.Cluster, f *client.FS, below string) {
	c = rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize, TTLEvery: looks})
	f, below = c.Client(), t.TempDir()
	if err := f.CreateNamespace(t.Context(), "n", below, client.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	return c, f, below
}

// looks is the time between two looks.
const looks = 20 * time.Millisecond

// live sets how long files live.
func live(t *testing.T, f *client.FS, ttl time.Duration, action client.TTLAction) {
	t.Helper()
	if err := f.SetNamespacePolicy(t.Context(), "n", client.NamespacePolicy{TTL: &ttl, Action: &action}); err != nil {
		t.Fatal(err)
	}
}

// isGone says whether there is nothing at a path, as far as the masters know.
func isGone(f *client.FS, t *testing.T, path string) bool {
	_, err := f.Stat(t.Context(), path, client.StatOptions{})
	return errors.Is(err, fs.ErrNotExist)
}

// inBelow says whether a folder has a file.
func inBelow(below, name string) bool {
	_, err := os.Stat(filepath.Join(below, name))
	return err == nil
}

// Files that the under file system has are freed when their time is over, once: what is read again afterwards stays cached,
// under the next leader, too. What is only cached is not freed.
func TestExpireFree(t *testing.T) {
	c, f, _ := expiring(t)
	data := randomBytes(1, blockSize+7)
	put(t, f, "/n/d/persisted", data, client.CreateOptions{Recursive: true})
	put(t, f, "/n/d/cached", data, client.CreateOptions{Type: client.MustCache})
	put(t, f, "/outside", data, client.CreateOptions{Type: client.CacheThrough})
	live(t, f, time.Hour, client.TTLFree)
	time.Sleep(5 * looks)
	if info := stat(t, f, "/n/d/persisted"); info.Percent != 100 {
		t.Fatalf("freed before its time: %d%%", info.Percent)
	}
	live(t, f, time.Millisecond, client.TTLFree)
	eventually(t, "it is freed", func() bool { return stat(t, f, "/n/d/persisted").Percent == 0 })
	cacheAgain := func() {
		t.Helper()
		eventually(t, "it is cached again", func() bool {
			same(t, f, "/n/d/persisted", data)
			return stat(t, f, "/n/d/persisted").Percent == 100
		})
		time.Sleep(5 * looks)
		if info := stat(t, f, "/n/d/persisted"); info.Percent != 100 {
			t.Errorf("it was freed again: %d%%", info.Percent)
		}
	}
	cacheAgain()
	c.StopMaster(0)
	c.StartMaster(0)
	cacheAgain()
	for _, path := range []string{"/n/d/cached", "/outside"} {
		eventually(t, "the new leader knows who has "+path, func() bool { return stat(t, f, path).Percent == 100 })
		same(t, f, path, data)
	}
	// Another time is another promise.
	live(t, f, 2*time.Millisecond, client.TTLFree)
	eventually(t, "it is freed anew", func() bool { return stat(t, f, "/n/d/persisted").Percent == 0 })
}

// Files are deleted here and in the under file system; directories stay, and deeper mounts, and what somebody changed behind.
func TestExpireDelete(t *testing.T) {
	_, f, below := expiring(t)
	data, deep := randomBytes(2, 100), t.TempDir()
	if err := os.WriteFile(filepath.Join(deep, "file"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Mount(t.Context(), "/n/deep", deep, client.MountOptions{}); err != nil {
		t.Fatal(err)
	}
	put(t, f, "/n/d/through", data, client.CreateOptions{Recursive: true})
	put(t, f, "/n/d/cached", data, client.CreateOptions{Type: client.MustCache})
	put(t, f, "/n/changed", data, client.CreateOptions{})
	stat(t, f, "/n/deep/file")
	// Its new version is younger than what is known of it.
	changed := filepath.Join(below, "changed")
	if err := errors.Join(os.WriteFile(changed, append(data, 1), 0o644), os.Chtimes(changed, time.Time{}, time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	w := create(t, f, "/n/writing", client.CreateOptions{})
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	live(t, f, time.Millisecond, client.TTLDelete)
	eventually(t, "both are deleted", func() bool { return isGone(f, t, "/n/d/through") && isGone(f, t, "/n/d/cached") })
	if inBelow(below, "d/through") {
		t.Error("it is in the under file system")
	}
	eventually(t, "the change is known", func() bool { return stat(t, f, "/n/changed").Length == int64(len(data)+1) })
	time.Sleep(5 * looks)
	same(t, f, "/n/changed", append(data, 1))
	same(t, f, "/n/deep/file", data)
	if info := stat(t, f, "/n/d"); !info.Dir {
		t.Error("its directory is gone")
	}
	// A file that is being written may end.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes once it is written", func() bool { return isGone(f, t, "/n/writing") && !inBelow(below, "writing") })
	// Nothing ends any more.
	live(t, f, 0, client.TTLDelete)
	put(t, f, "/n/kept", data, client.CreateOptions{})
	time.Sleep(5 * looks)
	same(t, f, "/n/kept", data)
}

// Files leave the namespace and the cache; the under file system keeps what it has, and it is found again.
func TestExpireDeleteOnlyGoosefs(t *testing.T) {
	_, f, below := expiring(t)
	data := randomBytes(3, 100)
	put(t, f, "/n/through", data, client.CreateOptions{})
	put(t, f, "/n/cached", data, client.CreateOptions{Type: client.MustCache})
	before := stat(t, f, "/n/through")
	live(t, f, time.Millisecond, client.TTLDeleteOnlyGoosefs)
	eventually(t, "it is another one", func() bool { return stat(t, f, "/n/through").ID != before.ID })
	eventually(t, "what was only cached is gone", func() bool { return isGone(f, t, "/n/cached") })
	live(t, f, 0, client.TTLDelete)
	if !inBelow(below, "through") {
		t.Error("it is gone from the under file system")
	}
	same(t, f, "/n/through", data)
}

// The next leader goes on.
func TestExpireAfterFailover(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Workers: 1, BlockSize: blockSize, TTLEvery: looks})
	f, below := c.Client(), t.TempDir()
	if err := f.CreateNamespace(t.Context(), "n", below, client.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	put(t, f, "/n/file", []byte("x"), client.CreateOptions{})
	live(t, f, 2*time.Second, client.TTLDelete)
	c.StopMaster(c.Leader())
	eventually(t, "it goes", func() bool { return isGone(f, t, "/n/file") })
	if inBelow(below, "file") {
		t.Error("it is in the under file system")
	}
}
