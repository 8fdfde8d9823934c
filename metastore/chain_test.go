package metastore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestChain: the inodes along a path, whether all of it is there or not.
func TestChain(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(1, [][]byte{CreateFile{Path: "/a/b/f", Recursive: true}.Encode()})
	for path, want := range map[string]string{
		"/":            "/: [] true",
		"/a":           "/a: [ a] true",
		"//a/./b/f/":   "/a/b/f: [ a b f] true",
		"/a/b/none":    "/a/b/none: [ a b] false",
		"/a/none/f":    "/a/none/f: [ a] false",
		"/a/b/f/below": "/a/b/f/below: [ a b f] false",
	} {
		chain, clean, whole, err := s.Chain(path)
		var names []string
		for _, n := range chain {
			names = append(names, n.Name)
		}
		if got := fmt.Sprintf("%s: [%s] %v", clean, strings.Join(names, " "), whole); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", path, got, err, want)
		}
	}
	if _, _, _, err := s.Chain("a/../b"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("no path: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.Chain("/a"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
