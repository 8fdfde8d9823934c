// Package rolestest runs a whole cluster in one process, for tests: real masters, real workers, real clients, over a
// network whose links can be cut. Only the sockets are not real.
package rolestest

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/roles/worker"
	"goosefs/wire"
	"goosefs/wire/auth"

	"google.golang.org/grpc"
)

// Patience is how long a test waits for what has to happen.
const Patience = slowness * 20 * time.Second

// Options of a cluster. The zero value is three masters and three workers.
type Options struct {
	Masters, Workers int
	Root             string // folder that is mounted at /; an empty one by default
	Quota            int64  // bytes of each worker's one tier; 64 MiB by default
	High, Low        float64
	BlockSize        int64
	StripeSize       int64
	SyncInterval     time.Duration // -1: what is known is believed for ever, the default
	UFSWait          time.Duration
	AbandonedAfter   time.Duration  // as in production by default
	SweepEvery       time.Duration  // the same
	TTLEvery         time.Duration  // the same
	WorkerTimeout    time.Duration  // a silent worker is lost; 10 s by default
	OpenUFS          master.OpenUFS // by the URI's scheme by default
	// How often masters cut their logs, and what they keep for followers; as in production by default.
	SnapshotEntries, CatchUpEntries uint64
	Log                             *slog.Logger

	Auth        auth.Options // of masters and workers, which log in as who this process runs as
	Permissions bool
	Supergroup  string
}

// Cluster is a running cluster. It ends with the test.
type Cluster struct {
	Net     *wire.Memory
	Masters []*master.Master // nil where one is stopped
	Workers []*worker.Worker // nil where one is stopped
	Root    string

	t       testing.TB
	options Options
	dir     string
}

// Start brings a cluster up and returns when it serves.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Masters == 0 {
		o.Masters = 3
	}
	if o.Workers == 0 {
		o.Workers = 3
	}
	if o.Root == "" {
		o.Root = t.TempDir()
	}
	if o.Quota == 0 {
		o.Quota = 64 << 20
	}
	if o.SyncInterval == 0 {
		o.SyncInterval = -1
	}
	c := &Cluster{Net: wire.NewMemory(), Root: o.Root, t: t, options: o, dir: t.TempDir()}
	c.Masters = make([]*master.Master, o.Masters)
	c.Workers = make([]*worker.Worker, o.Workers)
	t.Cleanup(c.stop)
	for i := range c.Masters {
		c.StartMaster(i)
	}
	for i := range c.Workers {
		c.StartWorker(i)
	}
	c.WaitForVotes()
	c.WaitForWorkers(o.Workers)
	return c
}

func (c *Cluster) stop() {
	for i := range c.Workers {
		c.StopWorker(i)
	}
	for i := range c.Masters {
		c.StopMaster(i)
	}
}

// MasterName and WorkerName are the hosts that the processes run on.
func MasterName(i int) string { return fmt.Sprintf("master-%d", i) }

// WorkerName is the host of a worker.
func WorkerName(i int) string { return fmt.Sprintf("worker-%d", i) }

func (c *Cluster) members() (members []master.Member) {
	for i := range c.Masters {
		members = append(members, master.Member{Address: MasterName(i) + ":9200", Journal: MasterName(i) + ":9202"})
	}
	return members
}

// Dir is the folder that holds what masters and workers keep.
func (c *Cluster) Dir() string { return c.dir }

// Addresses are where clients reach the masters.
func (c *Cluster) Addresses() (addresses []string) {
	for _, m := range c.members() {
		addresses = append(addresses, m.Address)
	}
	return addresses
}

// StartMaster starts a master, with the state that it had when it was stopped.
func (c *Cluster) StartMaster(i int) {
	c.t.Helper()
	name := MasterName(i)
	m, err := master.Start(master.Options{
		Auth: c.options.Auth, Permissions: c.options.Permissions, Supergroup: c.options.Supergroup,
		Name: name, Masters: c.members(), JournalDir: filepath.Join(c.dir, name, "journal"), MetaDir: filepath.Join(c.dir, name, "metastore"),
		RootUFS: c.Root, BlockSize: c.options.BlockSize, StripeSize: c.options.StripeSize, SyncInterval: c.options.SyncInterval,
		Election: slowness * 300 * time.Millisecond, Heartbeat: slowness * 30 * time.Millisecond, WorkerTimeout: cmp.Or(c.options.WorkerTimeout, 10*time.Second),
		AbandonedAfter: c.options.AbandonedAfter, SweepEvery: c.options.SweepEvery, TTLEvery: c.options.TTLEvery, OpenUFS: c.options.OpenUFS, SnapshotEntries: c.options.SnapshotEntries, CatchUpEntries: c.options.CatchUpEntries,
		Version: "test", Network: c.Net.Host(name), Log: c.options.Log,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Masters[i] = m
}

// StopMaster stops a master; a leader hands over first.
func (c *Cluster) StopMaster(i int) {
	if c.Masters[i] != nil {
		if err := c.Masters[i].Close(); err != nil {
			c.t.Errorf("%s: %v", MasterName(i), err)
		}
		c.Masters[i] = nil
	}
}

// StartWorker starts a worker, with the cache that it had when it was stopped.
func (c *Cluster) StartWorker(i int) {
	c.t.Helper()
	name := WorkerName(i)
	w, err := worker.Start(worker.Options{
		Auth: c.options.Auth, Login: c.Login(""), Permissions: c.options.Permissions, Supergroup: c.options.Supergroup,
		Host: name, Port: 9203, Masters: c.Addresses(), Socket: filepath.Join(c.dir, name+".socket"), Report: 50 * time.Millisecond, UFSWait: c.options.UFSWait,
		Cache: blockcache.Options{Tiers: []blockcache.Tier{{
			Alias: "SSD", High: c.options.High, Low: c.options.Low,
			Dirs: []blockcache.Dir{{Path: filepath.Join(c.dir, name), Quota: c.options.Quota}},
		}}},
		OpenUFS: worker.OpenUFS(c.options.OpenUFS), Network: c.Net.Host(name), Log: c.options.Log,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Workers[i] = w
}

// StopWorker stops a worker.
func (c *Cluster) StopWorker(i int) {
	if c.Workers[i] != nil {
		if err := c.Workers[i].Close(); err != nil {
			c.t.Errorf("%s: %v", WorkerName(i), err)
		}
		c.Workers[i] = nil
	}
}

// Login is how a user logs in to this cluster; "" is the one that this process runs as.
func (c *Cluster) Login(user string) auth.Login {
	return auth.Login{Scheme: c.options.Auth.Scheme, User: cmp.Or(user, auth.ProcessUser())}
}

// Client makes a client on a host of its own. It is closed with the test.
func (c *Cluster) Client() *client.FS {
	c.t.Helper()
	return c.ClientOf("")
}

// ClientOf makes a client of a user.
func (c *Cluster) ClientOf(user string) *client.FS {
	c.t.Helper()
	f, err := client.New(client.Config{Masters: c.Addresses(), Network: c.Net.Host("client"), Login: c.Login(user), RetryFor: Patience, Log: c.options.Log})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { f.Close() })
	return f
}

// Leader is the number of the master that leads, once one does.
func (c *Cluster) Leader() int {
	c.t.Helper()
	leader, err := c.Client().Leader(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for i, m := range c.members() {
		if m.Address == leader {
			return i
		}
	}
	c.t.Fatalf("%s leads, which is none of the masters", leader)
	return -1
}

// Conn is a connection to a master, for calls that no client makes.
func (c *Cluster) Conn(i int) *grpc.ClientConn {
	c.t.Helper()
	conn, err := c.Login("").Dial(c.Net.Host("client"), c.members()[i].Address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

// WorkerConn is a connection to a worker, for calls that no client makes.
func (c *Cluster) WorkerConn(i int) *grpc.ClientConn {
	c.t.Helper()
	conn, err := wire.Dial(c.Net.Host("client"), WorkerName(i)+":9203")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

// Isolate cuts a host off from all others, as if it had been unplugged. Join ends that.
func (c *Cluster) Isolate(host string) { c.links(host, c.Net.Cut) }

// SilenceMaster loses all that a master and the other masters say to each other, and tells nobody. Clients and workers
// still reach it. Join ends that.
func (c *Cluster) SilenceMaster(i int) {
	for other := range c.Masters {
		if other != i {
			c.Net.Silence(MasterName(i), MasterName(other))
			c.Net.Silence(MasterName(other), MasterName(i))
		}
	}
}

// Join connects an isolated host again.
func (c *Cluster) Join(host string) { c.links(host, c.Net.Heal) }

func (c *Cluster) links(host string, do func(a, b string)) {
	do(host, "client")
	for i := range c.Masters {
		do(host, MasterName(i))
	}
	for i := range c.Workers {
		do(host, WorkerName(i))
	}
}

// WaitForVotes returns when all masters have a vote: a new cluster serves before that, and then every one that has is
// needed.
func (c *Cluster) WaitForVotes() {
	c.t.Helper()
	f := c.Client()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		votes := 0
		s, err := f.Cluster(c.t.Context())
		for _, m := range s.Masters {
			if !m.Learner {
				votes++
			}
		}
		if err == nil && votes == len(c.Masters) {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%d of %d masters have a vote (%v)", votes, len(c.Masters), err)
		}
	}
}

// WaitForWorkers returns when so many workers report to the leader.
func (c *Cluster) WaitForWorkers(n int) {
	c.t.Helper()
	f := c.Client()
	for end := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
		workers, err := f.Workers(c.t.Context())
		live := 0
		for _, w := range workers {
			if w.Live {
				live++
			}
		}
		if err == nil && live == n {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%d of %d workers are live (%v)", live, n, err)
		}
	}
}
