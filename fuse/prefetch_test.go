package fuse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"goosefs/client"
)

func TestCourse(t *testing.T) {
	ranges := func(count int, opens ...int) (asked []string) {
		var c course
		for _, i := range opens {
			if first, end := c.opened(i, count); end > first {
				asked = append(asked, fmt.Sprintf("%d:%d-%d", i, first, end))
			}
		}
		return asked
	}
	upTo := func(n int, at func(int) int) (opens []int) {
		for i := range n {
			opens = append(opens, at(i))
		}
		return opens
	}
	for _, c := range []struct {
		name  string
		count int
		opens []int
		want  []string
	}{
		{"too few to tell", 1000, []int{0, 1, 2}, nil},
		{"in order", 1000, []int{0, 1, 2, 3, 4, 5}, []string{"3:4-12", "4:12-15", "5:15-18"}},
		{"from the middle", 1000, []int{500, 501, 502, 503}, []string{"503:504-512"}},
		{"several readers", 1000, []int{1, 0, 3, 2, 5, 4}, []string{"2:4-12", "5:12-16", "4:16-18"}},
		{"up to the end", 8, []int{0, 1, 2, 3, 4, 5, 6, 7}, []string{"3:4-8"}},
		{"here and there", 1000, []int{10, 500, 90, 700, 300, 200, 950, 400}, nil},
		{"a new run", 1000, []int{0, 1, 2, 3, 700, 701, 702, 703}, []string{"3:4-12", "703:704-712"}},
		{"many of a small directory", 100, upTo(17, func(i int) int { return i * 37 % 100 }), []string{"55:0-8", "92:8-16"}},
		{"many, but few of a large directory", 1000, upTo(100, func(i int) int { return i * 137 % 1000 }), nil},
	} {
		if got := ranges(c.count, c.opens...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	var c course
	loaded := 0
	for i := range 1000 {
		first, end := c.opened(i, 1000)
		if loaded += end - first; end > i+1+aheadFiles {
			t.Errorf("at %d up to %d is loaded", i, end)
		}
	}
	if loaded != 996 {
		t.Errorf("of 1000 files read in order %d were loaded ahead", loaded)
	}
	c = course{}
	for i := range 4 {
		c.opened(i, 100)
	}
	c.stopped(6)
	if first, _ := c.opened(4, 100); first != 6 {
		t.Errorf("goes on at %d and not where it was stopped", first)
	}
	if !worthwhile(0, aheadFiles-1) || worthwhile(aheadFiles-1, aheadFiles) || !worthwhile(1000, 900) {
		t.Error("what is worthwhile")
	}
}

// loadTree loads, or fails to.
type loadTree struct {
	*memTree
	mu     sync.Mutex
	loaded map[string]int
	fails  error
}

func (t *loadTree) Load(_ context.Context, info client.Info, _ func(int64)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded[info.Name]++
	return t.fails
}

func (t *loadTree) names() (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.loaded {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// smallFiles is a tree with a directory of 30 small files, one of them large and one that is not to be cached.
func smallFiles() *loadTree {
	tree := &loadTree{memTree: newMemTree(), loaded: map[string]int{}}
	for i := range 30 {
		tree.put(fmt.Sprintf("/d/f%02d", i), []byte("small"))
	}
	tree.put("/d/f07", make([]byte, aheadSize+1))
	tree.update("/d/f09", func(i *client.Info) { i.ReadPolicy = client.NoCache }) // its namespace keeps nothing
	return tree
}

func readSome(t *testing.T, dir string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := os.ReadFile(fmt.Sprintf("%s/d/f%02d", dir, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrefetch(t *testing.T) {
	for _, o := range []Options{{Prefetch: true}, {Prefetch: true, NoOpen: true}} {
		tree := smallFiles()
		dir, m := mounted(t, tree, o)
		if _, err := os.ReadDir(dir + "/d"); err != nil {
			t.Fatal(err)
		}
		readSome(t, dir, 0, 4)
		eventually(t, "the next files are loaded", func() bool {
			return slices.Equal(tree.names(), []string{"f04", "f05", "f06", "f08", "f10", "f11"})
		})
		readSome(t, dir, 4, 30)
		tree.mu.Lock()
		for name, n := range tree.loaded {
			if n > 1 {
				t.Errorf("%s was loaded %d times", name, n)
			}
		}
		tree.mu.Unlock()
		if s := m.Stats(); s.Used == 0 || s.Vain != 0 {
			t.Errorf("%+v", s)
		}
	}

	tree := smallFiles()
	dir, _ := mounted(t, tree, Options{})
	if _, err := os.ReadDir(dir + "/d"); err != nil {
		t.Fatal(err)
	}
	readSome(t, dir, 0, 30)
	if names := tree.names(); len(names) > 0 {
		t.Errorf("without being asked to, it loaded %q", names)
	}
}

// Of a long listing the kernel asks for names only, but for its beginning. Those files are loaded, too.
func TestPrefetchLongListing(t *testing.T) {
	tree := &loadTree{memTree: newMemTree(), loaded: map[string]int{}}
	for i := range 300 {
		tree.put(fmt.Sprintf("/d/f%03d", i), []byte("small"))
	}
	dir, _ := mounted(t, tree, Options{Prefetch: true, EntryTimeout: time.Minute, AttrTimeout: time.Minute})
	if _, err := os.ReadDir(dir + "/d"); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if _, err := os.ReadFile(fmt.Sprintf("%s/d/f%03d", dir, i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "files far behind are loaded", func() bool { return slices.Contains(tree.names(), "f263") })
}

// A source that fails is left alone.
func TestPrefetchPauses(t *testing.T) {
	tree := smallFiles()
	tree.fails = errors.New("sick")
	dir, m := mounted(t, tree, Options{Prefetch: true})
	if _, err := os.ReadDir(dir + "/d"); err != nil {
		t.Fatal(err)
	}
	readSome(t, dir, 0, 4)
	eventually(t, "it pauses", func() bool {
		m.ahead.mu.Lock()
		defer m.ahead.mu.Unlock()
		return !m.ahead.mu.paused.IsZero() && m.ahead.mu.running == 0
	})
	before := len(tree.names())
	readSome(t, dir, 4, 30)
	if n := len(tree.names()); n != before || m.Stats().Used != 0 {
		t.Errorf("%d files were loaded before and %d after the failure, %d used", before, n, m.Stats().Used)
	}
}

// What is never opened is counted.
func TestPrefetchInVain(t *testing.T) {
	p := newPrefetcher(smallFiles(), true)
	p.mu.ahead[1] = loaded{client.Info{Length: 5}, time.Now().Add(-2 * aheadFor)}
	p.mu.bytes = 5
	if used, vain, bytes := p.counts(); used != 0 || vain != 1 || bytes != 5 || p.mu.bytes != 0 {
		t.Errorf("%d used, %d in vain of %d bytes, %d outstanding", used, vain, bytes, p.mu.bytes)
	}
}
