package metastore

import (
	"errors"
	"fmt"
	"testing"
)

// Pages of the database that were read leave this process's memory, and can be read again as they were.
func TestTrimMapping(t *testing.T) {
	s := open(t, t.TempDir())
	var cmds [][]byte
	for i := range 20_000 {
		cmds = append(cmds, CreateFile{Header: Header{Time: 1}, Path: fmt.Sprintf("/d/file-%05d", i), Recursive: true}.Encode())
	}
	s.Apply(1, cmds)
	if err := s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil { // reads all of it
		t.Fatal(err)
	}
	before := residentFile()
	if trimMapping(s.mu.db, before+1<<30) {
		t.Error("trimmed below the limit")
	}
	if !trimMapping(s.mu.db, 0) {
		t.Fatal("not trimmed")
	}
	if after := residentFile(); after > before-(1<<20) {
		t.Errorf("%d bytes of files were resident, now %d", before, after)
	}
	if err := errors.Join(s.Check(), s.Err()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	s.trim() // under the limit it does nothing
}
