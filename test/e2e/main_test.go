package e2e_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"testing"

	goosefs "goosefs/test/program"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(goosefs.Main(m))
}

// program is the path of the program under test. Every test that runs it begins here.
func program(t testing.TB) string {
	t.Helper()
	return goosefs.Path(t, "whole clusters")
}

func need(t testing.TB, err error) { t.Helper(); goosefs.Need(t, err) }

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
