package metastore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestListingsAreOfOneState: while a file is moved between both ends of a large
// directory, and pairs are made and removed one after the other, every listing
// has the file once, and of each pair what was there at one instant.
func TestListingsAreOfOneState(t *testing.T) {
	s, err := Open(t.TempDir(), Options{FlushChanges: 500})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Apply(1, [][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode(), CreateDirectory{Path: "/d", Persisted: true}.Encode()})
	r, err := s.Resolve("/d")
	if err != nil {
		t.Fatal(err)
	}
	load := LoadEntries{Dir: "/d", DirID: r.Inode.ID}
	for i := range 5000 {
		load.Entries = append(load.Entries, Entry{Name: fmt.Sprintf("m%04d", i), Length: 1})
	}
	s.Apply(2, [][]byte{load.Encode(), CreateFile{Path: "/d/a"}.Encode()})

	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		at, other := "/d/a", "/d/z"
		for index := uint64(3); ; index++ {
			select {
			case <-done:
				return
			default:
			}
			// Of a pair the early name is made first and removed last.
			early, late := fmt.Sprintf("/d/b%d", index%7), fmt.Sprintf("/d/y%d", index%7)
			cmds := [][]byte{Rename{Src: at, Dst: other}.Encode(), CreateFile{Path: early}.Encode(), CreateFile{Path: late}.Encode()}
			if index/7%2 == 0 {
				cmds = [][]byte{Rename{Src: at, Dst: other}.Encode(), Delete{Path: late}.Encode(), Delete{Path: early}.Encode()}
			}
			s.Apply(index, cmds)
			at, other = other, at
		}
	})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for range 60 {
				list, err := s.Listing("/d")
				if err == nil {
					err = ofOneState(list.Children)
				}
				if err == nil && int64(len(list.Children)) != list.Inode.Children {
					err = fmt.Errorf("%d entries in a directory that has %d", len(list.Children), list.Inode.Children)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	readers.Wait()
	close(done)
	writer.Wait()
	if len(s.mu.watches) > 0 {
		t.Errorf("%v are watched when nobody lists", s.mu.watches)
	}
}

func ofOneState(list []Inode) error {
	there := make(map[string]bool)
	for i, n := range list {
		there[n.Name] = true
		if i > 0 && list[i-1].Name >= n.Name {
			return fmt.Errorf("%q comes before %q", list[i-1].Name, n.Name)
		}
	}
	if there["a"] == there["z"] {
		return fmt.Errorf("the file that moves is at a: %v, at z: %v", there["a"], there["z"])
	}
	for i := range 7 {
		if early, late := fmt.Sprint("b", i), fmt.Sprint("y", i); there[late] && !there[early] {
			return fmt.Errorf("%s is there without %s", late, early)
		}
	}
	return nil
}

// names are those of a listing; "none" if the path leads nowhere.
func (l *Listing) names() string {
	switch {
	case l.Inode == nil:
		return "none"
	case !l.Inode.Dir:
		return "file"
	}
	var list []string
	for _, n := range l.Children {
		list = append(list, n.Name)
	}
	return strings.Join(list, " ")
}

// TestListingMeanwhile: what happens to /d = {a … f} after a page of two is told as
// it is in the end.
func TestListingMeanwhile(t *testing.T) {
	mode := SetAttribute{Path: "/d/a", Mode: new(uint32(0o600))}
	for name, story := range map[string]struct {
		page int // after which it happens
		cmds []command
		want string
	}{
		"nothing":                  {1, nil, "a b c d e f"},
		"one comes behind":         {2, []command{CreateFile{Path: "/d/aa"}}, "a aa b c d e f"},
		"one comes before":         {1, []command{CreateFile{Path: "/d/dd"}}, "a b c d dd e f"},
		"the first goes":           {1, []command{Delete{Path: "/d/a"}}, "b c d e f"},
		"the last goes":            {4, []command{Delete{Path: "/d/f"}}, "a b c d e"},
		"one moves back":           {2, []command{Rename{Src: "/d/f", Dst: "/d/_"}}, "_ a b c d e"},
		"one moves out":            {2, []command{Rename{Src: "/d/b", Dst: "/b"}}, "a c d e f"},
		"one moves in":             {2, []command{Rename{Src: "/o/x", Dst: "/d/b2"}}, "a b b2 c d e f"},
		"one comes and goes":       {2, []command{CreateFile{Path: "/d/aa"}, Delete{Path: "/d/aa"}}, "a b c d e f"},
		"another takes its name":   {2, []command{Delete{Path: "/d/a"}, CreateFile{Path: "/d/a"}}, "a b c d e f"},
		"attributes":               {2, []command{mode}, "a b c d e f"},
		"it is removed":            {2, []command{Delete{Path: "/d", Recursive: true}}, "none"},
		"it moves away":            {2, []command{Rename{Src: "/d", Dst: "/e"}, CreateFile{Path: "/e/g"}}, "none"},
		"a file takes its place":   {2, []command{Rename{Src: "/d", Dst: "/e"}, CreateFile{Path: "/d"}}, "file"},
		"another takes its place":  {2, []command{Rename{Src: "/d", Dst: "/e"}, Rename{Src: "/o", Dst: "/d"}}, "u v w x"},
		"a new one, empty":         {4, []command{Delete{Path: "/d", Recursive: true}, CreateDirectory{Path: "/d"}}, ""},
		"it moves to and fro":      {2, []command{Rename{Src: "/d", Dst: "/e"}, CreateFile{Path: "/e/g"}, Rename{Src: "/e", Dst: "/d"}}, "a b c d e f g"},
		"many come":                {3, []command{CreateFile{Path: "/d/1"}, CreateFile{Path: "/d/2"}, CreateFile{Path: "/d/3"}, CreateFile{Path: "/d/g"}}, "1 2 3 a b c d e f g"},
		"all are another":          {3, []command{SetAttribute{Path: "/d", Mode: mode.Mode, Recursive: true}}, "a b c d e f"},
		"it becomes a mount point": {2, []command{Delete{Path: "/d", Recursive: true}, AddMount{Path: "/d", UFS: "mem://other"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			s.Apply(1, [][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode()})
			for i, p := range strings.Fields("/d/a /d/b /d/c /d/d /d/e /d/f /o/u /o/v /o/w /o/x") {
				s.Apply(uint64(i+2), [][]byte{CreateFile{Path: p, Recursive: true}.Encode()})
			}
			pages := 0
			s.options.listPage = 2
			s.options.between = func() {
				if pages++; pages != story.page {
					return
				}
				for i, c := range story.cmds {
					if err, failed := s.Apply(uint64(100+i), [][]byte{encode(c)})[0].(error); failed {
						t.Error(err)
					}
				}
			}
			list, err := s.Listing("/d")
			if got := list.names(); err != nil || got != story.want || pages < story.page {
				t.Errorf("%q, %v, in %d pages", got, err, pages)
			}
			sameListing(t, s, "/d", list)
		})
	}
}

// sameListing compares a listing with one that is made in one go.
func sameListing(t *testing.T, s *Store, path string, got Listing) {
	t.Helper()
	s.options.listPage = 1 << 20
	want, err := s.Listing(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Children)+len(want.Children) == 0 {
		got.Children, want.Children = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is listed as\n%+v\nand in one go as\n%+v", path, got, want)
	}
}

// TestListingAmongRandomCommands: whatever is applied between pages, and be it
// that the state is replaced, a listing is of the state in the end.
func TestListingAmongRandomCommands(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := open(t, t.TempDir())
		c := commands{pick: random.IntN, store: s}
		index := uint64(0)
		step := func() {
			index++
			s.Apply(index, [][]byte{encode(c.next())})
		}
		for range 100 {
			step()
		}
		image := imageOf(t, s)
		for range 300 {
			step()
			path := []string{"/", "/a", "/b", "/c", "/a/b"}[random.IntN(5)]
			pauses := 0
			s.options.listPage = 1
			s.options.between = func() {
				if pauses++; pauses > 12 {
					return // it is to end
				}
				for range random.IntN(4) {
					step()
				}
				if random.IntN(200) == 0 {
					if err := s.Restore(bytes.NewReader(image)); err != nil {
						t.Fatal(err)
					}
				}
			}
			list, err := s.Listing(path)
			if err != nil {
				t.Fatal(err)
			}
			if sameListing(t, s, path, list); t.Failed() {
				t.Fatalf("with seed %d", seed)
			}
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
}

// TestListingOfSomethingElse: files, what is not there, mount points, and what is
// no path.
func TestListingOfSomethingElse(t *testing.T) {
	s := open(t, t.TempDir())
	s.Apply(1, [][]byte{
		AddMount{Path: "/", UFS: "mem://root"}.Encode(),
		CreateFile{Path: "/d/f", Recursive: true}.Encode(),
		AddMount{Path: "/d/m", UFS: "mem://other"}.Encode(),
	})
	for path, want := range map[string]string{"/d": "f m", "/d/": "f m", "/": "d", "/d/f": "file", "/d/f/x": "none", "/none": "none", "/d/m": ""} {
		list, err := s.Listing(path)
		if got := list.names(); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		r, err := s.Resolve(path)
		if err != nil || !reflect.DeepEqual(list.Resolution, r) {
			t.Errorf("%s: %+v, resolved %+v, %v", path, list.Resolution, r, err)
		}
	}
	list, err := s.Listing("/d")
	if err != nil {
		t.Fatal(err)
	}
	if f, m := list.MountOf(&list.Children[0]), list.MountOf(&list.Children[1]); f.ID != 0 || m.UFS != "mem://other" {
		t.Errorf("mounts %+v, %+v", f, m)
	}
	if _, err := s.Listing("d"); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listing("/d"); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// TestListingOfWhatNeverRests ends though the path leads elsewhere between any two
// pages.
func TestListingOfWhatNeverRests(t *testing.T) {
	s := open(t, t.TempDir())
	var cmds [][]byte
	for _, p := range strings.Fields("/d/a /d/b /d/c /e/a /e/b /e/c") {
		cmds = append(cmds, CreateFile{Path: p, Recursive: true}.Encode())
	}
	s.Apply(1, append([][]byte{AddMount{Path: "/", UFS: "mem://root"}.Encode()}, cmds...))
	index, pauses := uint64(1), 0
	s.options.listPage = 1
	s.options.between = func() {
		if pauses++; pauses%4 != 0 {
			return // it is looked at in the end only
		}
		index++
		s.Apply(index, [][]byte{Rename{Src: "/d", Dst: "/x"}.Encode(), Rename{Src: "/e", Dst: "/d"}.Encode(), Rename{Src: "/x", Dst: "/e"}.Encode()})
	}
	list, err := s.Listing("/d")
	if err != nil || list.names() != "a b c" || pauses != 4*listTries {
		t.Errorf("%q, %v after %d pauses", list.names(), err, pauses)
	}
	if slices.ContainsFunc(list.Children, func(n Inode) bool { return n.ParentID != list.Inode.ID }) {
		t.Error("the children are another directory's")
	}
}
