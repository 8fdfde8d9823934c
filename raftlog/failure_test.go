package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

func encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func testLines(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// ended waits for a log to fail by itself and checks everybody is told. It is closed afterwards.
func ended(t *testing.T, l *Log, want error, words string) {
	t.Helper()
	select {
	case <-l.Failed():
	case <-time.After(20 * time.Second):
		t.Fatal("it did not fail")
	}
	if err := l.Err(); !errors.Is(err, want) || !strings.Contains(err.Error(), words) {
		t.Errorf("Err: %v", err)
	}
	if err := l.Close(); !errors.Is(err, want) {
		t.Errorf("Close: %v", err)
	}
	if role, _ := l.Watch(); !role.Ended || role.Leading {
		t.Errorf("role: %+v", role)
	}
	if _, err := l.Propose(t.Context(), []byte("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("propose: %v", err)
	}
}

// A disk that fails one write ends the log. What was being written is not acknowledged, and nothing is written
// again.
func TestFailedDisk(t *testing.T) {
	var full atomic.Bool
	var after atomic.Int64
	c := newCluster(t, 1, func(cfg *Config) {
		cfg.hooks.save = func(int) error {
			if full.Load() {
				after.Add(1)
				return syscall.ENOSPC
			}
			return nil
		}
	})
	l := c.leader()
	c.propose(l, "x")
	full.Store(true)
	if _, err := l.Propose(t.Context(), []byte("y")); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	ended(t, l, syscall.ENOSPC, journalName(genesisIndex))
	if n := after.Load(); n != 1 {
		t.Errorf("%d writes after the failure", n)
	}
	if got := c.lists[1].commands(); len(got) != 1 {
		t.Errorf("applied %q", got)
	}
}

// In a cluster the others go on.
func TestFailedDiskOfOne(t *testing.T) {
	var bad atomic.Uint64
	c := newCluster(t, 3, func(cfg *Config) {
		id := cfg.ID
		cfg.Tick = 10 * time.Millisecond
		cfg.hooks.save = func(int) error {
			if bad.Load() == id {
				return syscall.EIO
			}
			return nil
		}
	})
	defer c.close()
	l := c.leader()
	c.propose(l, "x")
	bad.Store(l.cfg.ID)
	if _, err := l.Propose(t.Context(), []byte("y")); !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrClosed) && err != nil {
		t.Errorf("got %v", err)
	}
	ended(t, l, syscall.EIO, "write journal")
	delete(c.logs, l.cfg.ID)
	c.propose(c.leader(), "z")
}

// sick is a state machine whose disk fails.
type sick struct {
	*list
	checkpoint, restore error
	lost                bool // Restore says yes and forgets
}

func (s *sick) Checkpoint() error {
	if s.checkpoint != nil {
		return s.checkpoint
	}
	return s.list.Checkpoint()
}

func (s *sick) Restore(r io.Reader) error {
	if s.restore != nil || s.lost {
		return s.restore
	}
	return s.list.Restore(r)
}

func TestFailedCheckpoint(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) {
		often(cfg)
		cfg.StateMachine = &sick{list: cfg.StateMachine.(*list), checkpoint: syscall.EROFS}
	})
	l := c.leader()
	for _, cmd := range numbered("c", 30) {
		if _, err := l.Propose(t.Context(), []byte(cmd)); err != nil {
			break
		}
	}
	ended(t, l, syscall.EROFS, "checkpoint")
}

func TestFailedRestore(t *testing.T) {
	for _, test := range []struct {
		sick
		want error
	}{{sick{restore: syscall.ENOSPC}, syscall.ENOSPC}, {sick{lost: true}, syscall.EIO}} {
		c := newCluster(t, 3, func(cfg *Config) {
			often(cfg)
			cfg.Tick = 10 * time.Millisecond
			cfg.StateMachine = &sick{list: cfg.StateMachine.(*list), restore: test.restore, lost: test.lost}
		})
		leader, follower := c.leader(), c.follower()
		c.network.isolate(follower.cfg.ID, true)
		for _, cmd := range numbered("c", 60) {
			c.propose(leader, cmd)
		}
		c.network.isolate(follower.cfg.ID, false)
		ended(t, follower, test.want, "image")
		delete(c.logs, follower.cfg.ID)
		c.propose(leader, "the others go on")
		c.close()
	}
}

// An image that cannot be taken is reported to raft, which tries again.
type shy struct {
	*list
	refusals atomic.Int64
}

func (s *shy) Snapshot() (io.WriterTo, error) {
	if s.refusals.Add(-1) >= 0 {
		return nil, syscall.EMFILE
	}
	w, err := s.list.Snapshot()
	return &closing{WriterTo: w}, err
}

// closing fails half-way the first time, and tells whether it was closed.
type closing struct {
	io.WriterTo
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestImageCannotBeTaken(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) {
		often(cfg)
		cfg.Tick = 10 * time.Millisecond
		s := &shy{list: cfg.StateMachine.(*list)}
		s.refusals.Store(2)
		cfg.StateMachine = s
	})
	defer c.close()
	leader, follower := c.leader(), c.follower()
	c.network.isolate(follower.cfg.ID, true)
	want := numbered("c", 60)
	for _, cmd := range want {
		c.propose(leader, cmd)
	}
	c.network.isolate(follower.cfg.ID, false)
	c.converged(want...)
}

// An entry of a version that is not known yet stops the log; it is never skipped.
func TestEntryOfANewerVersion(t *testing.T) {
	c := newCluster(t, 1, nil)
	l := c.leader()
	l.post(func(r *replica) {
		newer := []*raftpb.Entry{{Data: append([]byte{entryVersion + 1}, make([]byte, 64)...)}}
		if err := r.node.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(uint64(1)), Entries: newer}); err != nil {
			t.Error(err)
		}
	})
	ended(t, l, syscall.EPROTONOSUPPORT, "newer")
}

// When raft finds an invariant broken it panics; that ends the log with the text, not the process.
func TestPanicsEndTheLog(t *testing.T) {
	var lines bytes.Buffer
	for name, cause := range map[string]func(*Log){
		"raft": func(l *Log) { l.post(func(*replica) { raftLogger{l.cfg.Log}.Panicf("invariant %s", "broken") }) },
		"journal": func(l *Log) {
			gap := []*raftpb.Entry{{Index: new(uint64(1000)), Term: new(uint64(2))}}
			l.writes.put(write{message: &raftpb.Message{Entries: gap}})
		},
	} {
		c := newCluster(t, 1, func(cfg *Config) { cfg.Log = testLines(&lines) })
		l := c.leader()
		cause(l)
		select {
		case <-l.Failed():
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it did not fail", name)
		}
		if err := l.Close(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if !strings.Contains(lines.String(), "invariant broken") {
		t.Error("the text of the panic is lost")
	}
}

// What raft and etcd's packages say reaches our log, in its levels; what would end the process panics.
func TestLoggersOfOthers(t *testing.T) {
	var lines bytes.Buffer
	log := testLines(&lines)
	r := raftLogger{log}
	r.Debug("r", 1)
	r.Debugf("r%d", 2)
	r.Info("r", 3)
	r.Infof("r%d", 4)
	r.Warning("r", 5)
	r.Warningf("r%d", 6)
	r.Error("r", 7)
	r.Errorf("r%d", 8)
	z := zapLogger(log).With(zap.String("segment", "s1"))
	z.Debug("z1")
	z.Info("z2", zap.Int("n", 5))
	z.Warn("z3", zap.Error(errors.New("slow")))
	z.Error("z4")
	if err := z.Sync(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"DEBUG msg=r1", "DEBUG msg=r2", "DEBUG msg=r3", "DEBUG msg=r4", "WARN msg=r5", "WARN msg=r6", "ERROR msg=r7", "ERROR msg=r8",
		"DEBUG msg=z1 segment=s1", "DEBUG msg=z2 segment=s1 n=5", "WARN msg=z3 segment=s1 error=slow", "ERROR msg=z4",
	} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("no %q in\n%s", want, &lines)
		}
	}
	for name, die := range map[string]func(){
		"raft.Fatal": func() { r.Fatal("x") }, "raft.Fatalf": func() { r.Fatalf("%s", "x") },
		"raft.Panic": func() { r.Panic("x") }, "raft.Panicf": func() { r.Panicf("%s", "x") },
		"zap.Fatal": func() { z.Fatal("x") }, "zap.Panic": func() { z.Panic("x") },
	} {
		func() {
			defer func() {
				if p := recover(); fmt.Sprint(p) != "x" {
					t.Errorf("%s: panicked with %v", name, p)
				}
			}()
			die()
		}()
	}
}

// A disk that lost what it had said was written: the leader's next heartbeat shows it, and the member says what to do
// rather than vote with less than it promised to have.
func TestDiskThatLied(t *testing.T) {
	c := newCluster(t, 3, nil)
	defer c.close()
	leader := c.leader()
	follower := c.follower().cfg.ID
	dir := filepath.Join(c.dir, fmt.Sprint(follower), "journal")
	c.propose(leader, "a")
	c.converged("a")
	c.kill(follower)
	before := filepath.Join(t.TempDir(), "before")
	if err := os.CopyFS(before, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	c.open(follower)
	for i := range 5 {
		c.propose(leader, fmt.Sprint("b", i))
	}
	c.converged("a", "b0", "b1", "b2", "b3", "b4")
	c.kill(follower)
	if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(before))); err != nil {
		t.Fatal(err)
	}
	l := c.open(follower)
	ended(t, l, syscall.EIO, "the disk lost it. Run: goosefs fsadmin journal rejoin")
	delete(c.logs, follower)
	c.propose(leader, "c") // the others go on
}
