package fuse

import (
	"os"
	"testing"

	"goosefs/client"
)

// In a consistent namespace a mount believes what it knows for a moment only, though the masters push: they cannot push what
// they do not know. What is beside it is believed.
func TestConsistentNamespace(t *testing.T) {
	t.Parallel() // it waits
	tree := newMemTree()
	consistent := func(i *client.Info) { i.ReadPolicy = client.CacheConsistent }
	tree.put("/plain/f", []byte(oldText))
	tree.put("/strict/f", []byte(oldText))
	tree.update("/strict", consistent)
	tree.update("/strict/f", consistent)
	dir, m := mounted(t, tree, Options{})
	eventually(t, "changes are heard", func() bool { return m.Stats().Watched })
	names := func(at string) int {
		entries, err := os.ReadDir(dir + at)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for _, at := range []string{"/plain", "/strict"} {
		if n := names(at); n != 1 {
			t.Fatalf("%d names in %s", n, at)
		}
		wantContent(t, dir+at+"/f", oldText)
		tree.put(at+"/f", []byte(newText))
		tree.put(at+"/g", []byte(newText))
	}
	tree.update("/strict/f", consistent)
	tree.update("/strict/g", consistent)
	eventually(t, "the new version is read", sees(dir+"/strict/f", newText))
	eventually(t, "the new name is listed", func() bool { return names("/strict") == 2 })
	wantContent(t, dir+"/plain/f", oldText)
	if n := names("/plain"); n != 1 {
		t.Errorf("%d names in /plain, which nobody pushed", n)
	}
}
