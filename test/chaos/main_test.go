package chaos

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	goosefs "goosefs/test/program"
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

func TestMain(m *testing.M) {
	flag.DurationVar(&said.duration, "for", 0, "tell histories for so long; 0: a short share")
	flag.Uint64Var(&said.seed, "seed", 0, "of the first history; 0: any")
	flag.StringVar(&said.faults, "faults", "", "tell only of faults whose names match this regular expression")
	flag.StringVar(&said.keep, "keep", "", "the folder for what is left of red histories; a new temporary one by default")
	flag.StringVar(&said.docs, "docs", "", "the folder of documents that get the result")
	flag.IntVar(&said.kills, "kills", 0, "how often TestFailover kills the leader; 0: not at all")
	flag.Parse()
	os.Exit(goosefs.Main(m))
}

// program is the path of the program under test. Every test that runs it begins here.
func program(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		need(t, errors.New("only root can make network namespaces"))
	}
	for _, tool := range []string{"ip", "nft"} {
		_, err := exec.LookPath(tool)
		need(t, err)
	}
	return goosefs.Path(t, "three masters")
}

func need(t testing.TB, err error) { t.Helper(); goosefs.Need(t, err) }

// command runs a tool of the system to its end.
func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
