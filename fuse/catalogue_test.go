package fuse

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"goosefs/client"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

func someFile(dir, name string, id int64) client.Info {
	here := []client.Location{{WorkerID: 7, Host: "w1", Port: 9203, Tier: "SSD", Socket: "/run/s"}}
	base := id << 24
	return client.Info{
		Path: childPath(dir, name), Name: name, ID: base | blockIndex, Length: 150, BlockSize: 100, Mode: 0o640, Owner: "o", Group: "g",
		Completed: true, Cacheable: true, Modified: time.Unix(5, 6), Accessed: time.Unix(0, 0),
		Blocks: []client.Block{{ID: base, Length: 100, Locations: here}, {ID: base | 1, Offset: 100, Length: 50}},
	}
}

// What shorthand gives back is what was written, all in order or by name; what it cannot write it refuses.
func TestShorthand(t *testing.T) {
	for _, dir := range []string{"/", "/a/b"} {
		s := shorthand{path: dir}
		var all []client.Info
		for i := range 200 {
			info := someFile(dir, fmt.Sprintf("f%03d", 2*i), int64(i))
			if i == 3 {
				info = client.Info{Path: info.Path, Name: info.Name, ID: 9, Dir: true, MountPoint: true}
			}
			if i == 5 {
				info.ReadPolicy, info.Cacheable = client.NoCache, false
			}
			if i == 6 {
				info = client.Info{Path: info.Path, Name: info.Name, ID: 10, Length: 4, Symlink: "../x"}
			}
			all = append(all, info)
			if err := s.add(info); err != nil {
				t.Fatal(err)
			}
		}
		r := s.read()
		for i, want := range all {
			if got, more := r.next(); !more || !reflect.DeepEqual(got, want) {
				t.Fatalf("entry %d of %s: %+v, want %+v", i, dir, got, want)
			}
			if got, ok := s.find(want.Name); !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("%s is not found: %+v, %v", want.Name, got, ok)
			}
		}
		if _, more := r.next(); more {
			t.Error("there is more than was written")
		}
		for _, name := range []string{"", "a", "f001", "f129", "f399", "z"} {
			if info, ok := s.find(name); ok {
				t.Errorf("%q is found: %+v", name, info)
			}
		}
	}
	for what, change := range map[string]func(*client.Info){
		"a path of elsewhere":               func(i *client.Info) { i.Path = "/x/z" },
		"a block of another":                func(i *client.Info) { i.Blocks[1].ID++ },
		"a block with a gap":                func(i *client.Info) { i.Blocks[1].Offset++ },
		"one that is believed for a moment": func(i *client.Info) { i.ReadPolicy = client.CacheConsistent },
		"out of order":                      func(i *client.Info) { *i = someFile("/d", "a", 2) },
	} {
		s := shorthand{path: "/d"}
		if err := s.add(someFile("/d", "b", 1)); err != nil {
			t.Fatal(err)
		}
		odd := someFile("/d", "z", 2)
		change(&odd)
		if err := s.add(odd); !errors.Is(err, errUnusual) || s.count != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// put puts a listing of so many entries into a catalogue.
func (c *catalogue) put(at string, ino uint64, entries int) *entry {
	e := c.begin(at, ino)
	for i := range entries {
		e.list.add(someFile(at, fmt.Sprintf("%06d", i), int64(i)))
	}
	c.keep(e, 1, time.Unix(1, 0))
	return e
}

func TestCatalogueForgets(t *testing.T) {
	for _, c := range []struct {
		pushed string
		gone   []string
	}{
		{"/a/b/file", []string{"/a/b"}},
		{"/a", []string{"/", "/a", "/a/b", "/a/b/c"}},
		{"/a/b", []string{"/a", "/a/b", "/a/b/c"}},
		{"/ab", []string{"/", "/ab"}},
		{"/", []string{"/", "/a", "/a/b", "/a/b/c", "/ab"}},
		{"/x/y/z", nil},
	} {
		var known catalogue
		dirs := []string{"/", "/a", "/a/b", "/a/b/c", "/ab"}
		for i, dir := range dirs {
			known.put(dir, uint64(i), 3)
		}
		known.forget(c.pushed)
		var gone []string
		for i, dir := range dirs {
			if known.find(dir, uint64(i)) == nil {
				gone = append(gone, dir)
			}
		}
		if !reflect.DeepEqual(gone, c.gone) {
			t.Errorf("a push about %s drops %v, want %v", c.pushed, gone, c.gone)
		}
		known.clear()
		if known.mu.bytes != 0 || known.mu.order.Len() != 0 || len(known.mu.top.below) != 0 || known.mu.top.entry != nil {
			t.Errorf("after clear: %d bytes, %d listings", known.mu.bytes, known.mu.order.Len())
		}
	}
}

// A listing that a push overtook while it came is not kept, nor one of another directory at the same path.
func TestCatalogueKeepsOnlyWhatHolds(t *testing.T) {
	var known catalogue
	overtaken := known.begin("/a", 1)
	known.forget("/a/new")
	known.keep(overtaken, 1, time.Unix(1, 0))
	if known.find("/a", 1) != nil {
		t.Error("a listing that a push overtook is kept")
	}
	first := known.begin("/a", 1)
	second := known.put("/a", 1, 2)
	known.keep(first, 1, time.Unix(1, 0))
	known.abandon(first)
	if known.find("/a", 1) != second {
		t.Error("the newer of two listings is not the one that is kept")
	}
	if known.find("/a", 2) != nil {
		t.Error("another directory has the listing of the one that was here before")
	}
	known.abandon(known.begin("/b", 3))
	if len(known.mu.top.below) != 1 {
		t.Error("a listing that did not come whole left something")
	}
}

// The catalogue stays within its room: what was not used for long goes first, and what is too large never comes in.
func TestCatalogueRoom(t *testing.T) {
	var known catalogue
	known.put("/used", 1, 1000)
	for i := range 1000 {
		known.put(fmt.Sprintf("/%d", i), 1, 1000)
		if known.find("/used", 1) == nil {
			t.Fatalf("what is used all the time is gone after %d others", i)
		}
		if known.mu.bytes > catalogueRoom {
			t.Fatalf("%d bytes", known.mu.bytes)
		}
	}
	if known.find("/0", 1) != nil || known.find("/999", 1) == nil {
		t.Error("not the oldest went")
	}
	if len(known.mu.top.below) != known.mu.order.Len() {
		t.Errorf("%d branches for %d listings", len(known.mu.top.below), known.mu.order.Len())
	}
	known.put("/large", 1, 400_000)
	if known.find("/large", 1) != nil || known.find("/used", 1) == nil {
		t.Error("one listing took the room of all")
	}
}

// What is asked for again is answered from the catalogue, until a push says that it changed.
func TestAskedForAgain(t *testing.T) {
	tree := newMemTree()
	for i := range 50 {
		tree.put(fmt.Sprintf("/d/%02d", i), []byte("x"))
	}
	_, m := mounted(t, tree, Options{Root: "/d"})
	eventually(t, "changes are heard", func() bool { return m.Stats().Watched })
	sizes := func() map[string]int64 { // of a listing that the kernel asks for anew
		h, seen := &dirHandle{n: m.root}, make(map[string]int64)
		defer h.Releasedir(t.Context(), 0)
		for {
			e, errno := h.Readdirent(t.Context())
			if errno != 0 {
				t.Fatal(errno)
			}
			if e == nil {
				return seen
			}
			seen[e.Name] = h.last.Length
		}
	}
	sizes()
	eventually(t, "the listing is kept", func() bool { return m.root.listingOf() != nil })
	stats := tree.count("stat")
	if seen := sizes(); len(seen) != 52 || tree.count("list") != 1 {
		t.Errorf("%d entries by %d lists", len(seen), tree.count("list"))
	}
	var out gofuse.EntryOut
	if _, errno := m.root.Lookup(t.Context(), "07", &out); errno != 0 || out.Size != 1 || tree.count("stat") != stats {
		t.Errorf("a name that was listed: %v, %d bytes, %d stats", errno, out.Size, tree.count("stat")-stats)
	}
	tree.put("/d/new", []byte("yy"))
	tree.put("/d/07", []byte("changed"))
	tree.push("/d/new", "/d/07")
	if _, errno := m.root.Lookup(t.Context(), "07", &out); errno != 0 || out.Size != 7 {
		t.Errorf("after a push: %v, %d bytes", errno, out.Size)
	}
	if seen := sizes(); len(seen) != 53 || seen["07"] != 7 || seen["new"] != 2 || tree.count("list") != 2 {
		t.Errorf("after a push: %d entries by %d lists, %d, %d", len(seen), tree.count("list"), seen["07"], seen["new"])
	}
}
