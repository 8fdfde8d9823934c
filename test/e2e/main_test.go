package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programVariable names the program under test, for all tests.
const programVariable = "GOOSEFS_TEST_BINARY"

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

// runAll builds the program once, as the README does but static, and runs the tests.
func runAll(m *testing.M) int {
	if testing.Short() || os.Getenv(programVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "goosefs-e2e-program-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "goosefs")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "goosefs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	os.Setenv(programVariable, path)
	return m.Run()
}

// program is the path of the program under test. Every test that runs it begins here.
func program(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs whole clusters")
	}
	path, err := filepath.Abs(os.Getenv(programVariable))
	need(t, err)
	return path
}

// need ends a test for want of something on this machine: it skips, or fails where everything is to be tested.
func need(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// needMount wants what a FUSE mount takes.
func needMount(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	need(t, err)
	f.Close()
	if os.Geteuid() != 0 {
		_, err = exec.LookPath("fusermount3")
		need(t, err)
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		need(t, errors.New("only root can do this"))
	}
}

// full says whether datasets have their full size.
func full() bool { return os.Getenv("GOOSEFS_TEST_FULL") == "1" }

// sized is small, or large in full runs.
func sized(small, large int64) int64 {
	if full() {
		return large
	}
	return small
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
