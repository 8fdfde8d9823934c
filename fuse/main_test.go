package fuse

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// childEnv, set to a mount point, makes the test binary mount a tree there instead of testing: as another process or
// another user, or to be killed.
const childEnv = "GOOSEFS_FUSE_TEST_CHILD"

// mapEnv, set to a file, makes the test binary print the checksum of the file mapped into memory. (A page fault on our
// own mount would block a thread that Go believes to run.)
const mapEnv = "GOOSEFS_FUSE_TEST_MAP"

func TestMain(m *testing.M) {
	if point := os.Getenv(childEnv); point != "" {
		os.Exit(child(point))
	}
	if file := os.Getenv(mapEnv); file != "" {
		os.Exit(mapped(file))
	}
	goleak.VerifyTestMain(m)
}

// child mounts, says "mounted" or why not, and stays until stdin ends.
func child(point string) int {
	tree := newMemTree()
	tree.put("/hello", []byte("hello from the child\n"))
	o, _, err := ParseOptions(os.Getenv("GOOSEFS_FUSE_TEST_OPTIONS"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	m, err := Mount(context.Background(), tree, point, o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("mounted")
	io.Copy(io.Discard, os.Stdin)
	if err := m.Unmount(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("unmounted")
	return 0
}

func mapped(file string) int {
	f, err := os.Open(file)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	info, err := f.Stat()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("%x", sha256.Sum256(data))
	return 0
}

// missing skips a test that needs something this host lacks, or fails it where everything has to be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatal("GOOSEFS_TEST_ALL=1, but: " + what)
	}
	t.Skip(what)
}

func needFuse(t testing.TB) {
	t.Helper()
	if err := tryDevice(); err != nil {
		missing(t, "no use of /dev/fuse: "+err.Error())
	}
	if os.Geteuid() != 0 && findHelper() == "" {
		missing(t, "neither root nor fusermount3")
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "not root")
	}
}

// emptyDir is a fresh directory that is unmounted, whatever happened, and removed when the test ends.
func emptyDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "goosefs-fuse-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for unix.Unmount(dir, unix.MNT_DETACH) == nil {
		}
		if err := os.Remove(dir); err != nil {
			t.Errorf("something is left at the mount point: %v", err)
		}
	})
	return dir
}

// mounted mounts a tree for the time of a test.
func mounted(t testing.TB, tree Tree, o Options) (dir string, m *Mounted) {
	t.Helper()
	needFuse(t)
	dir = emptyDir(t)
	o.UnmountWait = 100 * time.Millisecond
	m, err := Mount(context.Background(), tree, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(context.Background()); err != nil {
			t.Error(err)
		}
		select {
		case <-m.Ended():
		case <-time.After(10 * time.Second):
			t.Error("the mount did not end: a file is still open")
		}
	})
	switch mt := tree.(type) {
	case *memTree:
		<-mt.began
	case *diskTree:
		<-mt.began
	}
	return dir, m
}

// eventually tries until it works, for some seconds.
func eventually(t testing.TB, what string, try func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !try(); {
		if time.Now().After(deadline) {
			t.Fatal("did not happen: " + what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func wantErrno(t testing.TB, what string, err error, want syscall.Errno) {
	t.Helper()
	if got := errnoIn(err); got != want {
		t.Errorf("%s: %v (errno %d), want %v", what, err, got, want)
	}
}

func errnoIn(err error) syscall.Errno {
	for ; err != nil; err = unwrap(err) {
		if errno, ok := err.(syscall.Errno); ok {
			return errno
		}
	}
	return 0
}

func unwrap(err error) error {
	if w, ok := err.(interface{ Unwrap() error }); ok {
		return w.Unwrap()
	}
	return nil
}

func wantContent(t testing.TB, at, want string) {
	t.Helper()
	got, err := os.ReadFile(at)
	if err != nil {
		t.Error(err)
	} else if string(got) != want {
		t.Errorf("%s holds %.40q, want %.40q", filepath.Base(at), got, want)
	}
}

// logTo collects what is logged.
func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, nil))
}

// safeBuilder is written by goroutines of a mount while a test reads it.
type safeBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// interruptedContext is that of a request whose caller was signalled.
func interruptedContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
