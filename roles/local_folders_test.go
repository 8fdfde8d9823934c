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

// Nothing is made where nothing can be served.
func TestLocalRefusesFolders(t *testing.T) {
	t.Setenv("GOOSEFS_CONF_DIR", "")
	base := resolved(t.TempDir())
	data, file, link := filepath.Join(base, "data"), filepath.Join(base, "file"), filepath.Join(base, "link")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	part := func(dir, root string) string {
		return "state and cache in " + dir + " would be part of " + root + ", which is to be /; write --dir with a folder outside of it"
	}
	for name, c := range map[string]struct{ dir, root, want string }{
		"state in the data":            {filepath.Join(data, "s"), data, part(filepath.Join(data, "s"), data)},
		"state deep in the data":       {filepath.Join(data, "x", "s"), data, part(filepath.Join(data, "x", "s"), data)},
		"state in the data, by a link": {filepath.Join(link, "x", "s"), data, part(filepath.Join(link, "x", "s"), data)},
		"data by a link":               {filepath.Join(data, "s"), link, part(filepath.Join(data, "s"), link)},
		"the same":                     {data, data, part(data, data)},
		"all":                          {filepath.Join(base, "s"), "/", part(filepath.Join(base, "s"), "/")},
		"data that is not there yet":   {filepath.Join(base, "new", "s"), filepath.Join(base, "new"), part(filepath.Join(base, "new", "s"), filepath.Join(base, "new"))},
		"a file":                       {filepath.Join(base, "s"), file, file + " cannot be /: stat " + file + ": not a directory; name a folder"},
		"below a file":                 {filepath.Join(base, "s"), file + "/x", file + "/x cannot be /: stat " + file + "/x: not a directory; name a folder"},
	} {
		if said := refusedLocal(t, c.dir, c.root, localOn(freePorts(t, 3))...); said != c.want {
			t.Errorf("%s: it says %q, not %q", name, said, c.want)
		}
	}
	for _, path := range []string{filepath.Join(base, "s"), filepath.Join(base, "new"), filepath.Join(data, "s"), filepath.Join(data, "x")} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s was made: %v", path, err)
		}
	}
}
