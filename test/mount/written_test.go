package mount

import (
	"os"
	"testing"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// create writes a file as a client does.
func create(t *testing.T, f *client.FS, path string, kind client.WriteType, data []byte) {
	t.Helper()
	w, err := f.CreateFile(t.Context(), path, client.CreateOptions{Type: kind})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// What a client writes is seen through a mount when it is closed, and not before: one block directly, as its worker keeps
// it, several by streams; before and after it comes into the under file system, and when it was evicted.
func TestWrittenFiles(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: 4 << 20})
	f := c.Client()
	dir, m := show(t, c.Client())
	one, several := randomBytes(1, 3<<20+5), randomBytes(2, 9<<20+5)
	for _, kind := range []client.WriteType{client.MustCache, client.CacheThrough} {
		name := "/" + kind.String()
		if _, err := os.Stat(dir + name); !os.IsNotExist(err) {
			t.Fatalf("%s is there: %v", name, err)
		}
		create(t, f, name, kind, one)
		eventually(t, name+" is seen", func() bool {
			st, err := os.Stat(dir + name)
			return err == nil && st.Size() == int64(len(one))
		})
		same(t, name, direct(t, m, dir+name), one)
		create(t, f, name+"s", kind, several)
		eventually(t, name+"s is seen", func() bool {
			st, err := os.Stat(dir + name + "s")
			return err == nil && st.Size() == int64(len(several))
		})
		readOnce(t, dir+name+"s", several)
		readOnce(t, dir+name+"s", several)
	}
	for _, name := range []string{"/MUST_CACHE", "/MUST_CACHEs"} {
		if err := f.Persist(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is persisted", func() bool {
			info, err := f.Stat(t.Context(), name, client.StatOptions{})
			return err == nil && info.Persistence == "PERSISTED"
		})
	}
	for name, want := range map[string][]byte{"/MUST_CACHE": one, "/MUST_CACHEs": several, "/CACHE_THROUGH": one, "/CACHE_THROUGHs": several} {
		readOnce(t, dir+name, want)
		if err := f.Free(t.Context(), name, false); err != nil {
			t.Fatal(err)
		}
		readOnce(t, dir+name, want)
		info, err := f.Stat(t.Context(), name, client.StatOptions{})
		if err == nil {
			err = f.Load(t.Context(), info, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, name+" that was fetched again", direct(t, m, dir+name), want)
	}
}

// The only copy of a file is read through a mount whatever else is read, and after its worker was started again.
func TestOnlyCopyInTheMount(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: 4 << 20, Quota: 24 << 20})
	f := c.Client()
	dir, m := show(t, c.Client())
	only := randomBytes(1, 3<<20)
	create(t, f, "/only", client.MustCache, only)
	eventually(t, "it is seen", func() bool { _, err := os.Stat(dir + "/only"); return err == nil })
	for i := range 6 {
		name, data := string(rune('a'+i)), randomBytes(uint64(10+i), 5<<20)
		write(t, c, name, data)
		readOnce(t, dir+"/"+name, data)
	}
	readOnce(t, dir+"/only", only)
	c.StopWorker(0)
	c.StartWorker(0)
	c.WaitForWorkers(1)
	readOnce(t, dir+"/only", only)
	same(t, "verified after the restart", direct(t, m, dir+"/only"), only)
}
