package master

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestChangesExcludeEachOther(t *testing.T) {
	for _, c := range []struct {
		first, second []string
		want          bool // both at once
	}{
		{[]string{"/a"}, []string{"/b"}, true},
		{[]string{"/a"}, []string{"/ab"}, true},
		{[]string{"/a/x"}, []string{"/a/y"}, true},
		{[]string{"/a"}, []string{"/a"}, false},
		{[]string{"/a"}, []string{"/a/b/c"}, false},
		{[]string{"/a/b"}, []string{"/a"}, false},
		{[]string{"/a/b"}, []string{"/"}, false},
		{[]string{"/a", "/b"}, []string{"/c", "/b/d"}, false},
		{[]string{"/a", "/b"}, []string{"/c", "/d"}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			changes := newChanges()
			first, err := changes.begin(t.Context(), c.first...)
			if err != nil {
				t.Fatal(err)
			}
			begun := make(chan *change, 1)
			go func() {
				second, err := changes.begin(t.Context(), c.second...)
				if err != nil {
					t.Error(err)
				}
				begun <- second
			}()
			synctest.Wait()
			if at := len(begun) == 1; at != c.want {
				t.Errorf("%v and %v at once: %v", c.first, c.second, at)
			}
			changes.end(first)
			changes.end(<-begun)
			if len(changes.mu.asked) != 0 {
				t.Error("something is left behind")
			}
		})
	}
	changes := newChanges()
	x, _ := changes.begin(t.Context(), "/a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := changes.begin(ctx, "/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller leaves: %v", err)
	}
	if err := x.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller leaves: %v", err)
	}
	if len(changes.mu.asked) != 1 {
		t.Error("who left is still waited for")
	}
	changes.end(x)
	if err := x.wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// Changes of the namespace alone wait for others, and others for them, but not for each other. Who asks later does not pass by.
func TestChangesHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes := newChanges()
		var begun []string
		start := func(name string, begin func() (*change, error)) (end func()) {
			var x *change
			go func() {
				var err error
				if x, err = begin(); err != nil {
					t.Error(err)
				}
				begun = append(begun, name)
			}()
			synctest.Wait()
			return func() { changes.end(x); synctest.Wait() }
		}
		here := func(p string) func() (*change, error) {
			return func() (*change, error) { return changes.beginHere(t.Context(), p) }
		}
		want := func(names ...string) {
			t.Helper()
			if !slices.Equal(begun, names) {
				t.Errorf("begun have %v, want %v", begun, names)
			}
		}
		file, dir := start("file", here("/d/f")), start("dir", here("/d"))
		want("file", "dir")
		move := start("move", func() (*change, error) { return changes.begin(t.Context(), "/d", "/e") })
		late := start("late", here("/d/g"))
		look := changes.look("/")
		if d := changes.disturbed(look); len(d) != 0 {
			t.Errorf("a look is disturbed by %v, which waits", d)
		}
		file()
		want("file", "dir")
		dir()
		want("file", "dir", "move")
		if d := changes.disturbed(look); len(d) != 2 {
			t.Errorf("a look is disturbed by %v, want the move of two names", d)
		}
		move()
		want("file", "dir", "move", "late")
		late()
		changes.leave(look)
		if len(changes.mu.asked) != 0 {
			t.Error("something is left behind")
		}
	})
}

// A look is told of changes that were under way when it began, and of those that began meanwhile, of its names only.
func TestLooksAreDisturbed(t *testing.T) {
	changes := newChanges()
	begin := func(paths ...string) *change {
		x, err := changes.begin(t.Context(), paths...)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	before := begin("/d/old")
	look := changes.look("/d")
	changes.end(before)
	moved := begin("/e/x", "/d/new")
	begin("/d/deep/below")
	begin("/z")
	names := func() (names []string) {
		for name := range changes.disturbed(look) {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	if got := names(); !slices.Equal(got, []string{"new", "old"}) {
		t.Errorf("disturbed: %v", got)
	}
	if got := names(); got != nil {
		t.Errorf("told again: %v", got)
	}
	changes.leave(look)
	changes.end(moved)
	begin("/d/late")
	if got := names(); got != nil || len(changes.mu.looks) != 0 {
		t.Errorf("after it left: %v", got)
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		p, dir string
		want   bool
	}{{"/a/b", "/a", true}, {"/a", "/a", false}, {"/ab", "/a", false}, {"/a", "/", true}, {"/", "/", false}, {"/a", "/a/b", false}} {
		if got := within(c.p, c.dir); got != c.want {
			t.Errorf("%s in %s: %v", c.p, c.dir, got)
		}
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		if !pause(ctx, time.Hour) {
			t.Error("ended early")
		}
		cancel()
		if pause(ctx, time.Hour) {
			t.Error("outlives its context")
		}
	})
}
