package fuse

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"goosefs/client"

	"golang.org/x/sys/unix"
)

// forgetPages has the kernel drop the pages of a file.
func forgetPages(t *testing.T, f *os.File) {
	t.Helper()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

func TestReadsWithoutOpen(t *testing.T) {
	tree := newMemTree()
	data := randomBytes(3<<20 + 5)
	tree.put("/large", data)
	tree.put("/small", []byte("x"))
	tree.put("/empty", nil)
	dir, m := mounted(t, tree, Options{NoOpen: true})
	wantContent(t, dir+"/small", "x")
	if tree.count("close") != 1 {
		t.Error("a file that was read whole by one request was not closed after it")
	}
	wantContent(t, dir+"/empty", "")
	wantContent(t, dir+"/large", string(data))
	reads := m.Stats().Reads
	for range 3 {
		wantContent(t, dir+"/small", "x")
		wantContent(t, dir+"/large", string(data))
	}
	if m.Stats().Reads != reads {
		t.Error("pages were not kept")
	}
	eventually(t, "files that nobody reads are closed", func() bool { return m.Stats().Open == 0 })
	if opens := m.Stats().Opens; tree.count("close") != int(opens) {
		t.Errorf("%d were opened and %d closed", opens, tree.count("close"))
	}

	f, err := os.Open(dir + "/large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for at := int64(i) << 12; at < int64(len(data)); at += 256 << 10 {
				got := make([]byte, min(1000, int64(len(data))-at))
				if _, err := f.ReadAt(got, at); err != nil || !bytes.Equal(got, data[at:][:len(got)]) {
					t.Errorf("at %d: %v", at, err)
				}
				unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
			}
		})
	}
	wg.Wait()
}

// What a program has open is a version, though it never told us.
func TestWithoutOpenAFileStaysWithItsVersion(t *testing.T) {
	tree := newMemTree()
	id := tree.put("/f", []byte(oldText))
	dir, _ := mounted(t, tree, Options{NoOpen: true})
	wantContent(t, dir+"/f", oldText)
	f, err := os.Open(dir + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tree.put("/f", []byte(newText))
	tree.push("/f")
	eventually(t, "the new version is read", sees(dir+"/f", newText))
	forgetPages(t, f)
	got, err := io.ReadAll(f)
	if err != nil || string(got) != oldText {
		t.Errorf("the open file reads %q, %v", got, err)
	}
	tree.dropData(id)
	forgetPages(t, f)
	_, err = f.ReadAt(make([]byte, 10), 0)
	wantErrno(t, "reading a version that is gone", err, syscall.ESTALE)
	wantContent(t, dir+"/f", newText)
	tree.remove("/f")
	tree.push("/f")
	eventually(t, "it is gone", absent(dir+"/f"))
}

// The shelf on its own: what is idle is bounded, what is read is never closed, and after the end nothing is kept.
func TestShelf(t *testing.T) {
	tree := newMemTree()
	m := &Mounted{tree: tree}
	s := &m.shelf
	var nodes []*fileNode
	for i := range keptIdle + 10 {
		info := client.Info{Path: fmt.Sprintf("/%d", i)}
		n := &fileNode{node: node{m: m}}
		s.take(n, func() File { return tree.OpenInfo(info) })
		nodes = append(nodes, n)
	}
	again := s.take(nodes[0], func() File { t.Error("opened twice"); return nil })
	for _, n := range nodes {
		s.put(n, false)
	}
	if open := m.stats.openNow.Load(); open != keptIdle+1 || tree.count("close") != 9 {
		t.Errorf("%d are open, %d were closed", open, tree.count("close"))
	}
	if !s.holds(nodes[0]) || s.holds(nodes[1]) || again.readers != 1 {
		t.Error("the one that is read is not kept, or the one that was read first is")
	}
	s.close()
	if open := m.stats.openNow.Load(); open != 1 {
		t.Errorf("%d are open after the end", open)
	}
	s.put(nodes[0], false)
	if open := m.stats.openNow.Load(); open != 0 || tree.count("close") != len(nodes) {
		t.Errorf("%d are open after the last read", open)
	}
}
