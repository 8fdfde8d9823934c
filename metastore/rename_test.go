package metastore

import "testing"

// TestMovedVersion: a file that was moved in its under file system may be called another version there. It keeps its id, for its
// bytes are the same, also through a restart; the next listing of its directory finds nothing new.
func TestMovedVersion(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	entry := Entry{Name: "f", Length: 3, ModTime: 5, Version: "v1"}
	s.Apply(1, [][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode(), LoadEntries{Dir: "/", DirID: RootID, Entries: []Entry{entry}}.Encode()})
	at := func(path string) Inode {
		t.Helper()
		r, err := s.Resolve(path)
		if err != nil || r.Inode == nil {
			t.Fatalf("%s: %+v, %v", path, r, err)
		}
		return *r.Inode
	}
	id := at("/f").ID
	s.Apply(2, [][]byte{Rename{Src: "/f", Dst: "/g", Version: "v2"}.Encode()})
	if n := at("/g"); n.ID != id || n.Version != "v2" {
		t.Errorf("moved as %+v", n)
	}
	entry.Name, entry.Version = "g", "v2"
	s.Apply(3, [][]byte{LoadEntries{Dir: "/", DirID: RootID, Entries: []Entry{entry}, Final: true}.Encode()})
	if n := at("/g"); n.ID != id {
		t.Errorf("found again as %+v", n)
	}
	s.Apply(4, [][]byte{Rename{Src: "/g", Dst: "/h"}.Encode()}) // in most under file systems nothing changes
	if n := at("/h"); n.Version != "v2" {
		t.Errorf("moved again as %+v", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if n := at("/h"); n.ID != id || n.Version != "v2" {
		t.Errorf("after a restart %+v", n)
	}
}
