package roles

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusedLocal runs a local cluster that does not start, and returns why not.
func refusedLocal(t *testing.T, dir, root string, typed ...string) string {
	t.Helper()
	l, err := newLocal(dir, []string{root}, 1, typed)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	err = Env{Version: "test"}.runLocal(t.Context(), l, &stdout, &stderr)
	if err == nil || stdout.Len() > 0 || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v is no refusal in one line; it says %q", err, stdout.String())
	}
	return err.Error()
}

// The root is mounted when the cluster is made: another folder later would be ignored.
func TestLocalKeepsItsRoot(t *testing.T) {
	t.Setenv("GOOSEFS_CONF_DIR", "")
	base := t.TempDir()
	dir, first, second, link := filepath.Join(base, "s"), filepath.Join(base, "a"), filepath.Join(base, "b"), filepath.Join(base, "l")
	ports := freePorts(t, 3)
	start := func(root string) {
		t.Helper()
		l, err := newLocal(dir, []string{root}, 2, localOn(ports))
		if err != nil {
			t.Fatal(err)
		}
		startLocal(t, l)()
	}
	start(first)
	want := "/ cannot be " + second + ": what is in " + dir + " was made for " + first + "; write another --dir, or " + first + " again"
	if said := refusedLocal(t, dir, second, localOn(ports)...); said != want {
		t.Errorf("it says %q, not %q", said, want)
	}
	if err := os.Symlink(first, link); err != nil {
		t.Fatal(err)
	}
	start(link) // the same folder by another name
}
