package mount

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// cacheFile is the file in which a worker keeps what path is now.
func cacheFile(t *testing.T, c *rolestest.Cluster, f *client.FS, path string) (found string) {
	t.Helper()
	info, err := f.Stat(t.Context(), path, client.StatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(c.Dir(), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() == fmt.Sprint(info.ID) {
			if found != "" {
				return fmt.Errorf("both %s and %s", found, p)
			}
			found = p
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("the cache file of %s: %q, %v", path, found, err)
	}
	return found
}

// damages are what others may do to a cache file.
var damages = map[string]func(path string) error{
	"overwritten": func(path string) error { return overwrite(path, 1<<20, []byte("damage")) },
	"overwritten, with its times kept": func(path string) error {
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := overwrite(path, 0, make([]byte, st.Size())); err != nil {
			return err
		}
		return os.Chtimes(path, st.ModTime(), st.ModTime())
	},
	"cut off":   func(path string) error { return os.Truncate(path, 1<<20) },
	"cut to 0":  func(path string) error { return os.Truncate(path, 0) },
	"made more": func(path string) error { return os.Truncate(path, 64<<20) },
	"removed":   os.Remove,
	"replaced": func(path string) error {
		if err := os.WriteFile(path+".new", make([]byte, 5<<20), 0o600); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	},
}

func overwrite(path string, off int64, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(data, off)
	return err
}

// A cache file is damaged while two mounts have it open, and read it directly. Whoever opens it from then on, on either,
// gets the right bytes, first by stream and then directly again.
func TestDamageWhileOpen(t *testing.T) {
	for what, damage := range damages {
		t.Run(what, func(t *testing.T) {
			c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
			f := c.Client()
			one, m := show(t, f)
			two, n := show(t, c.Client())
			data := randomBytes(20, 5<<20+123)
			write(t, c, "f", data)
			readOnce(t, one+"/f", data)
			a, b := direct(t, m, one+"/f"), direct(t, n, two+"/f")
			same(t, "in one", a, data)
			same(t, "in the other", b, data)
			if err := damage(cacheFile(t, c, f, "/f")); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				readOnce(t, one+"/f", data)
				readOnce(t, two+"/f", data)
			}
			same(t, "directly again, in one", direct(t, m, one+"/f"), data)
			same(t, "directly again, in the other", direct(t, n, two+"/f"), data)
		})
	}
}

// A cache file is damaged while nobody has it open, and its worker goes on.
func TestDamageWhileClosed(t *testing.T) {
	for what, damage := range damages {
		t.Run(what, func(t *testing.T) {
			c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
			f := c.Client()
			dir, m := show(t, f)
			data := randomBytes(21, 5<<20+123)
			write(t, c, "f", data)
			readOnce(t, dir+"/f", data)
			direct(t, m, dir+"/f").Close()
			if err := damage(cacheFile(t, c, f, "/f")); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				readOnce(t, dir+"/f", data)
			}
			same(t, "directly again", direct(t, m, dir+"/f"), data)
		})
	}
}

// Two mounts have a file open; what one of them, the cache, or the source does is no matter to the other.
func TestTwoMounts(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1})
	f := c.Client()
	one, m := show(t, f)
	two, n := show(t, c.Client())
	data, next := randomBytes(22, 4<<20), randomBytes(23, 6<<20)
	write(t, c, "f", data)
	readOnce(t, one+"/f", data)
	a, b := direct(t, m, one+"/f"), direct(t, n, two+"/f")
	same(t, "in one", a, data)
	a.Close()
	if err := f.Free(t.Context(), "/f", false); err != nil {
		t.Fatal(err)
	}
	same(t, "closed in one, and freed", b, data)
	readOnce(t, one+"/f", data)
	same(t, "cached again, in another file", direct(t, m, one+"/f"), data)
	write(t, c, "f", next)
	if _, err := f.Stat(t.Context(), "/f", client.StatOptions{Sync: true}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{one, two} {
		eventually(t, "the new version is seen in "+dir, func() bool {
			st, err := os.Stat(dir + "/f")
			return err == nil && st.Size() == int64(len(next))
		})
		readOnce(t, dir+"/f", next)
	}
	same(t, "of the old version", b, data)
	same(t, "of the new one", direct(t, n, two+"/f"), next)
}
