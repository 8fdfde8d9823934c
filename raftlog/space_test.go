package raftlog

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

func TestDecideSpace(t *testing.T) {
	const reserve, ballast = 100, 50
	for _, test := range []struct {
		free       int64
		full, kept bool
		want       spaceAction
	}{
		{1000, false, true, goOn},
		{1000, false, false, keepBallast},
		{199, false, false, goOn}, // the ballast would use up what it is kept for
		{99, false, true, stopTaking},
		{99, true, true, goOn},
		{24, true, true, giveBallastUp},
		{24, true, false, goOn},
		{100, true, true, takeAgain},
		{100, true, false, goOn}, // the ballast is a part of it
		{150, true, false, takeAgain},
	} {
		if got := decideSpace(test.free, reserve, ballast, test.full, test.kept); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// The disk of the leader fills up: it takes no commands, says so, and goes on leading and answering reads. With space
// it takes them again.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free [4]atomic.Int64
		c := newCluster(t, 3, func(cfg *Config) {
			disk := &free[cfg.ID]
			disk.Store(1 << 40)
			cfg.Inject(Faults{Free: disk.Load})
		})
		defer c.close()
		leader, follower := c.leader(), c.follower()
		c.propose(leader, "before")
		free[leader.cfg.ID].Store(0)
		time.Sleep(2 * spaceCheck)
		if _, err := leader.Propose(t.Context(), []byte("no")); !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a command on a full disk: %v", err)
		}
		if err := leader.ReadIndex(t.Context()); err != nil {
			t.Errorf("a read: %v", err)
		}
		if s := leader.Status(); !s.Full || s.Leader != leader.cfg.ID {
			t.Errorf("status: %+v", s)
		}
		// One with space can lead, and the full one follows as far as it can: not at all.
		if err := leader.TransferLeadership(t.Context(), follower.cfg.ID); err != nil {
			t.Fatal(err)
		}
		c.eventually("the other to lead", func() bool { role, _ := follower.Watch(); return role.Leading })
		c.propose(follower, "after")
		time.Sleep(3 * time.Second)
		if got := c.lists[leader.cfg.ID].commands(); !slices.Equal(got, []string{"before"}) {
			t.Errorf("the full one has %q", got)
		}
		if role, _ := leader.Watch(); role.Leader != follower.cfg.ID {
			t.Errorf("the full one follows %x", role.Leader)
		}
		free[leader.cfg.ID].Store(1 << 40)
		c.converged("before", "after")
		if leader.Status().Full {
			t.Error("still full")
		}
		if _, err := os.Stat(filepath.Join(leader.cfg.Dir, ballastName)); err != nil {
			time.Sleep(2 * spaceCheck)
			if _, err := os.Stat(filepath.Join(leader.cfg.Dir, ballastName)); err != nil {
				t.Errorf("the ballast did not come back: %v", err)
			}
		}
	})
}

// An image is not taken while the disk is full, and taken later.
func TestImageOntoFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free [4]atomic.Int64
		c := newCluster(t, 3, func(cfg *Config) {
			often(cfg)
			disk := &free[cfg.ID]
			disk.Store(1 << 40)
			cfg.Inject(Faults{Free: disk.Load})
		})
		defer c.close()
		leader, follower := c.leader(), c.follower()
		free[follower.cfg.ID].Store(0)
		time.Sleep(2 * spaceCheck)
		want := numbered("c", 100)
		for _, cmd := range want {
			c.propose(leader, cmd)
		}
		time.Sleep(5 * time.Second)
		if got := c.lists[follower.cfg.ID].commands(); len(got) != 0 {
			t.Errorf("the full one has %q", got)
		}
		free[follower.cfg.ID].Store(1 << 40)
		c.converged(want...)
	})
}

// A state machine without space for its checkpoint keeps the log, and neither ends it.
func TestNoSpaceForTheCheckpoint(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	c := newCluster(t, 1, func(cfg *Config) {
		often(cfg)
		cfg.StateMachine = &tight{list: cfg.StateMachine.(*list), full: &full}
	})
	defer c.close()
	l := c.leader()
	want := numbered("c", 60)
	for _, cmd := range want {
		c.propose(l, cmd)
	}
	if err := l.Checkpoint(t.Context()); !errors.Is(err, ErrFull) {
		t.Errorf("checkpoint: %v", err)
	}
	if got := c.lists[1].Applied(); got != 0 {
		t.Errorf("applied %d", got)
	}
	full.Store(false)
	if err := l.Checkpoint(t.Context()); err != nil {
		t.Errorf("checkpoint: %v", err)
	}
	if got := c.lists[1].Applied(); got != l.Status().Applied {
		t.Errorf("applied %d of %d", got, l.Status().Applied)
	}
}

type tight struct {
	*list
	full *atomic.Bool
}

func (s *tight) Checkpoint() error {
	if s.full.Load() {
		return &os.PathError{Op: "write", Path: s.path, Err: syscall.ENOSPC}
	}
	return s.list.Checkpoint()
}

func (s *tight) Restore(r io.Reader) error { return s.list.Restore(r) }

// The next segment could not be allocated ahead: the journal is opened anew and goes on as if nothing had been.
func TestSegmentThatWasNotAllocated(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) { cfg.Tick = 10 * time.Millisecond })
	defer c.close()
	l := c.leader()
	c.propose(l, "before")
	path := filepath.Join(l.cfg.Dir, journalName(genesisIndex))
	prepared := func() []string {
		found, _ := filepath.Glob(filepath.Join(path, "*.tmp"))
		return found
	}
	c.eventually("a segment ahead", func() bool { return len(prepared()) > 0 })
	for _, file := range prepared() {
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
	}
	c.eventually("the journal to be opened anew", func() bool {
		j := &journal{path: path}
		ok, err := j.prepared()
		return ok && err == nil
	})
	big := strings.Repeat("x", int(wal.SegmentSizeBytes/4))
	want := []string{"before"}
	for range 10 {
		want = append(want, big)
		c.propose(l, big)
	}
	c.converged(want...)
	c.kill(1)
	c.open(1)
	c.leader()
	c.converged(want...)
}

// A real disk, filled to the last byte by somebody else.
func TestFullTmpfs(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", dir).CombinedOutput(); err != nil {
		missing(t, "no tmpfs can be mounted: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	c := newCluster(t, 1, func(cfg *Config) {
		cfg.Dir = filepath.Join(dir, "journal")
		cfg.SnapshotBytes = 128 << 10
		cfg.Tick = 10 * time.Millisecond
	})
	defer c.close()
	l := c.leader()
	c.propose(l, "before")
	want := []string{"before"}
	c.eventually("the ballast", func() bool {
		_, err := os.Stat(filepath.Join(dir, "journal", ballastName))
		return err == nil
	})
	for round := range 3 {
		hog := filepath.Join(dir, "hog")
		f, err := os.Create(hog)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(f, endless{}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		f.Close()
		c.eventually("to be full", func() bool { return l.Status().Full })
		if _, err := l.Propose(t.Context(), []byte("no")); !errors.Is(err, ErrFull) {
			t.Errorf("round %d: %v", round, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := l.ReadIndex(ctx); err != nil {
			t.Errorf("a read on a full disk: %v", err)
		}
		cancel()
		if round == 1 { // it can even be started again
			c.logs[1].Close()
			l = c.open(1)
		}
		if err := os.Remove(hog); err != nil {
			t.Fatal(err)
		}
		c.eventually("space", func() bool { return !l.Status().Full })
		for range 20 {
			cmd := strings.Repeat("x", 16<<10)
			want = append(want, cmd)
			c.propose(c.leader(), cmd)
		}
		c.converged(want...)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// missing skips a test that needs what this machine does not have, or fails it where everything must run.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("GOOSEFS_TEST_ALL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
