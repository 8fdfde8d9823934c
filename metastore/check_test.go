package metastore

import (
	"strings"
	"testing"
)

// TestCheckFinds breaks a healthy store in every way that Check is there for.
func TestCheckFinds(t *testing.T) {
	inode := func(s *Store, path string) *Inode {
		r, err := s.Resolve(path)
		if err != nil || r.Inode == nil {
			panic("no " + path)
		}
		return r.Inode
	}
	entry := func(s *Store, path string, change func(*Inode)) {
		n := *inode(s, path)
		change(&n)
		s.mu.active.set(entryKey(n.ParentID, n.Name), marshal(inodeRecord(&n)))
	}
	for want, breakIt := range map[string]func(s *Store){
		"children and counts": func(s *Store) { entry(s, "/d", func(n *Inode) { n.Children++ }) },
		"children in all":     func(s *Store) { entry(s, "/empty", func(n *Inode) { n.Children++ }) },
		"has no parent":       func(s *Store) { s.mu.active.set(entryKey(idOf(77), "x"), []byte{8, 99}) },
		"inodes are reached": func(s *Store) {
			// A directory that is its own parent.
			n := Inode{ID: idOf(77), ParentID: idOf(77), Name: "loop", Dir: true, Completed: true, Children: 1}
			s.mu.active.set(entryKey(n.ParentID, n.Name), marshal(inodeRecord(&n)))
			s.mu.active.set(idKey(n.ID), idValue(n.ParentID, n.Name))
		},
		"does not lead to": func(s *Store) { s.mu.active.set(idKey(inode(s, "/d/f").ID), nil) },
		"ids, ":            func(s *Store) { s.mu.active.set(idKey(idOf(99)), idValue(RootID, "d")) },
		"has the name": func(s *Store) {
			n := inode(s, "/d/f")
			s.mu.active.set(entryKey(n.ParentID, "a/b"), marshal(inodeRecord(n)))
		},
		"has the id":                    func(s *Store) { entry(s, "/d/f", func(n *Inode) { n.ID = idOf(0) }) },
		"has the fields of a file":      func(s *Store) { entry(s, "/d", func(n *Inode) { n.Length = 1 }) },
		"has the fields of a directory": func(s *Store) { entry(s, "/d/f", func(n *Inode) { n.ChildrenLoaded = true }) },
		"has length":                    func(s *Store) { entry(s, "/d/f", func(n *Inode) { n.BlockSize = 0 }) },
		"persisted and incomplete":      func(s *Store) { entry(s, "/d/f", func(n *Inode) { n.Persistence = Persisted }) },
		"its directory":                 func(s *Store) { entry(s, "/d/e", func(n *Inode) { n.Persistence = Persisted }) },
		"which is a file": func(s *Store) {
			n := Inode{ID: idOf(77), ParentID: inode(s, "/d/f").ID, Name: "x", BlockSize: 1}
			s.mu.active.set(entryKey(n.ParentID, n.Name), marshal(inodeRecord(&n)))
		},
		"is not at":    func(s *Store) { s.mu.active.set(mountKey("/x"), marshal(mountRecord(Mount{ID: 9, Path: "/y"}))) },
		"should be at": func(s *Store) { s.mu.active.set(mountKey("/d"), marshal(mountRecord(Mount{ID: 9, Path: "/d"}))) },
		"mount points": func(s *Store) { entry(s, "/d/m", func(n *Inode) { n.MountID = 0 }) },
		"in memory":    func(s *Store) { s.mu.mounts = s.mu.mounts.without("/d/m") },
		"operation 01": func(s *Store) { s.mu.ops.add(7, OpID{1}) },
		"older than":   func(s *Store) { s.mu.ops.oldest = 8 },
		"operations, ": func(s *Store) { s.mu.ops.add(5, OpID{5}) },
		"is in use":    func(s *Store) { s.mu.state.nextContainer = 3 },
		"state {":      func(s *Store) { s.mu.state.sum.low++ },
		"files:":       func(s *Store) { s.mu.state.files++ },
	} {
		t.Run(want, func(t *testing.T) {
			s := open(t, t.TempDir())
			s.Apply(1, [][]byte{
				AddMount{Path: "/", UFS: "mem://root"}.Encode(),
				CreateFile{Header: Header{OpID: OpID{1}}, Path: "/d/f", Recursive: true}.Encode(),
				CreateDirectory{Path: "/d/e"}.Encode(),
				CreateDirectory{Path: "/empty"}.Encode(),
				AddMount{Path: "/d/m", UFS: "mem://m"}.Encode(),
			})
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			breakIt(s)
			// Something to flush, so that the break goes down with it.
			s.mu.state.applied++
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Check: %v, want something about %q", err, want)
			}
		})
	}
}

// TestCheckIsShort: a ruined store does not fill the log.
func TestCheckIsShort(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 100 {
		s.mu.active.set(idKey(idOf(int64(i+5))), idValue(RootID, "none"))
		s.mu.active.set(entryKey(idOf(int64(i+500)), "x"), []byte{8, 9})
	}
	err := s.Check()
	if err == nil || strings.Count(err.Error(), "\n") >= checkLimit {
		t.Errorf("Check: %v", err)
	}
}
