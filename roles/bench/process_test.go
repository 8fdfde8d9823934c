package bench

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	m, err := memoryOf(os.Getpid())
	if err != nil || m.resident < 1<<20 || m.resident < m.anonymous || m.peak < m.resident/2 || m.mapped <= 0 {
		t.Errorf("this process uses %+v, %v", m, err)
	}
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; { // work
	}
	if d, err := busyOf(os.Getpid()); err != nil || d <= 0 || d > time.Hour {
		t.Errorf("this process was busy for %s, %v", d, err)
	}
	if d := ownBusy(); d <= 0 || d > time.Hour {
		t.Errorf("this process was busy for %s", d)
	}
	const none = 1 << 30
	if _, err := memoryOf(none); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := busyOf(none); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestOccupied(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 1 << 20, "b/c": 2 << 20} {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, make([]byte, size), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if n := occupied(dir); n < 3<<20 || n > 4<<20 {
		t.Errorf("%d bytes of 3 MiB", n)
	}
	if n := occupied(filepath.Join(dir, "none")); n != 0 {
		t.Errorf("%d bytes of nothing", n)
	}
}
