package metastore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// TestFullDisk: while there is no space what was applied stays in memory, in
// order; when there is, it is written, and nothing of it is lost or done twice.
func TestFullDisk(t *testing.T) {
	var told bytes.Buffer
	dir, full := t.TempDir(), true
	o := Options{FlushInterval: time.Hour, Log: slog.New(slog.NewTextHandler(&told, nil))}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	s.options.disk.commit = func(tx *bbolt.Tx) error {
		if full {
			return syscall.ENOSPC
		}
		return tx.Commit()
	}
	for i, name := range []string{"/first", "/second", "/third"} {
		s.Apply(uint64(i+1), [][]byte{CreateFile{Path: name}.Encode()})
		if err := s.Checkpoint(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Checkpoint() = %v", err)
		}
		if !s.Full() || s.Err() != nil || s.Applied() != 0 {
			t.Errorf("Full() = %v, Err() = %v, Applied() = %d", s.Full(), s.Err(), s.Applied())
		}
	}
	if _, err := s.Snapshot(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Snapshot() = %v", err)
	}
	s.Apply(4, [][]byte{Rename{Src: "/first", Dst: "/fourth"}.Encode()})
	full = false
	checkpoint(t, s)
	if s.Full() || s.Applied() != 4 {
		t.Errorf("with space again: Full() = %v, Applied() = %d", s.Full(), s.Applied())
	}
	want := s.Hash()
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if again.Hash() != want || again.Check() != nil {
		t.Errorf("after a restart: hash %v, want %v; Check() = %v", again.Hash(), want, again.Check())
	}
	if n := strings.Count(told.String(), "level=ERROR"); n != 1 {
		t.Errorf("it is told %d times: %s", n, &told)
	}
}

// TestFullTmpfs: the same on a disk that really is full, in the midst of what
// bbolt does.
func TestFullTmpfs(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
		if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
			t.Fatalf("no tmpfs can be mounted: %v %s", err, out)
		}
		t.Skipf("no tmpfs can be mounted: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	s := open(t, dir)
	control := open(t, t.TempDir())
	n := 0
	apply := func(files int) {
		for range files {
			n++
			c := CreateFile{Path: fmt.Sprintf("/%s%d", strings.Repeat("x", 100), n)}.Encode()
			s.Apply(uint64(n), [][]byte{c})
			control.Apply(uint64(n), [][]byte{c})
		}
	}
	for round := range 3 {
		apply(500)
		checkpoint(t, s)
		durable := s.Applied()
		hog, err := os.Create(filepath.Join(dir, "hog"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(hog, zeros{}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		hog.Close()
		apply(2000)
		for range 2 {
			if err := s.Checkpoint(); !errors.Is(err, syscall.ENOSPC) || s.Applied() != durable {
				t.Fatalf("round %d: Checkpoint() = %v, Applied() = %d", round, err, s.Applied())
			}
		}
		if s.Hash() != control.Hash() {
			t.Fatal("the state is another one")
		}
		if err := os.Remove(hog.Name()); err != nil {
			t.Fatal(err)
		}
		checkpoint(t, s)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.Hash() != control.Hash() || s.Check() != nil {
		t.Errorf("after a restart the state is another one; Check() = %v", s.Check())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
