package metastore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestReadersSeeWholeCommands: while a directory is filled, renamed to and fro,
// and flushed, readers see it at one of its two names and never a part of a
// command.
func TestReadersSeeWholeCommands(t *testing.T) {
	s, err := Open(t.TempDir(), Options{FlushChanges: 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Apply(1, [][]byte{
		AddMount{Path: "/", UFS: "mem://root"}.Encode(),
		CreateFile{Path: "/a/f", Recursive: true}.Encode(),
	})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(1, rand.Uint64()))
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := lookAround(s, random); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	at, other := "/a", "/b"
	for i := range 600 {
		cmds := [][]byte{
			Rename{Src: at, Dst: other}.Encode(),
			CreateFile{Path: fmt.Sprintf("%s/%d", other, i)}.Encode(),
		}
		for _, r := range s.Apply(uint64(i+2), cmds) {
			if err, ok := r.(error); ok {
				t.Fatal(err)
			}
		}
		at, other = other, at
	}
	close(done)
	readers.Wait()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func lookAround(s *Store, random *rand.Rand) error {
	list, err := s.List(RootID, "", 0)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("the root has %d entries, %w", len(list), err)
	}
	dir := list[0]
	children, err := s.List(dir.ID, "", 0)
	if err != nil || int64(len(children)) < dir.Children {
		return fmt.Errorf("%d children where there were %d before, %w", len(children), dir.Children, err)
	}
	pick := children[random.IntN(len(children))]
	n, path, err := s.Get(pick.ID)
	if err != nil || n.Name != pick.Name || path != "/a/"+n.Name && path != "/b/"+n.Name {
		return fmt.Errorf("id %d is %q at %q, %w", pick.ID, n.Name, path, err)
	}
	if r, err := s.Resolve("/c"); err != nil || r.Inode != nil {
		return fmt.Errorf("/c is %v, %w", r.Inode, err)
	}
	_, _, _, err = s.Count("/")
	s.Stats()
	s.Mounts()
	s.Hash()
	return err
}
