package raftlog

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A formatted folder is that of a new member; one in use is left alone.
func TestFormat(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.propose(c.leader(), "x")
	dir := filepath.Join(c.dir, "1", "journal")
	refusal(t, Format(dir), syscall.EBUSY, dir)
	c.propose(c.leader(), "y")
	c.kill(1)
	if err := Format(dir); err != nil {
		t.Fatal(err)
	}
	if found, err := journals(dir); err != nil || len(found) != 0 {
		t.Errorf("left: %v %v", found, err)
	}
	c.open(1)
	c.propose(c.leader(), "z")
	c.converged("z")
	c.close()
	file := filepath.Join(c.dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Format(file); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
}
