package write

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// A writer whose file is removed under it, and made anew by somebody else, is told so when it ends, and leaves nothing in the under
// file system. The other's file is untouched.
func TestRemovedWhileWritten(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f := c.Client()
	data, other := randomBytes(1, 2*blockSize+5), randomBytes(2, 100)
	for _, kind := range []client.WriteType{client.Through, client.CacheThrough} {
		for name, meanwhile := range map[string]func(path string){
			"removed": func(string) {},
			"writing": func(path string) { create(t, f, path, client.CreateOptions{Type: kind}) },
			"written": func(path string) { put(t, f, path, other, client.CreateOptions{Type: kind}) },
		} {
			path := "/" + name
			w := create(t, f, path, client.CreateOptions{Type: kind})
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := f.Remove(t.Context(), path, client.RemoveOptions{}); err != nil {
				t.Fatal(err)
			}
			meanwhile(path)
			wants(t, w.Close(), syscall.ESTALE, path+" was removed, or replaced, while it was written")
			switch name {
			case "removed":
				gone(t, f, path)
			case "written":
				same(t, f, path, other)
			}
			if name != "removed" {
				if err := f.Remove(t.Context(), path, client.RemoveOptions{}); err != nil {
					t.Error(err)
				}
			}
			if left := folder(t, c); len(left) != 0 {
				t.Errorf("%s, %s: %q is left", kind, name, left)
			}
		}
	}
}

// What waits for a name that somebody else has taken in the under file system goes with its file.
func TestRemovedWhileItWaits(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	put(t, f, "/d/known", nil, client.CreateOptions{Recursive: true, Type: client.Through})
	for _, err := range f.List(t.Context(), "/d", client.StatOptions{}) { // from now on what is in it is known
		if err != nil {
			t.Fatal(err)
		}
	}
	taken := []byte("somebody's")
	if err := os.WriteFile(filepath.Join(c.Root, "d", "f"), taken, 0o644); err != nil {
		t.Fatal(err)
	}
	put(t, f, "/d/f", randomBytes(1, 100), client.CreateOptions{Type: client.AsyncThrough})
	eventually(t, "a try has failed", func() bool {
		failing, err := f.FailedPersistence(t.Context())
		return err == nil && len(failing) == 1
	})
	if err := f.Remove(t.Context(), "/d/f", client.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	inFolder(t, c, "/d/f", taken)
	eventually(t, "nothing else is left", func() bool { return len(folder(t, c)) == 2 })
}
