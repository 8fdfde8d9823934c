package write

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// A directory in which somebody began to write through, and gave up before a byte came, is one that can be listed, moved and removed
// like any other, although the under file system has none yet.
func TestUnmadeDirectory(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	for name, then := range map[string]func(path string) error{
		"listed": func(path string) error {
			for _, err := range f.List(t.Context(), path, client.StatOptions{}) {
				return err
			}
			return nil
		},
		"moved":   func(path string) error { return f.Rename(t.Context(), path, path+"2") },
		"removed": func(path string) error { return f.Remove(t.Context(), path, client.RemoveOptions{Recursive: true}) },
	} {
		path := "/" + name
		if err := f.Mkdir(t.Context(), path, client.MkdirOptions{CacheOnly: true}); err != nil {
			t.Fatal(err)
		}
		if err := create(t, f, path+"/f", client.CreateOptions{Type: client.CacheThrough}).Cancel(); err != nil {
			t.Fatal(err)
		}
		if err := then(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A directory that somebody takes away in the under file system stays, with what is only here.
func TestUnmadeBehind(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, 100)
	put(t, f, "/d/f", data, client.CreateOptions{Type: client.MustCache, Recursive: true})
	if err := create(t, f, "/d/g", client.CreateOptions{Type: client.Through}).Cancel(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.Root, "d")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for info, err := range f.List(t.Context(), "/d", client.StatOptions{Sync: true}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Path)
	}
	if !slices.Equal(names, []string{"/d/f"}) {
		t.Errorf("it has %q", names)
	}
	same(t, f, "/d/f", data)
}

// Where the under file system will not have the directories of a file that is to be written through, the file is not begun.
func TestUnmadeRefused(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f := c.Client()
	if err := f.Mkdir(t.Context(), "/d", client.MkdirOptions{CacheOnly: true}); err != nil {
		t.Fatal(err)
	}
	taken := []byte("somebody's")
	if err := os.WriteFile(filepath.Join(c.Root, "d"), taken, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := f.CreateFile(t.Context(), "/d/f", client.CreateOptions{Type: client.Through})
	wants(t, err, syscall.ENOTDIR, "cannot make the folder of /d/f in the under file system")
	gone(t, f, "/d/f")
	if info := stat(t, f, "/d"); info.Persistence != "NOT_PERSISTED" {
		t.Errorf("the directory is %s", info.Persistence)
	}
	inFolder(t, c, "/d", taken)
}
