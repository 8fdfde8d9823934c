package rolestest

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"goosefs/client"
)

// A file of the root's under file system is read through the cluster: first from there, then from the cache.
func TestReadThrough(t *testing.T) {
	c := Start(t, Options{})
	data := make([]byte, 3<<20+17)
	rand.Read(data)
	if err := os.WriteFile(filepath.Join(c.Root, "data"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	f := c.Client()
	for _, when := range []string{"cold", "warm", "without the source"} {
		if when == "without the source" {
			if err := os.Remove(filepath.Join(c.Root, "data")); err != nil {
				t.Fatal(err)
			}
		}
		x, err := f.Open(t.Context(), "/data")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(data))
		if n, err := x.ReadAt(t.Context(), got, 0); n != len(data) || err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: read %d of %d bytes, %v", when, n, len(data), err)
		}
		x.Close()
	}
	if err := f.Mkdir(t.Context(), "/dir", client.MkdirOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(c.Root, "dir")); err != nil || !info.IsDir() {
		t.Fatalf("the directory is not in the under file system: %v", err)
	}
}
