package chaos

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// options are what the command line says.
type options struct {
	duration time.Duration
	seed     uint64
	faults   string
	keep     string
	docs     string
	kills    int
}

// said is what the command line said, for all tests. TestMain sets it once.
var said options

// programVariable names the program under test, for all tests.
const programVariable = "GOOSEFS_TEST_BINARY"

func TestMain(m *testing.M) {
	flag.DurationVar(&said.duration, "for", 0, "tell histories for so long; 0: a short share")
	flag.Uint64Var(&said.seed, "seed", 0, "of the first history; 0: any")
	flag.StringVar(&said.faults, "faults", "", "tell only of faults whose names match this regular expression")
	flag.StringVar(&said.keep, "keep", "", "the folder for what is left of red histories; a new temporary one by default")
	flag.StringVar(&said.docs, "docs", "", "the folder of documents that get the result")
	flag.IntVar(&said.kills, "kills", 0, "how often TestFailover kills the leader; 0: not at all")
	flag.Parse()
	os.Exit(runAll(m))
}

// runAll builds the program once, static, and runs the tests.
func runAll(m *testing.M) int {
	if testing.Short() || os.Getenv(programVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "goosefs-chaos-program-")
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
		t.Skip("it runs three masters")
	}
	if os.Geteuid() != 0 {
		need(t, errors.New("only root can make network namespaces"))
	}
	for _, tool := range []string{"ip", "nft"} {
		_, err := exec.LookPath(tool)
		need(t, err)
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

// command runs a tool of the system to its end.
func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
