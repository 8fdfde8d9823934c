package metastore

import (
	"fmt"
	"slices"
	"testing"
)

// TestLargeDelete: a tree of more inodes than one command reaps is out of the
// namespace at once, and gone after a few commands; each file is told once.
func TestLargeDelete(t *testing.T) {
	const dirs, filesEach = 9, 2*reapLimit/9 + 1
	s := open(t, t.TempDir())
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
	apply(AddMount{Path: "/", UFS: "mem://root"})
	apply(CreateFile{Path: "/stays"})
	var want []int64
	for d := range dirs {
		at := fmt.Sprintf("/big/%d", d)
		load := LoadEntries{Dir: at, DirID: apply(CreateDirectory{Path: at, Recursive: true}).Inode.ID, Final: true}
		for f := range filesEach {
			load.Entries = append(load.Entries, Entry{Name: fmt.Sprint(f), Length: 1})
		}
		apply(load)
		list, err := s.List(load.DirID, "", 0)
		if err != nil || len(list) != filesEach {
			t.Fatalf("%d entries, %v", len(list), err)
		}
		for _, n := range list {
			want = append(want, n.ID)
		}
	}
	if files, subdirs, bytes, err := s.Count("/"); err != nil || files != dirs*filesEach+1 || subdirs != dirs+1 || bytes != dirs*filesEach {
		t.Fatalf("%d files, %d directories, %d bytes, %v", files, subdirs, bytes, err)
	}

	r := apply(Delete{Path: "/big", Recursive: true})
	got := r.Removed
	if !r.Unreaped || len(got) == 0 || len(got) > reapLimit {
		t.Errorf("the first command removed %d files, Unreaped = %v", len(got), r.Unreaped)
	}
	if again, err := s.Resolve("/big/1/1"); err != nil || again.DeepestPath != "/" {
		t.Errorf("it still leads to %q, %v", again.DeepestPath, err)
	}
	left := want[len(want)-1]
	if _, _, err := s.Get(left); err == nil {
		t.Error("a file in the trash can be got by its id")
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Trash == 0 || st.Files <= 1 {
		t.Errorf("%+v", st)
	}
	// Commands that fail reap nothing, as nobody would be told.
	index++
	if _, ok := s.Apply(index, [][]byte{CreateFile{Path: "/stays"}.Encode()})[0].(error); !ok {
		t.Error("the same file again succeeded")
	}
	for rounds := 0; r.Unreaped; rounds++ {
		if rounds == 10 {
			t.Fatal("it does not end")
		}
		r = apply(Reap{})
		got = append(got, r.Removed...)
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d files were removed, want %d", len(got), len(want))
	}
	if st := s.Stats(); st.Files != 1 || st.Dirs != 1 || st.Trash != 0 {
		t.Errorf("%+v", st)
	}
}

// TestListTrash: the id of a deleted directory lists nothing.
func TestListTrash(t *testing.T) {
	s := open(t, t.TempDir())
	dir := s.Apply(1, [][]byte{CreateDirectory{Path: "/d"}.Encode()})[0].(*Result).Inode.ID
	load := LoadEntries{Dir: "/d", DirID: dir}
	for i := range reapLimit + 10 {
		load.Entries = append(load.Entries, Entry{Name: fmt.Sprint(i)})
	}
	s.Apply(2, [][]byte{load.Encode()})
	s.Apply(3, [][]byte{Delete{Path: "/d", Recursive: true}.Encode()})
	if _, err := s.List(dir, "", 0); err == nil {
		t.Error("it is listed")
	}
	if n, path, err := s.Get(lastID(t, s, dir)); err == nil {
		t.Errorf("%q is got, at %q", n.Name, path)
	}
	// A walk that still has the directory to do does without it.
	if files, dirs, bytes, err := s.countBelow(dir); files != 0 || dirs != 0 || bytes != 0 || err != nil {
		t.Errorf("it counts as %d files, %d directories, %d bytes, %v", files, dirs, bytes, err)
	}
	if st := s.Stats(); st.Trash != 1 {
		t.Errorf("%+v", st)
	}
}

// lastID is the id of a child that is still in the trash.
func lastID(t *testing.T, s *Store, dir int64) int64 {
	t.Helper()
	var id int64
	err := s.read(func(tr *tree) error {
		for n := range tr.children(dir, "") {
			id = n.ID
		}
		return nil
	})
	if err != nil || id == 0 {
		t.Fatalf("nothing is left of %d: %v", dir, err)
	}
	return id
}
