package master_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/raftlog"
	"goosefs/roles/master"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire"
)

// quorum is some masters, each with a folder and a host of its own, over one under file system in memory.
type quorum struct {
	t       *testing.T
	net     *wire.Memory
	dir     string
	root    ufs.UFS
	running map[int]*master.Master
}

func newQuorum(t *testing.T) *quorum {
	q := &quorum{t: t, net: wire.NewMemory(), dir: t.TempDir(), root: mem.New(), running: make(map[int]*master.Master)}
	t.Cleanup(func() {
		for i := range q.running {
			q.stop(i)
		}
	})
	return q
}

func host(i int) string    { return fmt.Sprintf("q%d", i) }
func journal(i int) string { return host(i) + ":9202" }

// start starts master i, whose configuration names the given masters.
func (q *quorum) start(i int, edit func(*master.Options), configured ...int) {
	q.t.Helper()
	m, err := q.try(i, edit, configured...)
	if err != nil {
		q.t.Fatal(err)
	}
	q.running[i] = m
}

func (q *quorum) try(i int, edit func(*master.Options), configured ...int) (*master.Master, error) {
	o := master.Options{
		Name: host(i), JournalDir: filepath.Join(q.dir, host(i), "journal"), MetaDir: filepath.Join(q.dir, host(i), "meta"),
		RootUFS: "mem://root", SyncInterval: -1, Network: q.net.Host(host(i)), HashEvery: 16,
		OpenUFS:  func(string, map[string]string) (ufs.UFS, string, error) { return q.root, "mem", nil },
		Election: 300 * time.Millisecond, Heartbeat: 30 * time.Millisecond,
	}
	for _, c := range configured {
		o.Masters = append(o.Masters, master.Member{Address: host(c) + ":9200", Journal: journal(c)})
	}
	if edit != nil {
		edit(&o)
	}
	return master.Start(o)
}

func (q *quorum) stop(i int) {
	q.t.Helper()
	m := q.running[i]
	delete(q.running, i)
	if err := m.Close(); err != nil && m.Err() == nil {
		q.t.Errorf("%s: %v", host(i), err)
	}
}

// wipe empties a master's folders, as rejoin does.
func (q *quorum) wipe(i int) {
	q.t.Helper()
	must(q.t, raftlog.Format(filepath.Join(q.dir, host(i), "journal")))
	must(q.t, os.RemoveAll(filepath.Join(q.dir, host(i), "meta")))
}

// client is one that knows the given masters.
func (q *quorum) client(known ...int) *client.FS {
	q.t.Helper()
	var addrs []string
	for _, i := range known {
		addrs = append(addrs, host(i)+":9200")
	}
	f, err := client.New(client.Config{Masters: addrs, Network: q.net.Host("client"), RetryFor: 20 * time.Second})
	must(q.t, err)
	q.t.Cleanup(func() { f.Close() })
	return f
}

// voters are the journal addresses of those with a vote, as the leader sees it.
func voters(t *testing.T, f *client.FS) (addrs []string) {
	leader, err := f.Leader(t.Context())
	if err != nil {
		return nil
	}
	s, err := f.ClusterOf(t.Context(), leader)
	if err != nil {
		return nil
	}
	for _, m := range s.Masters {
		if !m.Learner {
			addrs = append(addrs, m.JournalAddress)
		}
	}
	slices.Sort(addrs)
	return addrs
}

// awaitVoters waits until exactly the given masters have a vote.
func (q *quorum) awaitVoters(f *client.FS, want ...int) {
	q.t.Helper()
	var addrs []string
	for _, i := range want {
		addrs = append(addrs, journal(i))
	}
	var got []string
	eventually(q.t, fmt.Sprintf("votes of %v", addrs), func() bool {
		got = voters(q.t, f)
		return slices.Equal(got, addrs)
	})
}

// maker makes directories until it is stopped. Every one must succeed.
func (q *quorum) maker(f *client.FS) (stop func()) {
	end, done := make(chan bool), make(chan []string)
	go func() {
		var made []string
		for i := 0; ; i++ {
			select {
			case <-end:
				done <- made
				return
			default:
			}
			p := fmt.Sprintf("/d%05d", i)
			if err := f.Mkdir(q.t.Context(), p, client.MkdirOptions{}); err != nil {
				q.t.Errorf("mkdir %s: %v", p, err)
			}
			made = append(made, p)
		}
	}()
	return func() {
		q.t.Helper()
		close(end)
		made := <-done
		if len(made) == 0 {
			q.t.Error("nothing was made")
		}
		for _, p := range made {
			stat(q.t, f, p)
		}
		q.t.Logf("%d directories", len(made))
	}
}

// A single master grows to three, while it works. Then the first one's disk is lost, and it comes back with an empty one.
func TestGrowAndReplace(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	q.start(0, nil, 0)
	f := q.client(0)
	stop := q.maker(f)
	q.awaitVoters(f, 0)
	first, err := f.Cluster(t.Context())
	must(t, err)
	if err := f.AddMaster(t.Context(), journal(1)); !errors.Is(err, syscall.EHOSTUNREACH) && !strings.Contains(fmt.Sprint(err), "no master answers") {
		t.Errorf("a master that does not run: %v", err)
	}
	for i := 1; i <= 2; i++ {
		q.start(i, nil, 0, i)
		eventually(t, "it is taken in", func() bool {
			err := f.AddMaster(t.Context(), journal(i))
			return err == nil || errors.Is(err, syscall.EEXIST)
		})
		q.awaitVoters(f, []int{0, 1, 2}[:i+1]...)
	}
	must(t, f.LearnMasters(t.Context()))
	if got := f.Masters(); len(got) != 3 {
		t.Errorf("the client knows %v", got)
	}
	q.stop(0)
	q.wipe(0)
	q.start(0, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	stop()
	again, err := f.Cluster(t.Context())
	must(t, err)
	if first.ID == "" || again.ID != first.ID {
		t.Errorf("the cluster was %s and is %s", first.ID, again.ID)
	}
}

// A new cluster has another id than the one whose folders were emptied before it, and its masters take no notice of one
// that was forgotten.
func TestNewClusterIsAnother(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	for i := range 3 {
		q.start(i, nil, 0, 1, 2)
	}
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	must(t, f.Mkdir(t.Context(), "/old", client.MkdirOptions{CacheOnly: true}))
	old, err := f.Cluster(t.Context())
	must(t, err)
	for i := range 3 {
		q.stop(i)
	}
	q.wipe(0)
	q.wipe(1)
	q.start(0, nil, 0, 1, 2)
	q.start(1, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1)
	s, err := f.Cluster(t.Context())
	must(t, err)
	if s.ID == old.ID || s.ID == "" {
		t.Errorf("the new cluster is %q, the old one was %q", s.ID, old.ID)
	}
	q.start(2, nil, 0, 1, 2) // the forgotten one
	must(t, f.Mkdir(t.Context(), "/new", client.MkdirOptions{CacheOnly: true}))
	if _, err := f.Stat(t.Context(), "/old", client.StatOptions{}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("the old namespace shows: %v", err)
	}
	if got := voters(t, f); len(got) != 2 {
		t.Errorf("votes: %v", got)
	}
	q.stop(2)
	q.wipe(2)
	q.start(2, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
}

// What would lose the quorum is refused; a removed master is told, and comes back when it is emptied.
func TestRemoveAndElect(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	for i := range 3 {
		q.start(i, nil, 0, 1, 2)
	}
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	for i := range 3 {
		leads, err := f.Elect(t.Context(), journal(i))
		if err != nil || leads != journal(i) {
			t.Errorf("elect %s: %s %v", journal(i), leads, err)
		}
	}
	if leads, err := f.Elect(t.Context(), ""); err != nil || leads == journal(2) {
		t.Errorf("transfer: %s %v", leads, err)
	}
	_, err := f.Elect(t.Context(), journal(0))
	must(t, err)
	if err := f.RemoveMaster(t.Context(), journal(0)); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("the leader: %v", err)
	}
	if err := f.RemoveMaster(t.Context(), "nobody:1"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("nobody: %v", err)
	}
	q.stop(2)
	eventually(t, "the quorum is known to hang on two", func() bool {
		return errors.Is(f.RemoveMaster(t.Context(), journal(1)), syscall.EBUSY)
	})
	must(t, f.RemoveMaster(t.Context(), journal(2)))
	q.start(2, nil, 0, 1, 2)
	eventually(t, "the removed one knows", func() bool {
		s, err := f.ClusterOf(t.Context(), host(0)+":9200")
		return err == nil && len(s.Masters) == 2
	})
	must(t, f.Mkdir(t.Context(), "/after", client.MkdirOptions{CacheOnly: true}))
	q.stop(2)
	q.wipe(2)
	q.start(2, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	host0, err := f.Checkpoint(t.Context())
	if err != nil || !strings.HasPrefix(host0, "q") {
		t.Errorf("checkpoint: %s %v", host0, err)
	}
}

// A master whose state becomes another one leaves service, stays out, and says what to do. The others go on, and know.
func TestDivergedState(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	var wrong atomic.Bool
	distort := func(o *master.Options) {
		o.Distort = func(c []byte) []byte {
			if wrong.Load() {
				c = slices.Clone(c)
				if i := strings.Index(string(c), "/odd"); i >= 0 {
					c[i+1] = 'O'
				}
			}
			return c
		}
	}
	q.start(0, nil, 0, 1, 2)
	q.start(1, nil, 0, 1, 2)
	q.start(2, distort, 0, 1, 2)
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	_, err := f.Elect(t.Context(), journal(0))
	must(t, err)
	wrong.Store(true)
	must(t, f.Mkdir(t.Context(), "/odd", client.MkdirOptions{CacheOnly: true}))
	for i := range 40 {
		must(t, f.Mkdir(t.Context(), fmt.Sprintf("/d%d", i), client.MkdirOptions{CacheOnly: true}))
	}
	select {
	case <-q.running[2].Failed():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := q.running[2].Err(); !errors.Is(err, syscall.EBADMSG) || !strings.Contains(err.Error(), "rejoin") {
		t.Errorf("it says: %v", err)
	}
	q.stop(2)
	if m, err := q.try(2, nil, 0, 1, 2); !errors.Is(err, syscall.EBADMSG) {
		t.Errorf("it was started again: %v", err)
		if m != nil {
			m.Close()
		}
	}
	leader, err := f.Leader(t.Context())
	must(t, err)
	eventually(t, "the leader tells of it", func() bool {
		s, err := f.ClusterOf(t.Context(), leader)
		return err == nil && strings.Contains(strings.Join(s.Problems, "\n"), journal(2))
	})
	q.wipe(2)
	q.start(2, nil, 0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	eventually(t, "all is well again", func() bool {
		s, err := f.ClusterOf(t.Context(), leader)
		return err == nil && len(s.Problems) == 0
	})
}

// A copy of a master's folder is refused on another host.
func TestCopiedFolderIsRefused(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	for i := range 3 {
		q.start(i, nil, 0, 1, 2)
	}
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	q.stop(2)
	must(t, os.CopyFS(filepath.Join(q.dir, host(3)), os.DirFS(filepath.Join(q.dir, host(2)))))
	q.start(2, nil, 0, 1, 2)
	m, err := q.try(3, nil, 0, 1, 2, 3)
	if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "copy") {
		t.Errorf("a copy: %v", err)
	}
	if m != nil {
		m.Close()
	}
	must(t, f.Mkdir(t.Context(), "/on", client.MkdirOptions{CacheOnly: true}))
}

// A backup holds the namespace; a cluster that begins with it has it all, and is another cluster.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	q.start(0, nil, 0)
	f := q.client(0)
	for i := range 50 {
		must(t, f.Mkdir(t.Context(), fmt.Sprintf("/d%02d", i), client.MkdirOptions{CacheOnly: true}))
	}
	b, err := f.Backup(t.Context(), filepath.Join(q.dir, "backups"))
	must(t, err)
	if b.Host != host(0) || b.Entries != 52 || !strings.HasPrefix(filepath.Base(b.Path), "goosefs-backup-") || !strings.HasSuffix(b.Path, ".gz") {
		t.Errorf("backup: %+v", b)
	}
	old, err := f.Cluster(t.Context())
	must(t, err)
	must(t, f.Mkdir(t.Context(), "/later", client.MkdirOptions{CacheOnly: true}))
	q.stop(0)

	restore := func(o *master.Options) { o.Restore = b.Path }
	for i := 1; i <= 3; i++ {
		q.start(i, restore, 1, 2, 3)
	}
	f = q.client(1, 2, 3)
	q.awaitVoters(f, 1, 2, 3)
	for i := range 3 { // whoever leads
		_, err := f.Elect(t.Context(), journal(i+1))
		must(t, err)
		for i := range 50 {
			stat(t, f, fmt.Sprintf("/d%02d", i))
		}
		if _, err := f.Stat(t.Context(), "/later", client.StatOptions{}); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("what came after the backup: %v", err)
		}
		must(t, f.Mkdir(t.Context(), fmt.Sprintf("/new%d", i), client.MkdirOptions{CacheOnly: true}))
	}
	s, err := f.Cluster(t.Context())
	must(t, err)
	if s.ID == old.ID {
		t.Error("the restored cluster has the id of the old one")
	}
	// A file that is no backup, or a part of one, is refused, and may be corrected.
	whole, err := os.ReadFile(b.Path)
	must(t, err)
	for name, content := range map[string][]byte{"garbage": []byte("garbage"), "cut short": whole[:len(whole)/2], "empty": nil} {
		path := filepath.Join(q.dir, "bad.gz")
		must(t, os.WriteFile(path, content, 0o600))
		if m, err := q.try(9, func(o *master.Options) { o.Restore = path }, 9); err == nil {
			t.Errorf("%s: taken", name)
			m.Close()
		}
	}
	q.start(9, restore, 9)
	stat(t, q.client(9), "/d07")
}

// The disk of a leader's journal is full: another one leads. All are full: changes are refused, reads go on, and it is
// over when there is space.
func TestFullDisks(t *testing.T) {
	t.Parallel()
	q := newQuorum(t)
	var free [3]atomic.Int64
	for i := range 3 {
		free[i].Store(1 << 40)
		q.start(i, func(o *master.Options) { o.FreeSpace = free[i].Load }, 0, 1, 2)
	}
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	must(t, f.Mkdir(t.Context(), "/before", client.MkdirOptions{CacheOnly: true}))
	leader, err := f.Elect(t.Context(), journal(1))
	must(t, err)
	free[1].Store(0)
	eventually(t, "another leads", func() bool {
		now, err := f.Leader(t.Context())
		return err == nil && now+"" != host(1)+":9200" && leader == journal(1)
	})
	must(t, f.Mkdir(t.Context(), "/one-is-full", client.MkdirOptions{CacheOnly: true}))
	for i := range 3 {
		free[i].Store(0)
	}
	n := 0
	eventually(t, "changes are refused", func() bool {
		n++
		return errors.Is(f.Mkdir(t.Context(), fmt.Sprintf("/full%d", n), client.MkdirOptions{CacheOnly: true}), syscall.ENOSPC)
	})
	stat(t, f, "/before")
	stat(t, f, "/one-is-full")
	s, err := f.Cluster(t.Context())
	if err != nil || s.Leader == "" {
		t.Errorf("nobody leads: %+v %v", s, err)
	}
	if !strings.Contains(strings.Join(s.Problems, "\n"), "full disk") {
		t.Errorf("problems: %q", s.Problems)
	}
	for i := range 3 {
		free[i].Store(1 << 40)
	}
	eventually(t, "changes are taken again", func() bool {
		return f.Mkdir(t.Context(), "/after", client.MkdirOptions{Recursive: true, CacheOnly: true}) == nil
	})
	stat(t, f, "/after")
}
