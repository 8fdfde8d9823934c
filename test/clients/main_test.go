package clients

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programVariable names the program under test.
const programVariable = "GOOSEFS_TEST_BINARY"

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

// runAll builds the program once and runs the tests.
func runAll(m *testing.M) int {
	if testing.Short() || os.Getenv(programVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "goosefs-clients-program-")
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

// installed is what tools/clients has made below bin/clients, or the test ends for want of it.
func installed(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", "clients", name))
	need(t, err)
	if _, err := os.Stat(path); err != nil {
		need(t, errors.Join(err, errors.New("tools/clients installs it; make test-clients calls it")))
	}
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
