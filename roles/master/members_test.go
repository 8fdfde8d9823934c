package master_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/raftlog"
	"goosefs/roles/master"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// quorum is some masters, each with a folder and a host of its own, over one under file system in memory. Unlike the
// masters of rolestest each has its own configuration, and they come and go.
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

// three are masters 0 to 2 of one configuration, and a client, once all have a vote.
func three(t *testing.T) (*quorum, *client.FS) {
	t.Helper()
	q := newQuorum(t)
	for i := range 3 {
		q.start(i, nil, 0, 1, 2)
	}
	f := q.client(0, 1, 2)
	q.awaitVoters(f, 0, 1, 2)
	return q, f
}

func host(i int) string    { return fmt.Sprintf("q%d", i) }
func address(i int) string { return host(i) + ":9200" }
func journal(i int) string { return host(i) + ":9202" }

func (q *quorum) folder(i int) string { return filepath.Join(q.dir, host(i)) }

// start starts master i, whose configuration names the given masters.
func (q *quorum) start(i int, edit func(*master.Options), configured ...int) {
	q.t.Helper()
	m, err := q.try(i, edit, configured...)
	must(q.t, err)
	q.running[i] = m
}

// try is start of a master that may not come up. An election takes long, so that none is held just because this machine
// is slow; masters that end hand over, or are known to be gone.
func (q *quorum) try(i int, edit func(*master.Options), configured ...int) (*master.Master, error) {
	o := master.Options{
		Name: host(i), JournalDir: filepath.Join(q.folder(i), "journal"), MetaDir: filepath.Join(q.folder(i), "meta"),
		RootUFS: "mem://root", SyncInterval: -1, Network: q.net.Host(host(i)), HashEvery: 16,
		OpenUFS:  func(string, map[string]string) (ufs.UFS, string, error) { return q.root, "mem", nil },
		Election: time.Second, Heartbeat: 20 * time.Millisecond,
	}
	for _, c := range configured {
		o.Masters = append(o.Masters, master.Member{Address: address(c), Journal: journal(c)})
	}
	if edit != nil {
		edit(&o)
	}
	return master.Start(o)
}

// refused wants that a master does not start.
func (q *quorum) refused(i int, edit func(*master.Options), errno syscall.Errno, text string, configured ...int) {
	q.t.Helper()
	m, err := q.try(i, edit, configured...)
	if err == nil {
		q.t.Errorf("%s starts", host(i))
		must(q.t, m.Close())
		return
	}
	want(q.t, err, errno, text)
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
	must(q.t, raftlog.Format(filepath.Join(q.folder(i), "journal")))
	must(q.t, os.RemoveAll(filepath.Join(q.folder(i), "meta")))
}

// client is one that knows the given masters.
func (q *quorum) client(known ...int) *client.FS {
	q.t.Helper()
	var addrs []string
	for _, i := range known {
		addrs = append(addrs, address(i))
	}
	f, err := client.New(client.Config{Masters: addrs, Network: q.net.Host("client"), RetryFor: 20 * time.Second})
	must(q.t, err)
	q.t.Cleanup(func() { f.Close() })
	return f
}

func (q *quorum) conn(i int) *grpc.ClientConn {
	q.t.Helper()
	conn, err := wire.Dial(q.net.Host("client"), address(i))
	must(q.t, err)
	q.t.Cleanup(func() { conn.Close() })
	return conn
}

// leading is what the leader says of the cluster; the zero value while there is none.
func leading(t *testing.T, f *client.FS) client.Cluster {
	leader, err := f.Leader(t.Context())
	if err != nil {
		return client.Cluster{}
	}
	s, err := f.ClusterOf(t.Context(), leader)
	if err != nil || s.Leader != leader {
		return client.Cluster{}
	}
	return s
}

// awaitVoters waits until exactly the given masters are members, and all have a vote.
func (q *quorum) awaitVoters(f *client.FS, want ...int) {
	q.t.Helper()
	var addrs []string
	for _, i := range want {
		addrs = append(addrs, journal(i))
	}
	eventually(q.t, fmt.Sprintf("the votes of %v", addrs), func() bool {
		var got []string
		for _, m := range leading(q.t, f).Masters {
			if m.Learner {
				return false
			}
			got = append(got, m.JournalAddress)
		}
		slices.Sort(got)
		return slices.Equal(got, addrs)
	})
}

// awaitGone waits until the leader knows that a member is away.
func (q *quorum) awaitGone(f *client.FS, i int) {
	q.t.Helper()
	eventually(q.t, host(i)+" counts as away", func() bool {
		return slices.ContainsFunc(leading(q.t, f).Masters, func(m client.Master) bool { return m.JournalAddress == journal(i) && !m.Available })
	})
}

// awaitProblem waits until the leader, or the given master, tells of a problem in exactly these words.
func (q *quorum) awaitProblem(f *client.FS, line string, of ...int) {
	q.t.Helper()
	var s client.Cluster
	defer func() {
		if q.t.Failed() {
			q.t.Logf("the last problems: %q", s.Problems)
		}
	}()
	eventually(q.t, line, func() bool {
		if len(of) == 0 {
			s = leading(q.t, f)
		} else {
			s, _ = f.ClusterOf(q.t.Context(), address(of[0]))
		}
		return slices.Contains(s.Problems, line)
	})
}

// awaitHealth waits until the leader has nothing to complain of.
func (q *quorum) awaitHealth(f *client.FS) {
	q.t.Helper()
	eventually(q.t, "all is well", func() bool {
		s := leading(q.t, f)
		return s.Leader != "" && len(s.Problems) == 0
	})
}

// elect lets master i lead.
func (q *quorum) elect(f *client.FS, i int) {
	q.t.Helper()
	leads, err := f.Elect(q.t.Context(), journal(i))
	if err != nil || leads != journal(i) {
		q.t.Fatalf("elect %s: %s leads, %v", journal(i), leads, err)
	}
}

// memberID is the id of the member at the journal address of master i; 0: there is none just now.
func (q *quorum) memberID(f *client.FS, i int) uint64 {
	q.t.Helper()
	leader, err := f.Leader(q.t.Context())
	must(q.t, err)
	conn, err := wire.Dial(q.net.Host("client"), leader)
	must(q.t, err)
	defer conn.Close()
	s, err := clusterpb.NewClusterClient(conn).Status(q.t.Context(), &clusterpb.StatusRequest{})
	if err != nil {
		return 0
	}
	for _, m := range s.GetMasters() {
		if m.GetJournalAddress() == journal(i) {
			return m.GetId()
		}
	}
	return 0
}

// awaitAnother waits until master i, which was emptied, is a member with another id than it had.
func (q *quorum) awaitAnother(f *client.FS, i int, old uint64) {
	q.t.Helper()
	eventually(q.t, "another member is at "+journal(i), func() bool {
		id := q.memberID(f, i)
		return id != 0 && id != old
	})
}

// finish stops a builder and wants what it made, and nothing else, in the namespace and in the under file system.
func (q *quorum) finish(b *builder, f *client.FS) {
	q.t.Helper()
	close(b.stop)
	b.done.Wait()
	slices.Sort(b.acked)
	wantNames(q.t, f, "/", true, b.acked...)
	q.t.Logf("%d directories", len(b.acked))
}

// What makes no sense, or would end the cluster, is refused in one line that says what to do, and nothing happens.
func TestQuorumRefusals(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	q.elect(f, 0)
	q.start(8, nil, 8) // another cluster
	other, err := q.client(8).Cluster(t.Context())
	must(t, err)
	q.start(6, func(o *master.Options) { o.Bind = host(7) }, 0, 6) // it is at 7, and says that it is 6
	ctx := t.Context()
	elect := func(addr string) error { _, err := f.Elect(ctx, addr); return err }
	refusals := func(table map[string]struct {
		err   error
		errno syscall.Errno
		text  string
	}) {
		t.Helper()
		for what, c := range table {
			want(t, c.err, c.errno, "")
			if c.err != nil && c.err.Error() != c.text {
				t.Errorf("%s: says\n%q, want\n%q", what, c.err.Error(), c.text)
			}
		}
	}
	type table = map[string]struct {
		err   error
		errno syscall.Errno
		text  string
	}
	refusals(table{
		"add, nobody runs there": {f.AddMaster(ctx, journal(5)), syscall.EHOSTUNREACH, "no master answers at q5:9202: start it, with an empty folder, and with this master among its goosefs.master.embedded.journal.addresses"},
		"add, a member":          {f.AddMaster(ctx, journal(1)), syscall.EEXIST, "q1:9202 is a member already"},
		"add, the leader":        {f.AddMaster(ctx, journal(0)), syscall.EEXIST, "q0:9202 is a member already"},
		"add, another cluster's": {f.AddMaster(ctx, journal(8)), syscall.EPERM, "q8:9202 belongs to another cluster (" + other.ID + "): empty its folders first"},
		"add, another address":   {f.AddMaster(ctx, journal(7)), syscall.EINVAL, "the master at q7:9202 says that it is q6:9202"},
		"remove, the leader":     {f.RemoveMaster(ctx, journal(0)), syscall.EBUSY, "q0:9202 leads; let another one lead first"},
		"remove, nobody":         {f.RemoveMaster(ctx, "nobody:1"), syscall.ENOENT, "nobody:1 is not among the masters; goosefs fsadmin journal quorum info -domain MASTER lists them"},
		"elect, nobody":          {elect("nobody:1"), syscall.ENOENT, "nobody:1 is not among the masters; goosefs fsadmin journal quorum info -domain MASTER lists them"},
	})
	q.stop(2)
	q.awaitGone(f, 2)
	refusals(table{
		"remove, the quorum hangs on it": {f.RemoveMaster(ctx, journal(1)), syscall.EBUSY, "of the 2 masters with a vote afterwards only 1 answer: the quorum would be lost"},
		"elect, one that is away":        {elect(journal(2)), syscall.EHOSTUNREACH, "no other member can lead now"},
	})
	must(t, f.Mkdir(ctx, "/on", client.MkdirOptions{}))
	must(t, f.RemoveMaster(ctx, journal(2))) // which is what helps
	q.awaitVoters(f, 0, 1)
}

// Leadership goes where it is told to, at once, again and again, and what clients do goes on meanwhile.
func TestElect(t *testing.T) {
	t.Parallel()
	q, f := three(t)
	b := build(t, f, "d")
	for range 2 {
		for i := range 3 {
			q.elect(f, i)
			eventually(t, host(i)+" serves", func() bool { return leading(t, f).Leader == address(i) })
		}
	}
	q.elect(f, 2) // which leads: nothing to do
	for range 3 {
		before := leading(t, f).Leader
		now, err := f.Elect(t.Context(), "")
		must(t, err)
		if strings.TrimSuffix(now, ":9202") == strings.TrimSuffix(before, ":9200") {
			t.Errorf("transferred from %s to %s", before, now)
		}
	}
	// Right after an election that nobody asked for: the leader is stopped, and comes back.
	q.elect(f, 0)
	q.stop(0)
	_, err := f.Elect(t.Context(), "")
	must(t, err)
	q.start(0, nil, 0, 1, 2)
	eventually(t, "it can lead again", func() bool {
		leads, err := f.Elect(t.Context(), journal(0))
		return err == nil && leads == journal(0)
	})
	q.finish(b, f)
}

// A master that was removed serves nobody and says so; emptied, it is one of them again. The others never stop.
func TestRemovedMaster(t *testing.T) {
	t.Parallel()
	const removed = "Master q2:9202 was removed from the cluster. To bring it back, stop it, run goosefs fsadmin journal rejoin there, and start it again."
	for name, away := range map[string]bool{"while it runs": false, "while it is away": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, f := three(t)
			q.elect(f, 0)
			b := build(t, q.client(0, 1), "d")
			old := q.memberID(f, 2)
			if away {
				q.stop(2)
				q.awaitGone(f, 2)
			}
			must(t, f.RemoveMaster(t.Context(), journal(2)))
			q.awaitVoters(f, 0, 1)
			if away {
				q.start(2, nil, 0, 1, 2)
			}
			q.awaitProblem(f, removed, 2)
			rpc := pb.NewFileSystemMasterClientServiceClient(q.conn(2))
			_, err := rpc.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/")})
			if _, standby := wire.LeaderHint(err); !standby {
				t.Errorf("it answers: %v", err)
			}
			_, err = rpc.CreateDirectory(t.Context(), &pb.CreateDirectoryPRequest{Path: proto.String("/x")})
			if _, standby := wire.LeaderHint(err); !standby {
				t.Errorf("it changes something: %v", err)
			}
			want(t, f.AddMaster(t.Context(), journal(2)), syscall.EPERM, "q2:9202 was removed from this cluster: stop it, run goosefs fsadmin journal rejoin there, and start it again first")
			progress(t, f, 5)
			q.stop(2)
			q.wipe(2)
			q.start(2, nil, 0, 1, 2) // its address is in the configuration, so it need not be added
			q.awaitVoters(f, 0, 1, 2)
			q.awaitHealth(f)
			if id := q.memberID(f, 2); id == old {
				t.Error("it has the id that it had")
			}
			q.elect(f, 2)
			q.finish(b, f)
		})
	}
}
