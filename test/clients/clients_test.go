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
		"python":       {"test_read", "test_names", "test_page_cache", "test_tables", "test_write"},
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
	target := installed(t, "target")
	c := start(t, 1, 2)
	cargo, err := exec.LookPath("cargo")
	need(t, err)
	cmd := exec.CommandContext(t.Context(), cargo, "test", "--locked", "--offline", "--quiet")
	cmd.Dir = "rust"
	cmd.Env = append(environment(c.variables()...), "CARGO_TARGET_DIR="+target)
	run(t, cmd)
}

// TestEveryTestRuns: what is in the folders is what the tests above run.
func TestEveryTestRuns(t *testing.T) {
	here, err := os.ReadFile("clients_test.go")
	must(t, err)
	failover, err := os.ReadFile("failover_test.go")
	must(t, err)
	here = append(here, strings.ReplaceAll(string(failover), `", "`, `"`)...)
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
