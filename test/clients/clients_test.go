package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// authType is how clients log in: as they do by default.
const authType = "simple"

// run runs a client's programs, and shows what they say if they fail.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}

// python runs a module of python's folder by one version of the package.
func (c *cluster) python(t *testing.T, venv, module string) {
	t.Helper()
	interpreter := filepath.Join(installed(t, venv), "bin", "python")
	cmd := exec.CommandContext(t.Context(), interpreter, "-B", "-m", "unittest", module)
	cmd.Dir, cmd.Env = "python", environment(c.variables()...)
	run(t, cmd)
}

// TestPython has the Python package use a cluster: the newest version, and the last one that maps blocks of a worker on its own
// host.
func TestPython(t *testing.T) {
	venvs := map[string][]string{
		"python":       {"test_read", "test_names", "test_page_cache", "test_races", "test_tables", "test_write"},
		"python-0.1.9": {"test_read", "test_names", "test_page_cache", "test_short_circuit", "test_write"},
	}
	program(t)
	for venv := range venvs {
		installed(t, venv)
	}
	c := start(t, 1, 2)
	for venv, modules := range venvs {
		for _, module := range modules {
			t.Run(venv+"/"+module, func(t *testing.T) { c.python(t, venv, module) })
		}
	}
}

// TestRust has the Rust crate, and OpenDAL on top of it, use a cluster.
func TestRust(t *testing.T) {
	program(t)
	c := start(t, 1, 2)
	run(t, c.cargo(t))
}

// cargo is a run of the tests in rust's folder, of all that are not ignored or as the words say.
func (c *cluster) cargo(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	target := installed(t, "target")
	cargo, err := exec.LookPath("cargo")
	need(t, err)
	cmd := exec.CommandContext(t.Context(), cargo, append([]string{"test", "--locked", "--offline", "--quiet"}, words...)...)
	cmd.Dir = "rust"
	cmd.Env = append(environment(c.variables()...), "CARGO_TARGET_DIR="+target)
	return cmd
}

// TestEveryTestRuns: what is in the folders is what the tests above run.
func TestEveryTestRuns(t *testing.T) {
	var here []byte
	for _, name := range []string{"clients_test.go", "failover_test.go", "kills_test.go"} {
		text, err := os.ReadFile(name)
		must(t, err)
		here = append(here, text...)
	}
	files, err := filepath.Glob(filepath.Join("python", "test_*.py"))
	must(t, err)
	if len(files) < 5 {
		t.Errorf("only %v", files)
	}
	for _, f := range files {
		if module := strings.TrimSuffix(filepath.Base(f), ".py"); !strings.Contains(string(here), `"`+module+`"`) {
			t.Errorf("nothing runs %s", f)
		}
	}
}
