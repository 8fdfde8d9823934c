package master_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// write makes a file of the root's under file system.
func write(t *testing.T, c *rolestest.Cluster, name string, data []byte) {
	t.Helper()
	p := filepath.Join(c.Root, name)
	must(t, os.MkdirAll(filepath.Dir(p), 0o755))
	must(t, os.WriteFile(p, data, 0o644))
}

// read reads a whole file through the cluster.
func read(t *testing.T, f *client.FS, p string, data []byte) {
	t.Helper()
	x, err := f.Open(t.Context(), p)
	must(t, err)
	defer x.Close()
	got := make([]byte, len(data))
	if n, err := x.ReadAt(t.Context(), got, 0); n != len(data) || err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%s: %d of %d bytes, %v", p, n, len(data), err)
	}
}

// cached is how many bytes all live workers hold.
func cached(t *testing.T, f *client.FS) (used int64) {
	t.Helper()
	workers, err := f.Workers(t.Context())
	must(t, err)
	for _, w := range workers {
		if !w.Live {
			continue
		}
		for _, tier := range w.Tiers {
			used += tier.Used
		}
	}
	return used
}

// builder makes directories /dNNN for as long as its test lets it, and remembers which were acknowledged.
type builder struct {
	acked []string
	stop  chan bool
	done  sync.WaitGroup
}

func build(t *testing.T, f *client.FS, prefix string) *builder {
	b := &builder{stop: make(chan bool)}
	b.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-b.stop:
				return
			default:
			}
			p := fmt.Sprintf("/%s%04d", prefix, i)
			if err := f.Mkdir(t.Context(), p, client.MkdirOptions{}); err != nil {
				t.Errorf("mkdir %s: %v", p, err)
				return
			}
			b.acked = append(b.acked, strings.TrimPrefix(p, "/"))
			if _, err := f.Stat(t.Context(), p, client.StatOptions{}); err != nil {
				t.Errorf("just made: %v", err)
				return
			}
			for _, err := range f.List(t.Context(), p, client.StatOptions{}) {
				if err != nil {
					t.Errorf("list %s: %v", p, err)
					return
				}
			}
		}
	})
	return b
}

// finish stops the builder and wants every acknowledged directory in the namespace and in the under file system, and
// nothing else of its own.
func (b *builder) finish(t *testing.T, c *rolestest.Cluster, f *client.FS) {
	t.Helper()
	close(b.stop)
	b.done.Wait()
	if len(b.acked) == 0 {
		t.Error("nothing was made")
	}
	wantNames(t, f, "/", true, b.acked...)
	entries, err := os.ReadDir(c.Root)
	must(t, err)
	if len(entries) != len(b.acked) {
		t.Errorf("%d directories in the under file system, %d were made", len(entries), len(b.acked))
	}
}

// progress waits until the builder has made n more.
func progress(t *testing.T, f *client.FS, n int64) {
	t.Helper()
	dirs := func() int64 {
		s, err := f.Cluster(t.Context())
		if err != nil {
			return 0
		}
		return s.Dirs
	}
	begin := dirs()
	eventually(t, "directories are made", func() bool { return dirs() >= begin+n })
}

// Leaders come and go in every way while a client lists, stats and makes directories: it notices nothing.
func TestLeadersComeAndGo(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f := c.Client()
	b := build(t, f, "d")
	for _, lose := range []struct {
		what      string
		take, end func(i int)
	}{
		{"stopped", c.StopMaster, c.StartMaster},
		{"unplugged", func(i int) { c.Isolate(rolestest.MasterName(i)) }, func(i int) { c.Join(rolestest.MasterName(i)) }},
		{"silent", c.SilenceMaster, func(i int) { c.Join(rolestest.MasterName(i)) }},
	} {
		progress(t, f, 5)
		old := c.Leader()
		begun := time.Now()
		lose.take(old)
		eventually(t, "another master leads", func() bool {
			leader, err := f.Leader(t.Context())
			return err == nil && leader != rolestest.MasterName(old)+":9200"
		})
		progress(t, f, 5)
		t.Logf("leader %s: others went on after %s", lose.what, time.Since(begun).Round(time.Millisecond))
		lose.end(old)
		caughtUp(t, c, f, old)
	}
	b.finish(t, c, f)
}

// caughtUp waits until master i has applied what the leader has now.
func caughtUp(t *testing.T, c *rolestest.Cluster, f *client.FS, i int) {
	t.Helper()
	leader, err := f.ClusterOf(t.Context(), c.Addresses()[c.Leader()])
	must(t, err)
	eventually(t, fmt.Sprintf("%s catches up", rolestest.MasterName(i)), func() bool {
		s, err := f.ClusterOf(t.Context(), c.Addresses()[i])
		return err == nil && s.Applied >= leader.Applied && s.Leader == leader.Leader
	})
}

// A leader that hears nothing from the others any more refuses soon, rather than hang or answer from what it knows;
// and any master tells at once what it knows of the cluster.
func TestLeaderWithoutMajority(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	old := c.Leader()
	conn := c.Conn(old)
	rpc := pb.NewFileSystemMasterClientServiceClient(conn)
	_, err := rpc.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/")})
	must(t, err)
	c.SilenceMaster(old)
	ctx, cancel := context.WithTimeout(t.Context(), rolestest.Patience)
	defer cancel()
	p := "/x"
	for what, call := range map[string]func() error{
		"stat":  func() error { _, err := rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: &p}); return err },
		"mkdir": func() error { _, err := rpc.CreateDirectory(ctx, &pb.CreateDirectoryPRequest{Path: &p}); return err },
		"free":  func() error { _, err := rpc.Free(ctx, &pb.FreePRequest{Path: proto.String("/")}); return err },
		"list": func() error {
			s, err := rpc.ListStatus(ctx, &pb.ListStatusPRequest{Path: proto.String("/")})
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
	} {
		if _, standby := wire.LeaderHint(call()); !standby {
			t.Errorf("%s: not refused as a standby does", what)
		}
	}
	status, err := clusterpb.NewClusterClient(conn).Status(ctx, &clusterpb.StatusRequest{})
	if err != nil || status.GetAnsweredBy() != c.Addresses()[old] {
		t.Errorf("of the cluster it says %v, %v", status, err)
	}
	if _, err := clusterpb.NewClusterClient(conn).ListWorkers(ctx, &clusterpb.ListWorkersRequest{}); err == nil {
		t.Error("a standby lists workers")
	}
	version := pb.NewServiceVersionClientServiceClient(conn)
	if _, err := version.GetServiceVersion(ctx, &pb.GetServiceVersionPRequest{}); !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("its version: %v", err)
	}
	if got, err := version.GetServiceVersion(ctx, &pb.GetServiceVersionPRequest{AllowedOnStandbyMasters: proto.Bool(true)}); err != nil || got.GetVersion() != 2 {
		t.Errorf("its version, for any master: %v, %v", got, err)
	}
	// Clients of other masters are served; the worker reports to them all the time.
	f := c.Client()
	must(t, f.Mkdir(t.Context(), "/x", client.MkdirOptions{}))
	c.WaitForWorkers(1)
	c.Join(rolestest.MasterName(old))
	caughtUp(t, c, f, old)
	hint := ""
	eventually(t, "the old leader names the new one", func() bool {
		_, err := rpc.GetStatus(ctx, &pb.GetStatusPRequest{Path: &p})
		hint, _ = wire.LeaderHint(err)
		return hint != ""
	})
	if leader := c.Addresses()[c.Leader()]; hint != leader {
		t.Errorf("the hint is %s, the leader %s", hint, leader)
	}
	// Official clients list workers of whom they asked first, leader or not.
	list, err := pb.NewWorkerManagerMasterClientServiceClient(conn).GetWorkerInfoList(ctx, &pb.GetWorkerInfoListPOptions{})
	if err != nil || len(list.GetWorkerInfos()) != 1 || list.GetWorkerInfos()[0].GetVirtualNodeNum() != 2000 {
		t.Errorf("workers as a standby lists them: %v, %v", list, err)
	}
}

// Without a majority there is no leader; any master left says so at once.
func TestNoLeader(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f := c.Client()
	c.StopMaster(1)
	c.StopMaster(2)
	eventually(t, "the last master knows of no leader", func() bool {
		s, err := f.ClusterOf(t.Context(), c.Addresses()[0])
		return err == nil && s.Leader == "" && s.SafeMode && len(s.Masters) == 3
	})
	_, err := pb.NewFileSystemMasterClientServiceClient(c.Conn(0)).GetStatus(t.Context(), &pb.GetStatusPRequest{Path: proto.String("/")})
	if hint, standby := wire.LeaderHint(err); !standby || hint != "" {
		t.Errorf("without a leader: %v", err)
	}
	c.StartMaster(1)
	must(t, f.Mkdir(t.Context(), "/again", client.MkdirOptions{}))
}

// A follower that is away is missed by nobody and catches up, from an image if the log does not reach back so far.
func TestFollowerFallsBehind(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1, SnapshotEntries: 40, CatchUpEntries: 10})
	f := c.Client()
	follower := (c.Leader() + 1) % 3
	c.Isolate(rolestest.MasterName(follower))
	for i := range 100 {
		must(t, f.Mkdir(t.Context(), fmt.Sprintf("/d%d", i), client.MkdirOptions{}))
	}
	eventually(t, "the follower counts as away", func() bool {
		s, err := f.ClusterOf(t.Context(), c.Addresses()[c.Leader()])
		return err == nil && !s.Masters[follower].Available
	})
	c.Join(rolestest.MasterName(follower))
	caughtUp(t, c, f, follower)
	s, err := f.ClusterOf(t.Context(), c.Addresses()[follower])
	if err != nil || s.Dirs != 101 {
		t.Errorf("it has %d directories, %v", s.Dirs, err)
	}
	// It knows enough to be one of the majority.
	for i, leader := 0, c.Leader(); i < 3; i++ {
		if i != follower && i != leader {
			c.StopMaster(i)
			break
		}
	}
	must(t, f.Mkdir(t.Context(), "/e", client.MkdirOptions{}))
	if len(names(t, f, "/", false)) != 101 {
		t.Error("something is missing")
	}
}

// All masters stop and start again: namespace, ids and mounts are what they were, and caches are still good.
func TestAllMastersRestart(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{})
	f := c.Client()
	data := bytes.Repeat([]byte("goose"), 100_000)
	write(t, c, "dir/file", data)
	read(t, f, "/dir/file", data)
	other := t.TempDir()
	must(t, f.Mount(t.Context(), "/m", other, client.MountOptions{ReadOnly: true}))
	before := stat(t, f, "/dir/file")
	mounts := table(t, f)
	for i := range c.Masters {
		c.StopMaster(i)
	}
	must(t, os.Remove(filepath.Join(c.Root, "dir/file"))) // who has it cached needs it no more
	for _, i := range []int{2, 0, 1} {
		c.StartMaster(i)
	}
	if after := stat(t, f, "/dir/file"); after.ID != before.ID || after.Length != before.Length || !after.Modified.Equal(before.Modified) {
		t.Errorf("was %+v, is %+v", before, after)
	}
	if after := table(t, f); after != mounts {
		t.Errorf("mounts were\n%s\nare\n%s", mounts, after)
	}
	c.WaitForWorkers(3)
	read(t, f, "/dir/file", data)
	must(t, f.Mkdir(t.Context(), "/dir/new", client.MkdirOptions{}))
}

// A leader dies after the under file system was changed and before the namespace was: the call, made again, ends well.
func TestLeaderDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	const uri = "mem://shared"
	for name, c := range map[string]struct {
		op, at      string // where the first try is stuck
		call        do
		there, gone string
	}{
		"rename": {"rename", "d/a", rename("/m/d/a", "/m/d/z"), "d/z", "d/a"},
		"remove": {"remove", "d/a", remove("/m/d/a"), "d/b", "d/a"},
		"mkdir":  {"mkdir", "d/new", mkdir("/m/d/new", false), "d/new", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := mem.New()
			put(t, src, "d/a", "one")
			put(t, src, "d/b", "two")
			g := newGate(src, c.op, c.at)
			cluster := rolestest.Start(t, rolestest.Options{Workers: 1, OpenUFS: func(uri string, options map[string]string) (ufs.UFS, string, error) {
				return g, "mem", nil
			}})
			f := cluster.Client()
			must(t, f.Mount(t.Context(), "/m", uri, client.MountOptions{Shared: true}))
			wantNames(t, f, "/m/d", false, "a", "b")
			g.armed.Store(true)
			old := cluster.Leader()
			first := make(chan error, 1)
			go func() {
				first <- c.call(t.Context(), pb.NewFileSystemMasterClientServiceClient(cluster.Conn(old)), op(1))
			}()
			<-g.reached // the under file system is as it should be; the namespace is not
			g.armed.Store(false)
			cluster.Isolate(rolestest.MasterName(old))
			if err := <-first; err == nil {
				t.Error("the first try, on a master that was unplugged, ends well")
			}
			again := func() (err error) {
				eventually(t, "a leader answers", func() bool {
					conn := cluster.Conn(cluster.Leader())
					defer conn.Close()
					err = c.call(t.Context(), pb.NewFileSystemMasterClientServiceClient(conn), op(1))
					_, standby := wire.LeaderHint(err)
					return !standby && !errors.Is(err, syscall.EAGAIN)
				})
				return err
			}
			release := sync.OnceFunc(func() { close(g.open) })
			defer release()
			must(t, again())
			release() // only now the old leader goes on: too late
			cluster.Join(rolestest.MasterName(old))
			must(t, again())
			var want []string
			for info, err := range src.List(t.Context(), "d") {
				must(t, err)
				want = append(want, info.Name)
			}
			wantNames(t, f, "/m/d", false, want...)
			if !has(t, src, c.there) || c.gone != "" && has(t, src, c.gone) {
				t.Errorf("the under file system has %v", want)
			}
		})
	}
}

// Free returns when no worker holds a byte; what was freed, or belongs to what is no more, is dropped by a worker that
// was away meanwhile, too.
func TestBlocksGo(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{StripeSize: 1 << 20, BlockSize: 1 << 20})
	f := c.Client()
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<16) // 6 MiB, on all workers
	write(t, c, "d/file", data)
	write(t, c, "other", data[:1000])
	read(t, f, "/d/file", data)
	eventually(t, "all is cached", func() bool { return cached(t, f) >= int64(len(data)) })
	must(t, f.Free(t.Context(), "/", true))
	if got := cached(t, f); got != 0 {
		t.Errorf("%d bytes are cached after free", got)
	}
	read(t, f, "/d/file", data)
	read(t, f, "/other", data[:1000])
	eventually(t, "all is cached", func() bool { return cached(t, f) >= int64(len(data))+1000 })

	// A worker is away while the file is removed, and the leader that ordered it is gone when it comes back.
	away := ""
	for _, b := range stat(t, f, "/d/file").Blocks {
		away = b.Locations[0].Host
	}
	var index int
	for i := range c.Workers {
		if rolestest.WorkerName(i) == away {
			index = i
		}
	}
	c.StopWorker(index)
	must(t, f.Remove(t.Context(), "/d", client.RemoveOptions{Recursive: true}))
	eventually(t, "only the other file is cached", func() bool { return cached(t, f) <= 64<<10 })
	c.StopMaster(c.Leader())
	c.StartWorker(index)
	c.WaitForWorkers(3)
	eventually(t, "the orphans are dropped", func() bool { return cached(t, f) <= 64<<10 })
	read(t, f, "/other", data[:1000])
}

// A worker that the leader could not reach when a file was removed is told by the next leader.
func TestNextLeaderDropsOrphans(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f := c.Client()
	data := bytes.Repeat([]byte("goose"), 1<<18)
	write(t, c, "file", data)
	read(t, f, "/file", data)
	eventually(t, "it is cached", func() bool { return cached(t, f) >= int64(len(data)) })
	leader := c.Leader()
	c.Net.Cut(rolestest.WorkerName(0), rolestest.MasterName(leader))
	eventually(t, "the leader misses the worker", func() bool {
		workers, err := f.Workers(t.Context())
		return err == nil && len(workers) == 1 && !workers[0].Live
	})
	must(t, f.Remove(t.Context(), "/file", client.RemoveOptions{}))
	c.StopMaster(leader)
	c.WaitForWorkers(1)
	eventually(t, "the orphan is dropped", func() bool { return cached(t, f) == 0 })
}

// A file that changed at the source is another; what was cached of the old one goes, and the new one is read. So goes
// what was below a mount.
func TestOldVersionsGo(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 2})
	f := c.Client()
	old := bytes.Repeat([]byte("old"), 1<<20)
	write(t, c, "file", old)
	read(t, f, "/file", old)
	eventually(t, "the old one is cached", func() bool { return cached(t, f) >= int64(len(old)) })
	write(t, c, "file", []byte("new"))
	if info, err := f.Stat(t.Context(), "/file", client.StatOptions{Sync: true}); err != nil || info.Length != 3 {
		t.Fatalf("changed: %+v, %v", info, err)
	}
	eventually(t, "the old one is not cached any more", func() bool { return cached(t, f) == 0 })
	read(t, f, "/file", []byte("new"))

	other := t.TempDir()
	must(t, os.WriteFile(filepath.Join(other, "x"), old, 0o644))
	must(t, f.Mount(t.Context(), "/m", other, client.MountOptions{}))
	read(t, f, "/m/x", old)
	eventually(t, "the mount's file is cached", func() bool { return cached(t, f) >= int64(len(old)) })
	must(t, f.Unmount(t.Context(), "/m"))
	eventually(t, "it is not cached any more", func() bool { return cached(t, f) < int64(len(old)) })
}

// A mount whose source is ill makes no other wait.
func TestSickMountSlowsNobody(t *testing.T) {
	t.Parallel()
	ill := ufstest.Slow(mem.New(), ufstest.Slowness{Latency: time.Hour})
	armed := newGate(ill, "", "")
	c := alone(t, nil, map[string]ufs.UFS{"mem://ill": slowOnce{armed, mem.New()}})
	must(t, c.Mount(t.Context(), "/ill", "mem://ill", client.MountOptions{}))
	armed.armed.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	var stuck sync.WaitGroup
	for i := range 100 {
		stuck.Go(func() {
			if _, err := c.Stat(ctx, fmt.Sprintf("/ill/x%d", i), client.StatOptions{}); err == nil {
				t.Error("an answer of an ill source")
			}
		})
	}
	for i := range 20 {
		p := fmt.Sprintf("/d%d", i)
		must(t, c.Mkdir(t.Context(), p, client.MkdirOptions{}))
		wantNames(t, c.FS, p, true)
	}
	cancel()
	stuck.Wait()
}

// slowOnce is a source that is well until its gate is armed.
type slowOnce struct {
	*gate
	well ufs.UFS
}

func (s slowOnce) Stat(ctx context.Context, name string) (ufs.Info, error) {
	if s.armed.Load() {
		return s.gate.UFS.Stat(ctx, name)
	}
	return s.well.Stat(ctx, name)
}

// heard is what a client is told to forget.
type heard struct {
	sync.Mutex
	up, lost int
	paths    map[string]bool
}

func watch(t *testing.T, f *client.FS) *heard {
	h := &heard{paths: make(map[string]bool)}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		f.Watch(ctx, func(paths []string, lost bool) {
			h.Lock()
			defer h.Unlock()
			if lost {
				h.lost++
			} else if len(paths) == 0 {
				h.up++
			}
			for _, p := range paths {
				h.paths[p] = true
			}
		})
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return h
}

// take waits until all of want were heard, forgets what was, and says what else there was.
func (h *heard) take(t *testing.T, want ...string) (others []string) {
	t.Helper()
	eventually(t, fmt.Sprintf("hear of %v", want), func() bool {
		h.Lock()
		defer h.Unlock()
		for _, p := range want {
			if !h.paths[p] {
				return false
			}
		}
		return true
	})
	h.Lock()
	defer h.Unlock()
	for _, p := range want {
		delete(h.paths, p)
	}
	for p := range h.paths {
		others = append(others, p)
	}
	h.paths = make(map[string]bool)
	return others
}

func (h *heard) counts() (up, lost int) {
	h.Lock()
	defer h.Unlock()
	return h.up, h.lost
}

// Who watches is told of every change, made here or found at the source, and of the end of what it hears.
func TestInvalidations(t *testing.T) {
	t.Parallel()
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	f, ctx := c.Client(), t.Context()
	for _, name := range []string{"d/a", "d/b", "x/y", "z/z"} {
		write(t, c, name, []byte(name))
	}
	h := watch(t, f)
	eventually(t, "the stream is up", func() bool { up, _ := h.counts(); return up == 1 })

	// What becomes known is news of nothing but of names that may have been asked for in vain.
	stat(t, f, "/d")
	stat(t, f, "/z")
	stat(t, f, "/x/y")
	must(t, f.Mkdir(ctx, "/n/e/w", client.MkdirOptions{Recursive: true}))
	if others := h.take(t, "/d", "/z", "/x", "/x/y", "/n/e/w", "/n/e", "/n", "/"); len(others) > 0 {
		t.Errorf("heard of %v", others)
	}
	wantNames(t, f, "/d", false, "a", "b")
	wantNames(t, f, "/z", false, "z")
	for i, change := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return f.Rename(ctx, "/d/a", "/n/a") }, []string{"/d/a", "/d", "/n/a", "/n"}},
		{func() error { return f.Touch(ctx, "/n/t") }, []string{"/n/t", "/n"}},
		{func() error { return f.Remove(ctx, "/n", client.RemoveOptions{Recursive: true}) }, []string{"/n", "/"}},
		{func() error { return f.Mount(ctx, "/m", t.TempDir(), client.MountOptions{}) }, []string{"/m", "/"}},
		{func() error { return f.Unmount(ctx, "/m") }, []string{"/m", "/"}},
		// What is the same at the source is no news; the removal tells that nothing came before it.
		{func() error {
			wantNames(t, f, "/d", true, "b")
			_, err := f.Stat(ctx, "/d/b", client.StatOptions{Sync: true})
			return errors.Join(err, f.Remove(ctx, "/x/y", client.RemoveOptions{}))
		}, []string{"/x/y", "/x"}},
		{func() error {
			write(t, c, "d/b", []byte("changed"))
			_, err := f.Stat(ctx, "/d/b", client.StatOptions{Sync: true})
			return err
		}, []string{"/d/b", "/d"}},
		{func() error {
			write(t, c, "d/c", []byte("new"))
			wantNames(t, f, "/d", true, "b", "c")
			return nil
		}, []string{"/d"}},
	} {
		must(t, change.do())
		end := fmt.Sprintf("/end%d", i) // what comes after it was not of this change
		must(t, f.Mkdir(ctx, end, client.MkdirOptions{}))
		if others := h.take(t, append(change.want, end, "/")...); len(others) > 0 {
			t.Errorf("besides %v heard of %v", change.want, others)
		}
	}
	_, lost := h.counts()
	if lost != 0 {
		t.Errorf("interrupted %d times", lost)
	}
	// Leadership ends, and the stream with it; the next leader's goes on.
	leader := c.Leader()
	c.SilenceMaster(leader)
	eventually(t, "the end is heard of", func() bool { _, lost := h.counts(); return lost == 1 })
	c.Join(rolestest.MasterName(leader))
	eventually(t, "the stream is up again", func() bool { up, _ := h.counts(); return up == 2 })
	must(t, f.Mkdir(ctx, "/after", client.MkdirOptions{}))
	h.take(t, "/after")
}
