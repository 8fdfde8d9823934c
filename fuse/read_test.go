package fuse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	r.Read(b)
	return b
}

var sizes = []int{0, 1, 4095, 4096, 4097, 1<<20 - 1, 1 << 20, 5<<20 + 3}

func TestReadWholeFiles(t *testing.T) {
	for _, o := range []Options{{}, {DirectIO: true}, {MaxReadAhead: -1}, {MaxRead: 8192}, {ReadOnly: true, AllowOther: os.Geteuid() == 0}} {
		tree := newMemTree()
		for _, n := range sizes {
			tree.put(fmt.Sprintf("/d/%d", n), randomBytes(n))
		}
		dir, m := mounted(t, tree, o)
		for _, n := range sizes {
			got, err := os.ReadFile(filepath.Join(dir, "d", fmt.Sprint(n)))
			if err != nil {
				t.Fatal(err)
			}
			if sha256.Sum256(got) != sha256.Sum256(randomBytes(n)) {
				t.Errorf("%+v: file of %d bytes is wrong", o, n)
			}
		}
		// The kernel releases a file a moment after close.
		eventually(t, "all files are closed", func() bool { return m.Stats().Open == 0 && tree.count("close") == len(sizes) })
	}
}

func TestReadAnywhereAtOnce(t *testing.T) {
	want := randomBytes(5<<20 + 3)
	for _, direct := range []bool{false, true} {
		tree := newMemTree()
		tree.put("/f", want)
		dir, _ := mounted(t, tree, Options{DirectIO: direct})
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				f, err := os.Open(filepath.Join(dir, "f"))
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close()
				for range 100 {
					off, n := rand.IntN(len(want)+1000), 1+rand.IntN(300_000)
					got := make([]byte, n)
					n, err := f.ReadAt(got, int64(off))
					if err != nil && err != io.EOF {
						t.Error(err)
						return
					}
					expect := want[min(off, len(want)):min(off+len(got), len(want))]
					if !bytes.Equal(got[:n], expect) {
						t.Errorf("%d bytes at %d are wrong (%d came)", len(got), off, n)
						return
					}
				}
			})
		}
		readers.Wait()
	}
}

func TestReadThroughMemoryMap(t *testing.T) {
	for _, direct := range []bool{false, true} {
		tree := newMemTree()
		want := randomBytes(3<<20 + 7)
		tree.put("/f", want)
		dir, _ := mounted(t, tree, Options{DirectIO: direct})
		wantMapped(t, filepath.Join(dir, "f"), want)
	}
}

// wantMapped has another process map a file into memory and look at it.
func wantMapped(t *testing.T, file string, want []byte) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), mapEnv+"="+file)
	got, err := cmd.CombinedOutput()
	if err != nil || string(got) != fmt.Sprintf("%x", sha256.Sum256(want)) {
		t.Errorf("mapped bytes are wrong: %s, %v", got, err)
	}
}

func TestPagesAreKeptBetweenOpens(t *testing.T) {
	tree := newMemTree()
	tree.put("/f", randomBytes(300_000))
	dir, _ := mounted(t, tree, Options{})
	f := filepath.Join(dir, "f")
	wantContent(t, f, string(randomBytes(300_000)))
	reads, stats := tree.count("read"), tree.count("stat")
	for range 5 {
		wantContent(t, f, string(randomBytes(300_000)))
	}
	if again := tree.count("read"); again != reads {
		t.Errorf("%d reads came for kept pages", again-reads)
	}
	if again := tree.count("stat"); again != stats {
		t.Errorf("%d stats came for a file that is known", again-stats)
	}
}

func TestOddNames(t *testing.T) {
	names := []string{
		" ", "a b", "tab\there", "new\nline", `back\slash`, `"quotes"'`, "*?[x]", "-rf", "~", "#", "%41", "ünïcode-名前-🪿", "\xff\xfe not utf-8",
		".hidden", "...", "a,b=c", strings.Repeat("x", 255),
	}
	tree := newMemTree()
	for _, n := range names {
		tree.put("/odd/"+n, []byte("in "+n))
	}
	dir, _ := mounted(t, tree, Options{})
	for _, n := range names {
		wantContent(t, dir+"/odd/"+n, "in "+n)
	}
	entries, err := os.ReadDir(dir + "/odd")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(names) {
		t.Errorf("%d names are listed, want %d", len(entries), len(names))
	}
	_, err = os.Stat(dir + "/" + strings.Repeat("y", 256))
	wantErrno(t, "a name of 256 bytes", err, syscall.ENAMETOOLONG)
}

func TestSubtreeAsRoot(t *testing.T) {
	tree := newMemTree()
	tree.put("/a/b/f", []byte("f"))
	dir, _ := mounted(t, tree, Options{Root: "/a/b/"})
	wantContent(t, dir+"/f", "f")
	tree.put("/a/b/f", []byte("f2"))
	tree.push("/a/b/f", "/elsewhere/f")
	eventually(t, "the change below the shown root is seen", func() bool {
		got, _ := os.ReadFile(dir + "/f")
		return string(got) == "f2"
	})
}

func TestAttributes(t *testing.T) {
	tree := newMemTree()
	id := tree.put("/d/f", make([]byte, 1000))
	tree.update("/d/f", func(i *client.Info) { i.Mode, i.Owner, i.Group = 0o640, "root", "12345" })
	dir, _ := mounted(t, tree, Options{UID: -1, GID: -1, Umask: 0o004})
	var f, d, root syscall.Stat_t
	for at, st := range map[string]*syscall.Stat_t{"/d/f": &f, "/d": &d, "": &root} {
		if err := syscall.Stat(dir+at, st); err != nil {
			t.Fatal(err)
		}
	}
	modified := time.Unix(f.Mtim.Unix())
	if f.Ino != uint64(id) || f.Size != 1000 || f.Blocks != 2 || f.Blksize != 1<<20 || f.Nlink != 1 || f.Mode != syscall.S_IFREG|0o640 || f.Gid != 12345 || !modified.Equal(somewhen) {
		t.Errorf("file: %+v", f)
	}
	if d.Nlink != 2 || d.Mode != syscall.S_IFDIR|0o751 || d.Size != 0 {
		t.Errorf("directory: %+v", d)
	}
	if root.Ino != 1 {
		t.Errorf("the root has inode %d", root.Ino)
	}
}

func TestFailedReads(t *testing.T) {
	for _, c := range []struct{ tree, program syscall.Errno }{
		{syscall.EIO, syscall.EIO}, {syscall.ESTALE, syscall.ESTALE}, {syscall.EAGAIN, syscall.EIO}, {syscall.ENOSYS, syscall.EIO},
	} {
		tree := newMemTree()
		tree.put("/f", []byte("bytes"))
		tree.fail("read /f", c.tree)
		dir, _ := mounted(t, tree, Options{DirectIO: true})
		_, err := os.ReadFile(dir + "/f")
		wantErrno(t, fmt.Sprintf("read with %v below", c.tree), err, c.program)
		tree.fail("read /f", nil)
		wantContent(t, dir+"/f", "bytes")
	}
}

// A file that ends before its length would come out short, or padded with zeros.
func TestFileThatEndsEarlyIsAnError(t *testing.T) {
	for _, direct := range []bool{false, true} {
		tree := newMemTree()
		tree.put("/f", []byte("12345"))
		tree.update("/f", func(i *client.Info) { i.Length = 10_000 })
		dir, _ := mounted(t, tree, Options{DirectIO: direct})
		got, err := os.ReadFile(dir + "/f")
		if errnoIn(err) != syscall.EIO {
			t.Errorf("direct=%v: got %d bytes, %v, want EIO", direct, len(got), err)
		}
	}
}

func TestKilledReaderIsFree(t *testing.T) {
	t.Parallel() // it waits
	for _, direct := range []bool{false, true} {
		tree := newMemTree()
		tree.put("/f", make([]byte, 100_000))
		dir, _ := mounted(t, tree, Options{DirectIO: direct})
		release := tree.hold("read /f")
		cat := exec.Command("cat", dir+"/f")
		if err := cat.Start(); err != nil {
			t.Fatal(err)
		}
		<-tree.entered
		cat.Process.Kill()
		done := make(chan error, 1)
		go func() { done <- cat.Wait() }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("cat hangs though it was killed")
		}
		release()
	}
}

// A signal that a program handles must not break a read that takes a moment; one that takes long ends with EINTR.
func TestInterruptedCalls(t *testing.T) {
	t.Parallel() // it waits
	request, interrupt := context.WithCancel(context.Background())
	ctx, stop := patient(request)
	defer stop()
	interrupt()
	if ctx.Err() != nil {
		t.Error("the work ended with the interruption")
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the work goes on for ever")
	}
	if errno := errnoOf(&os.PathError{Op: "read", Path: "/f", Err: ctx.Err()}); errno != syscall.EINTR {
		t.Errorf("the program sees %v, want EINTR", errno)
	}
}

func TestClosingFails(t *testing.T) {
	tree := newMemTree()
	tree.put("/f", []byte("x"))
	tree.fail("close /f", errors.New("no"))
	dir, m := mounted(t, tree, Options{})
	wantContent(t, dir+"/f", "x")
	eventually(t, "the file counts as closed", func() bool { return m.Stats().Open == 0 })
}
