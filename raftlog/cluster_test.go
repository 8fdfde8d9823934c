package raftlog

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Small segments, so that tests see several of them and a test's disk holds many members.
func TestMain(m *testing.M) {
	wal.SegmentSizeBytes = 64 << 10
	os.Exit(m.Run())
}

// list is a StateMachine that remembers every command in order. Its disk is one file.
type list struct {
	path string
	mu   struct {
		sync.Mutex
		sleep   time.Duration // how long an Apply takes
		index   uint64
		cmds    []string
		durable uint64
	}
}

type listFile struct {
	Index uint64
	Cmds  []string
}

func openList(t testing.TB, path string) *list {
	l := &list{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return l
	}
	var f listFile
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(b)).Decode(&f)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.mu.index, l.mu.cmds, l.mu.durable = f.Index, f.Cmds, f.Index
	return l
}

func (l *list) Apply(last uint64, cmds [][]byte) []any {
	l.mu.Lock()
	sleep := l.mu.sleep
	l.mu.Unlock()
	time.Sleep(sleep)
	l.mu.Lock()
	defer l.mu.Unlock()
	if last <= l.mu.index {
		panic(fmt.Sprintf("entry %d applied again, after %d", last, l.mu.index))
	}
	l.mu.index = last
	var results []any
	for _, cmd := range cmds {
		l.mu.cmds = append(l.mu.cmds, string(cmd))
		results = append(results, len(l.mu.cmds))
	}
	return results
}

func (l *list) Applied() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.durable
}

func (l *list) image() listFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	return listFile{l.mu.index, slices.Clone(l.mu.cmds)}
}

func (l *list) write(f listFile) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(f); err != nil {
		return err
	}
	if err := os.WriteFile(l.path+".tmp", b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(l.path+".tmp", l.path)
}

func (l *list) Checkpoint() error {
	f := l.image()
	err := l.write(f)
	if err == nil {
		l.mu.Lock()
		l.mu.durable = f.Index
		l.mu.Unlock()
	}
	return err
}

func (l *list) Snapshot() (io.WriterTo, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(l.image())
	return &b, err
}

func (l *list) Restore(r io.Reader) error {
	var f listFile
	if err := gob.NewDecoder(r).Decode(&f); err != nil {
		return err
	}
	if err := l.write(f); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.index, l.mu.cmds, l.mu.durable = f.Index, f.Cmds, f.Index
	return nil
}

func (l *list) slow(apply time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.sleep = apply
}

func (l *list) commands() []string { return l.image().Cmds }

// network connects members in memory. It delivers messages late, out of order, or not at all.
type network struct {
	flying sync.WaitGroup
	mu     struct {
		sync.Mutex
		logs  map[uint64]*Log
		cut   map[[2]uint64]bool // from, to
		loss  float64
		delay time.Duration
		hold  func(*raftpb.Message) bool // true: lost
	}
}

func newNetwork() *network {
	n := &network{}
	n.mu.logs, n.mu.cut = make(map[uint64]*Log), make(map[[2]uint64]bool)
	return n
}

// route returns the receiver of a message, or nil if it is lost.
func (n *network) route(m *raftpb.Message) (*Log, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.logs[m.GetFrom()] == nil || n.mu.cut[[2]uint64{m.GetFrom(), m.GetTo()}] || rand.Float64() < n.mu.loss || (n.mu.hold != nil && n.mu.hold(m)) {
		return nil, 0
	}
	var delay time.Duration
	if n.mu.delay > 0 {
		delay = rand.N(n.mu.delay)
	}
	return n.mu.logs[m.GetTo()], delay
}

// wire encodes and decodes a message, as a transport does.
func wire(m *raftpb.Message) *raftpb.Message {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	out := &raftpb.Message{}
	if err := proto.Unmarshal(b, out); err != nil {
		panic(err)
	}
	return out
}

func (n *network) Send(msgs []*raftpb.Message) {
	for _, m := range msgs {
		to, delay := n.route(m)
		if to == nil {
			continue
		}
		m = wire(m)
		n.flying.Go(func() {
			time.Sleep(delay)
			_ = to.Step(context.Background(), m) // ErrClosed: lost
		})
	}
}

func (n *network) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	to, _ := n.route(m)
	if to == nil {
		return errors.New("unreachable")
	}
	return to.InstallSnapshot(ctx, wire(m), image)
}

func (n *network) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// relay is one member's Transport: the network, or something in front of it.
type relay struct {
	mu sync.Mutex
	to Transport
}

func (r *relay) set(to Transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

func (r *relay) get() Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to
}

func (r *relay) Send(msgs []*raftpb.Message) { r.get().Send(msgs) }

func (r *relay) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	return r.get().SendSnapshot(ctx, m, image)
}

// isolate cuts a member off in both directions, or connects it again.
func (n *network) isolate(id uint64, cut bool) {
	n.set(func() {
		for other := range uint64(6) {
			n.mu.cut[[2]uint64{id, other}], n.mu.cut[[2]uint64{other, id}] = cut, cut
		}
	})
}

// cluster is some members in one process.
type cluster struct {
	t       testing.TB
	dir     string
	network *network
	members []Member
	change  func(*Config) // of every member opened
	logs    map[uint64]*Log
	lists   map[uint64]*list
}

func newCluster(t testing.TB, n int, change func(*Config)) *cluster {
	c := &cluster{t: t, dir: t.TempDir(), network: newNetwork(), change: change, logs: make(map[uint64]*Log), lists: make(map[uint64]*list)}
	for id := 1; id <= n; id++ {
		c.members = append(c.members, Member{ID: uint64(id), Address: fmt.Sprintf("master-%d:26000", id)})
	}
	for _, m := range c.members {
		c.open(m.ID)
	}
	return c
}

func (c *cluster) config(id uint64) Config {
	dir := filepath.Join(c.dir, fmt.Sprint(id))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	c.lists[id] = openList(c.t, filepath.Join(dir, "list"))
	cfg := Config{
		ClusterID: 7, ID: id, Dir: filepath.Join(dir, "journal"), Members: c.members,
		StateMachine: c.lists[id], Transport: &relay{to: c.network}, Log: testLogger(c.t),
	}
	if c.change != nil {
		c.change(&cfg)
	}
	return cfg
}

func (c *cluster) open(id uint64) *Log {
	c.t.Helper()
	l, err := Open(c.config(id))
	if err != nil {
		c.t.Fatal(err)
	}
	c.logs[id] = l
	c.network.set(func() { c.network.mu.logs[id] = l })
	return l
}

// freeze keeps what is on a member's disk at this moment, and lets nobody hear of it any more.
func (c *cluster) freeze(id uint64) {
	c.network.set(func() { delete(c.network.mu.logs, id) })
	dir := filepath.Join(c.dir, fmt.Sprint(id))
	err := os.CopyFS(dir+".frozen", os.DirFS(dir))
	for errors.Is(err, os.ErrNotExist) { // a preallocated segment or a temporary file vanished in between: once more
		err = errors.Join(os.RemoveAll(dir+".frozen"), os.CopyFS(dir+".frozen", os.DirFS(dir)))
	}
	if err != nil {
		c.t.Errorf("freeze: %v", err)
	}
}

// bury ends a frozen member; open finds what was frozen.
func (c *cluster) bury(id uint64) {
	c.t.Helper()
	l := c.logs[id]
	delete(c.logs, id)
	l.stopOnce.Do(func() { close(l.stop) })
	<-l.done
	dir := filepath.Join(c.dir, fmt.Sprint(id))
	if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+".frozen", dir)); err != nil {
		c.t.Fatal(err)
	}
}

// kill ends a member as kill -9 does.
func (c *cluster) kill(id uint64) {
	c.t.Helper()
	c.freeze(id)
	c.bury(id)
}

func (c *cluster) close() {
	c.t.Helper()
	for id, l := range c.logs {
		if err := l.Close(); err != nil {
			c.t.Errorf("closing member %d: %v", id, err)
		}
	}
	c.logs = nil
	c.network.flying.Wait()
}

// leader waits until a member leads with everything applied, and the others that are reachable follow it.
func (c *cluster) leader(among ...uint64) *Log {
	c.t.Helper()
	if len(among) == 0 {
		for id := range c.logs {
			among = append(among, id)
		}
	}
	var leader *Log
	c.eventually("a leader", func() bool {
		leader = nil
		for _, id := range among {
			role, _ := c.logs[id].Watch()
			if role.Leading && slices.Contains(among, role.Leader) {
				leader = c.logs[id]
			}
		}
		if leader == nil {
			return false
		}
		for _, id := range among {
			if role, _ := c.logs[id].Watch(); role.Leader != leader.cfg.ID {
				return false
			}
		}
		return true
	})
	return leader
}

// follower returns a member that does not lead.
func (c *cluster) follower() *Log {
	leader := c.leader()
	for _, m := range c.members {
		if l := c.logs[m.ID]; l != nil && l != leader {
			return l
		}
	}
	c.t.Fatal("no follower")
	return nil
}

func (c *cluster) propose(l *Log, cmd string) any {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	result, err := l.Propose(ctx, []byte(cmd))
	if err != nil {
		c.t.Fatalf("propose %q: %v", cmd, err)
	}
	return result
}

// converged waits until all open members have the commands, in order.
func (c *cluster) converged(want ...string) {
	c.t.Helper()
	for id := range c.logs {
		c.eventually(fmt.Sprintf("member %d to have %d commands (has %d)", id, len(want), len(c.lists[id].commands())), func() bool {
			return slices.Equal(c.lists[id].commands(), want)
		})
	}
}

func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for id, l := range c.logs {
				c.t.Logf("member %d: %+v err %v", id, l.Status(), l.Err())
			}
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func numbered(prefix string, n int) []string {
	var cmds []string
	for i := range n {
		cmds = append(cmds, fmt.Sprintf("%s%d", prefix, i))
	}
	return cmds
}

// testLogger shows the log's lines with GOOSEFS_TEST_LOG=1.
func testLogger(t testing.TB) *slog.Logger {
	if os.Getenv("GOOSEFS_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
