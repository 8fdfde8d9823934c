package metastore

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBefore reads what an earlier version of the program wrote: a log of every
// kind of command that it knew, and the image of the state that the log made, in
// testdata/before. Both must give the state that they gave then.
func TestBefore(t *testing.T) {
	dir := filepath.Join("testdata", "before")
	log := readLog(t, filepath.Join(dir, "log"))
	want := strings.TrimSpace(string(readFile(t, filepath.Join(dir, "state"))))

	applied := open(t, t.TempDir())
	applied.Apply(uint64(len(log)), log)
	restored := open(t, t.TempDir())
	packed, err := gzip.NewReader(bytes.NewReader(readFile(t, filepath.Join(dir, "image.gz"))))
	if err == nil {
		err = restored.Restore(packed)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Store{"the log": applied, "the image": restored} {
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := stateText(t, s); got != want {
			t.Errorf("%s gives\n%s\nit gave\n%s", name, got, want)
		}
	}
}

// stateText is the hash of a state, and its inodes.
func stateText(t *testing.T, s *Store) string {
	text := fmt.Sprintf("%x after %d commands\n", s.Hash().Sum, s.Hash().Commands)
	var visit func(dir int64, at string)
	visit = func(dir int64, at string) {
		list, err := s.List(dir, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			text += describeAll(join(at, list[i].Name), &list[i]) + "\n"
			if list[i].Dir {
				visit(list[i].ID, join(at, list[i].Name))
			}
		}
	}
	visit(RootID, "/")
	return strings.TrimSpace(text)
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readLog reads commands, one a line.
func readLog(t *testing.T, name string) (log [][]byte) {
	for line := range strings.Lines(string(readFile(t, name))) {
		cmd, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, cmd)
	}
	return log
}
