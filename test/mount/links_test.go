package mount

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// A link that a client makes is a link in every mount, read through by the kernel, and gone when it is removed.
func TestLinks(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 3, Workers: 1})
	data := randomBytes(7, 200_000)
	if err := os.Mkdir(filepath.Join(c.Root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, c, "d/file", data)
	ctx, f := t.Context(), c.Client()
	dir, m := show(t, c.Client())
	eventually(t, "changes are heard", func() bool { return m.Stats().Watched })
	if _, err := os.Lstat(filepath.Join(dir, "d/link")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"/d/link": "file", "/up": "d/link"} {
		if err := f.Symlink(ctx, target, link, client.SymlinkOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, link+" is seen", func() bool {
			got, err := os.Readlink(dir + link)
			return err == nil && got == target
		})
	}
	readOnce(t, filepath.Join(dir, "up"), data)
	entries, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil || len(entries) != 2 || entries[1].Type() != fs.ModeSymlink {
		t.Errorf("%v, %v", entries, err)
	}
	if err := f.Remove(ctx, "/d/link", client.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link is gone, and what it led to is not", func() bool {
		_, gone := os.Lstat(filepath.Join(dir, "d/link"))
		_, left := os.Stat(filepath.Join(dir, "d/file"))
		_, through := os.Stat(filepath.Join(dir, "up"))
		return errors.Is(gone, fs.ErrNotExist) && left == nil && errors.Is(through, fs.ErrNotExist)
	})
}
