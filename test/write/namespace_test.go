package write

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// A file that is written without a type goes where its namespace says; one with a type goes there, whatever the namespace
// says; and outside of namespaces the writer's default decides.
func TestNamespaceWritePolicy(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 1, BlockSize: blockSize})
	f, data := c.Client(), randomBytes(1, blockSize+1)
	below := t.TempDir()
	if err := f.CreateNamespace(t.Context(), "n", below, client.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	persisted := map[client.WriteType]string{
		client.MustCache: "NOT_PERSISTED", client.TryCache: "NOT_PERSISTED", client.None: "NOT_PERSISTED",
		client.CacheThrough: "PERSISTED", client.Through: "PERSISTED", client.AsyncThrough: "PERSISTED",
	}
	check := func(path string, kind client.WriteType, percent int) {
		t.Helper()
		eventually(t, path+" is "+persisted[kind], func() bool { return stat(t, f, path).Persistence == persisted[kind] })
		_, err := os.Stat(filepath.Join(below, path[len("/n"):]))
		if there := err == nil; there != (persisted[kind] == "PERSISTED") {
			t.Errorf("%s: in the under file system: %v", path, there)
		}
		if got := stat(t, f, path).Percent; got != percent {
			t.Errorf("%s: %d%% cached, want %d%%", path, got, percent)
		}
	}
	for kind := range persisted {
		if err := f.SetNamespacePolicy(t.Context(), "n", client.NamespacePolicy{Write: &kind}); err != nil {
			t.Fatal(err)
		}
		percent := 100
		if kind == client.Through {
			percent = 0
		}
		put(t, f, "/n/"+kind.String()+"/new/file", data, client.CreateOptions{Recursive: true, Default: client.TryCache})
		check("/n/"+kind.String()+"/new/file", kind, percent)
		if err := f.Touch(t.Context(), "/n/"+kind.String()+"/touched"); err != nil {
			t.Fatal(err)
		}
		check("/n/"+kind.String()+"/touched", kind, 100)
		put(t, f, "/n/"+kind.String()+"/named", data, client.CreateOptions{Type: client.MustCache})
		check("/n/"+kind.String()+"/named", client.MustCache, 100)
	}
	// Outside of it.
	put(t, f, "/plain", data, client.CreateOptions{Default: client.CacheThrough})
	inFolder(t, c, "/plain", data)
	put(t, f, "/cached", data, client.CreateOptions{})
	if info := stat(t, f, "/cached"); info.Persistence != "NOT_PERSISTED" {
		t.Errorf("by default %+v", info)
	}
}

// heldInAll is how many bytes workers hold.
func heldInAll(t *testing.T, f *client.FS) (bytes int64) {
	t.Helper()
	workers, err := f.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range workers {
		for _, tier := range w.Tiers {
			bytes += tier.Used
		}
	}
	return bytes
}

// What is read in a namespace that keeps nothing is not kept by workers; what was written there is.
func TestNamespaceReadPolicy(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: blockSize})
	f, data := c.Client(), randomBytes(2, 3*blockSize+5)
	below := t.TempDir()
	if err := os.WriteFile(filepath.Join(below, "source"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateNamespace(t.Context(), "n", below, client.NamespaceOptions{Read: client.NoCache}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		same(t, f, "/n/source", data)
	}
	time.Sleep(100 * time.Millisecond) // a worker that kept it would do so behind the reader
	if n := heldInAll(t, f); n != 0 || stat(t, f, "/n/source").Percent != 0 {
		t.Errorf("workers hold %d bytes of what was read", n)
	}
	put(t, f, "/n/written", data, client.CreateOptions{})
	if info := stat(t, f, "/n/written"); info.Percent != 100 || info.Persistence != "PERSISTED" {
		t.Errorf("what was written is %d%% cached, and %s", info.Percent, info.Persistence)
	}
	same(t, f, "/n/written", data)
	if err := f.SetNamespacePolicy(t.Context(), "n", client.NamespacePolicy{Read: new(client.CachePromote)}); err != nil {
		t.Fatal(err)
	}
	// Bytes that were not to be kept may be on the way for a while.
	eventually(t, "it is kept under another policy", func() bool {
		same(t, f, "/n/source", data)
		return stat(t, f, "/n/source").Percent == 100
	})
}
