package metastore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// What is being written, and what is to be persisted, is known from every change; after a restart, and in a state that came
// from another member, it is found again. Nothing else is.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	index := uint64(0)
	apply := func(c command) *Result {
		t.Helper()
		index++
		r, ok := s.Apply(index, [][]byte{encode(c)})[0].(*Result)
		if !ok {
			t.Fatalf("%#v failed", c)
		}
		return r
	}
	var want []int64
	same := func(when string) {
		t.Helper()
		slices.Sort(want)
		if got, err := s.Unfinished(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", when, got, err, want)
		}
	}
	forget := func(id int64) { want = slices.DeleteFunc(want, func(other int64) bool { return other == id }) }

	apply(AddMount{Path: "/", UFS: "mem://root"})
	apply(CreateDirectory{Path: "/d"})
	same("at first")
	for i := range 3 * unfinishedPage / 2 { // more than one page of a walk
		apply(CreateFile{Path: fmt.Sprintf("/d/done%d", i)})
		apply(CompleteFile{Path: fmt.Sprintf("/d/done%d", i), Length: 1})
	}
	for i := range 4 {
		want = append(want, apply(CreateFile{Path: fmt.Sprintf("/d/writing%d", i)}).Inode.ID)
	}
	same("while files are written")
	forget(apply(CompleteFile{Path: "/d/writing0", Length: 1, Persistence: Persisted}).Inode.ID)
	queued := apply(CompleteFile{Path: "/d/writing1", Length: 1, Persistence: ToBePersisted}).Inode.ID
	forget(apply(Delete{Path: "/d/writing2"}).Inode.ID)
	apply(Rename{Src: "/d/writing3", Dst: "/moved"})
	later := ToBePersisted
	want = append(want, apply(SetAttribute{Path: "/d/done7", Persistence: &later}).Inode.ID)
	same("after changes")

	image, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if _, err := image.WriteTo(&sent); err != nil {
		t.Fatal(err)
	}
	image.(*Image).Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Unfinished(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that was ended: %v", err)
	}
	same("after a restart")
	done := Persisted
	apply(SetAttribute{Path: "/d/writing1", Persistence: &done})
	forget(queued)
	same("after one was persisted")

	s = open(t, t.TempDir())
	if err := s.Restore(&sent); err != nil {
		t.Fatal(err)
	}
	want = append(want, queued)
	same("in another member's state")
}
