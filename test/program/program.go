// Package program builds goosefs once for the tests of a package, which run it as users do.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// variable names the program under test, for all tests: one that is there already, or the one that Main builds.
const variable = "GOOSEFS_TEST_BINARY"

// Main builds the program, static, and runs a package's tests. It returns what the process ends with; call it in TestMain,
// when flags are parsed.
func Main(m *testing.M) int {
	if testing.Short() || os.Getenv(variable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "goosefs-program-")
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
	os.Setenv(variable, path)
	return m.Run()
}

// Path is the program under test. Short tests do without: they are skipped, for it runs what is said.
func Path(t testing.TB, runs string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs " + runs)
	}
	path, err := filepath.Abs(os.Getenv(variable))
	Need(t, err)
	return path
}

// Need ends a test for want of something on this machine: it skips, or fails where everything is to be tested.
func Need(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
}
