package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWorkerDiesWhileItsFileIsOpen kills a worker whose file a program reads directly. The program reads on, from the disk;
// what the next worker does to the file is no matter to it; and who opens the file later gets the same bytes.
func TestWorkerDiesWhileItsFileIsOpen(t *testing.T) {
	program(t)
	root := publicDir(t)
	tr := newTree(t, root, 24<<20, "file")
	c := newCluster(t, "file://"+root, append(ownTiers(publicDir(t)), "replicas: 3", "replicas: 1")...)
	c.startCold()
	c.goosefs("fs", "load", "/hbase/file")
	eventually(t, 10*time.Second, "fs stat says that the file is read directly", func() bool {
		return strings.Contains(c.goosefs("fs", "stat", "/hbase/file"), "Read on this host directly")
	})
	f, err := os.Open(c.path("file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fuse, err := c.findPod("hbase-fuse-0")
	if err != nil {
		t.Fatal(err)
	}
	if !holdsBlocks(fuse) {
		t.Fatal("the mount has no descriptor of a cached file")
	}
	sum := func(when string) {
		t.Helper()
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<40)); err != nil || [sha256.Size]byte(h.Sum(nil)) != tr.files["file"].sum {
			t.Errorf("%s: other bytes, or %v", when, err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1<<20), 0); err != nil {
		t.Error(err)
	}
	c.signal("hbase-worker-0", syscall.SIGKILL)
	sum("its worker is dead")
	c.awaitRestarts("hbase-worker-0", 1)
	sum("another worker has the disk")
	c.goosefs("fs", "free", "/hbase/file")
	sum("the file is freed")
	if !holdsBlocks(fuse) {
		t.Error("the mount has no descriptor any more")
	}
	tr.check(t, c.path(), "file")
	c.goosefs("fs", "load", "/hbase/file")
	sum("it is cached again")
	f.Close()
	tr.check(t, c.path(), "file")
}

// holdsBlocks says whether a process has a cached file open.
func holdsBlocks(pid int) bool {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.Contains(to, "/blocks/") {
			return true
		}
	}
	return false
}
