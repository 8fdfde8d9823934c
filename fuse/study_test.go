package fuse

import (
	"fmt"
	"testing"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// Directories of any size are known in the end, and what listing them costs stays a small part of what was asked for.
func TestStudyIsCheap(t *testing.T) {
	for _, entries := range []int{1, 1000, 100_000, 10_000_000} {
		var s study
		asked, read := 0, 0
		for known := false; !known; {
			asked++
			if most := s.missed(); most > 0 {
				known = most >= entries
				read += min(most, entries)
				s.ended(known)
			}
			if read > 2*studyEach*asked || asked > max(studyBegin, 2*entries/studyEach) {
				t.Fatalf("%d entries: %d were read for %d names", entries, read, asked)
			}
		}
		if s != (study{}) {
			t.Errorf("%d entries: %+v", entries, s)
		}
	}
	s := study{}
	for range studyBegin - 1 {
		s.missed()
	}
	if s.missed() == 0 || s.missed() != 0 {
		t.Error("two list a directory at once")
	}
}

// Whose names were asked for one by one, and forgotten, is asked for again without a question to the tree.
func TestNamesAskedOneByOne(t *testing.T) {
	const files = 3 * studyBegin
	tree := newMemTree()
	for i := range files {
		tree.put(fmt.Sprintf("/d/%02d", i), []byte("x"))
	}
	_, m := mounted(t, tree, Options{Root: "/d"})
	eventually(t, "changes are heard", func() bool { return m.Stats().Watched })
	lookup := func(i int) int64 {
		t.Helper()
		var out gofuse.EntryOut
		if _, errno := m.root.Lookup(t.Context(), fmt.Sprintf("%02d", i), &out); errno != 0 {
			t.Fatal(errno)
		}
		return int64(out.Size)
	}
	for i := range studyBegin {
		lookup(i)
	}
	eventually(t, "the directory was listed", func() bool { return m.root.listingOf() != nil })
	stats := tree.count("stat")
	for i := range files {
		lookup(i)
	}
	if n := tree.count("stat") - stats; n != 0 || tree.count("list") != 1 {
		t.Errorf("%d stats and %d lists", n, tree.count("list"))
	}
	tree.put("/d/40", []byte("changed"))
	tree.push("/d/40")
	if got := lookup(40); got != 7 {
		t.Errorf("after a push: %d bytes", got)
	}
}
