package fuse

import (
	"fmt"
	"io"
	"os"
	"testing"
)

// BenchmarkSequentialRead reads a file in memory with 1 MiB reads: what the mount itself costs.
func BenchmarkSequentialRead(b *testing.B) {
	const size = 64 << 20
	for _, direct := range []bool{false, true} {
		b.Run(fmt.Sprintf("direct_io=%v", direct), func(b *testing.B) {
			tree := newMemTree()
			data := randomBytes(size)
			dir, _ := mounted(b, tree, Options{DirectIO: direct})
			buf := make([]byte, 1<<20)
			b.SetBytes(size)
			for i := 0; b.Loop(); i++ {
				at := fmt.Sprintf("/%d", i) // never seen by the kernel
				tree.put(at, data)
				f, err := os.Open(dir + at)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
				if err != nil || n != size {
					b.Fatal(n, err)
				}
				f.Close()
				tree.remove(at)
			}
		})
	}
}

// BenchmarkSmallFile opens, reads and closes a file of 100 KiB whose pages the kernel has.
func BenchmarkSmallFile(b *testing.B) {
	tree := newMemTree()
	tree.put("/f", randomBytes(100<<10))
	dir, _ := mounted(b, tree, Options{})
	for b.Loop() {
		if _, err := os.ReadFile(dir + "/f"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListing does what ls -l does to a directory of 10,000 files that is not known.
func BenchmarkListing(b *testing.B) {
	tree := newMemTree()
	for i := range 10_000 {
		tree.put(fmt.Sprintf("/d/%d", i), nil)
	}
	dir, _ := mounted(b, tree, Options{AttrTimeout: -1, EntryTimeout: -1})
	for b.Loop() {
		if entries, err := os.ReadDir(dir + "/d"); err != nil || len(entries) != 10_000 {
			b.Fatal(len(entries), err)
		}
	}
}
