package raftlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// often makes members truncate their log every few entries.
func often(cfg *Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 5 }

func TestFollowerFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, often)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		id := follower.cfg.ID
		c.propose(leader, "first")
		c.kill(id)
		acked := []string{"first"}
		for _, cmd := range numbered("c", 200) {
			c.propose(leader, cmd)
			acked = append(acked, cmd)
		}
		c.open(id)
		c.converged(acked...)
		found, err := journals(filepath.Join(c.dir, fmt.Sprint(id), "journal"))
		if err != nil || len(found) != 1 || found[0] < 100 {
			t.Errorf("the follower's journals: %v %v; it should have got an image", found, err)
		}
		// It answers reads, though no entry followed the image.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := c.logs[id].ReadIndex(ctx); err != nil {
			t.Errorf("a read after the image: %v", err)
		}
		cancel()
		// It goes on by entries, and from its own disk.
		c.propose(leader, "then")
		c.kill(id)
		c.open(id)
		c.propose(c.leader(), "last")
		c.converged(append(acked, "then", "last")...)
	})
}

// While it is behind by no more than the entries kept, no image is needed.
func TestFollowerALittleBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, func(cfg *Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = 20, 300 })
		defer c.close()
		images := 0
		c.network.set(func() {
			c.network.mu.hold = func(m *raftpb.Message) bool {
				if m.GetType() == raftpb.MsgSnap {
					images++
				}
				return false
			}
		})
		leader, follower := c.leader(), c.follower()
		c.network.isolate(follower.cfg.ID, true)
		want := numbered("c", 200)
		for _, cmd := range want {
			c.propose(leader, cmd)
		}
		c.network.isolate(follower.cfg.ID, false)
		c.converged(want...)
		c.network.set(func() {
			if images != 0 {
				t.Errorf("%d images were sent", images)
			}
		})
	})
}

// Old segments are deleted, and only old ones.
func TestSegmentsAreDeleted(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) { cfg.SnapshotBytes = 128 << 10 })
	big := strings.Repeat("x", 4<<10)
	var want []string
	for i := range 200 { // 800 KiB in segments of 64 KiB
		want = append(want, fmt.Sprint(i)+big)
		c.propose(c.leader(), want[i])
	}
	path := filepath.Join(c.dir, "1", "journal", journalName(genesisIndex))
	c.eventually("few segments", func() bool {
		segments, err := filepath.Glob(filepath.Join(path, "*.wal"))
		return err == nil && len(segments) < 8
	})
	c.kill(1)
	c.open(1)
	c.leader()
	c.converged(want...)
	c.close()
}

// A state machine that cannot checkpoint keeps the log as long as it needs it.
type forgetful struct{ StateMachine }

func TestNoCheckpointNoTruncation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, func(cfg *Config) {
			often(cfg)
			cfg.StateMachine = forgetful{cfg.StateMachine}
		})
		want := numbered("c", 100)
		for _, cmd := range want {
			c.propose(c.leader(), cmd)
		}
		c.kill(1)
		c.open(1)
		c.leader()
		c.converged(want...)
		c.close()
	})
}

func TestDroppable(t *testing.T) {
	segments := []string{"0000000000000000-0000000000000000.wal", "0000000000000001-0000000000000033.wal", "0000000000000002-000000000000002c.wal", "0000000000000003-0000000000000040.wal"}
	for index, want := range map[uint64]int{1: 0, 0x2d: 0, 0x33: 0, 0x34: 2, 0x40: 2, 0x41: 3, 0x99: 3} {
		if got := droppable(segments, index); len(got) != want {
			t.Errorf("before %#x: %d segments, want %d", index, len(got), want)
		}
	}
	if got := droppable(nil, 5); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestCatchUp(t *testing.T) {
	entries := make([]*raftpb.Entry, 10)
	for i := range entries {
		entries[i] = &raftpb.Entry{Data: make([]byte, 100)}
	}
	for _, test := range []struct {
		limit, bytes uint64
		want         int
	}{{3, 1e6, 3}, {100, 1e6, 10}, {100, 450, 4}, {0, 1e6, 0}, {100, 1, 0}, {10, 1e6, 10}} {
		if got := catchUp(entries, test.limit, test.bytes); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// A crash between any two steps of truncating and of installing an image recovers: the member comes back with
// its old state or the new one, and catches up.
func TestCrashBetweenSteps(t *testing.T) {
	for _, test := range []struct {
		point   string
		install bool
	}{
		{"saved", false}, {"checkpointed", false}, {"before mark", false}, {"marked", false}, {"segment deleted", false}, {"truncated", false},
		{"image received", true}, {"image restored", true}, {"journal replaced", true},
	} {
		t.Run(strings.ReplaceAll(test.point, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crashAt(t, test.point, test.install) })
		})
	}
}

func crashAt(t *testing.T, point string, install bool) {
	var c *cluster
	var arm, crash sync.Once
	armed, crashed := make(chan uint64, 1), make(chan struct{})
	c = newCluster(t, 3, func(cfg *Config) {
		often(cfg)
		id := cfg.ID
		cfg.hooks.crash = func(at string) {
			if at != point {
				return
			}
			select {
			case victim := <-armed:
				if victim != id {
					armed <- victim
					return
				}
				crash.Do(func() {
					c.freeze(id)
					close(crashed)
				})
			default:
			}
		}
	})
	defer c.close()
	victim := c.follower().cfg.ID
	if install {
		c.network.isolate(victim, true)
	} else {
		arm.Do(func() { armed <- victim })
	}
	var acked []string
	propose := func(n int) {
		for range n {
			cmd := fmt.Sprint("c", len(acked)) + strings.Repeat("x", 2<<10)
			c.propose(c.leader(c.others(victim)...), cmd)
			acked = append(acked, cmd)
		}
	}
	propose(120)
	if install {
		arm.Do(func() { armed <- victim })
		c.network.isolate(victim, false)
	}
	<-crashed
	c.bury(victim)
	propose(10)
	c.open(victim)
	c.leader()
	c.propose(c.leader(), "last")
	c.converged(append(acked, "last")...)
	left, err := os.ReadDir(filepath.Join(c.dir, fmt.Sprint(victim), "journal"))
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool {
		return slices.Contains([]string{lockName, bookName, ballastName}, e.Name())
	})
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v %v", left, err)
	}
}

func (c *cluster) others(than uint64) []uint64 {
	var ids []uint64
	for _, m := range c.members {
		if m.ID != than {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// An image that is cut short or changed on the way is refused, leaves nothing, and the next one is taken.
func TestDamagedImages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, often)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		damage := &damagedImages{network: c.network, left: 6, results: make(chan error, 6)}
		leader.cfg.Transport.(*relay).set(damage)
		c.network.isolate(follower.cfg.ID, true)
		want := numbered("c", 100)
		for _, cmd := range want {
			c.propose(leader, cmd)
		}
		c.network.isolate(follower.cfg.ID, false)
		for range 6 {
			if err := <-damage.results; !errors.Is(err, syscall.EIO) {
				t.Errorf("a damaged image: %v", err)
			}
		}
		c.converged(want...)
		if left, _ := filepath.Glob(filepath.Join(follower.cfg.Dir, "image-*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// damagedImages changes the first images that pass.
type damagedImages struct {
	*network
	left    int
	results chan error
}

func (d *damagedImages) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	b, err := io.ReadAll(image)
	if err != nil || d.left == 0 {
		return errors.Join(err, d.network.SendSnapshot(ctx, m, bytes.NewReader(b)))
	}
	d.left--
	switch d.left {
	case 5:
		b = b[:len(b)-1]
	case 4:
		b = b[:len(b)-16]
	case 3:
		b[len(b)/2] ^= 1
	case 2:
		b[len(b)-1]++
	case 1:
		b = nil
	case 0:
		binary.BigEndian.PutUint32(b, 1<<31)
	}
	err = d.network.SendSnapshot(ctx, m, bytes.NewReader(b))
	d.results <- err
	return err
}

func TestImageFrames(t *testing.T) {
	for _, size := range []int{0, 1, maxFrameBytes, maxFrameBytes + 1, 3*maxFrameBytes + 7} {
		content := bytes.Repeat([]byte("goosefs"), size/7+1)[:size]
		var framed, got bytes.Buffer
		members := founded([]Member{{ID: 1, Address: "a"}, {ID: 2, Address: "b", Clients: "c"}})
		if err := writeImage(&framed, members, bytes.NewReader(content), 1<<40); err != nil {
			t.Fatal(err)
		}
		m, err := readImage(&got, &framed)
		if err != nil || !bytes.Equal(got.Bytes(), content) || !slices.Equal(m.present(), members.present()) {
			t.Errorf("%d bytes: %v, equal %v, members %v", size, err, bytes.Equal(got.Bytes(), content), m)
		}
	}
}

// A failing image, a failing transfer: raft is told, and tries again.
func TestImageCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, often)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		failing := &failingTransfers{network: c.network, left: 3}
		leader.cfg.Transport.(*relay).set(failing)
		c.network.isolate(follower.cfg.ID, true)
		want := numbered("c", 100)
		for _, cmd := range want {
			c.propose(leader, cmd)
		}
		c.network.isolate(follower.cfg.ID, false)
		c.converged(want...)
		if failing.left != 0 {
			t.Errorf("%d failures were to come", failing.left)
		}
	})
}

type failingTransfers struct {
	*network
	left int
}

func (f *failingTransfers) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	if f.left > 0 {
		f.left--
		return errors.New("connection lost")
	}
	return f.network.SendSnapshot(ctx, m, image)
}

// Messages that no member of this cluster sends are refused, whoever sent them.
func TestForeignMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		l := c.leader()
		self, peer := l.cfg.ID, c.follower().cfg.ID
		message := func(kind raftpb.MessageType, from, to uint64) *raftpb.Message {
			return &raftpb.Message{Type: kind.Enum(), From: new(from), To: new(to)}
		}
		for _, m := range []*raftpb.Message{
			message(raftpb.MsgHeartbeat, peer, 9),
			message(raftpb.MsgHeartbeat, raft.None, self),
			message(raftpb.MsgHeartbeat, self, self),
			message(raftpb.MsgHup, peer, self),
			message(raftpb.MsgProp, peer, self),
			message(raftpb.MsgSnap, peer, self),
		} {
			if err := l.Step(t.Context(), m); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%v: %v", m, err)
			}
		}
		for _, m := range []*raftpb.Message{message(raftpb.MsgSnap, 9, self), message(raftpb.MsgSnap, peer, self), message(raftpb.MsgApp, peer, self)} {
			if err := l.InstallSnapshot(t.Context(), m, strings.NewReader("")); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%v: %v", m, err)
			}
		}
		// An old image is of no use, and no harm.
		var framed bytes.Buffer
		if err := writeImage(&framed, membership{}, strings.NewReader("old"), 1<<40); err != nil {
			t.Fatal(err)
		}
		old := message(raftpb.MsgSnap, peer, self)
		old.Term = new(uint64(1))
		old.Snapshot = &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(1)), Term: new(uint64(1))}}
		if err := l.InstallSnapshot(t.Context(), old, &framed); err != nil {
			t.Error(err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.InstallSnapshot(cancelled, old, &framed); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
		c.propose(l, "x")
		c.converged("x")
	})
}

// A follower whose messages get lost is reported, and caught up.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader, follower := c.leader(), c.follower()
		c.network.isolate(follower.cfg.ID, true)
		want := numbered("c", 10)
		for _, cmd := range want {
			c.propose(leader, cmd)
			leader.ReportUnreachable(follower.cfg.ID)
		}
		c.network.isolate(follower.cfg.ID, false)
		time.Sleep(time.Second)
		if !slices.Equal(c.lists[follower.cfg.ID].commands(), want) {
			t.Error("not caught up within a second")
		}
	})
}
