package shell

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"goosefs/client"
)

// fakeCluster is a cluster in memory: a tree of names with what is in the files, mounts, and workers that hold blocks.
// Its errors have the words and errnos of the real one.
type fakeCluster struct {
	mu struct {
		sync.Mutex
		nodes  map[string]*client.Info
		data   map[string][]byte
		mounts []client.MountPoint

		namespaces []client.Namespace // their Dir is among the nodes

		workers []client.Worker
		state   client.Cluster
		fails   map[string]error // by operation and path: "load /a"
		calls   []string         // what was asked with more than a path
		clock   time.Time
		nextID  int64

		persistTries int64
	}
}

const fakeBlock = 64

func newFakeCluster() *fakeCluster {
	f := &fakeCluster{}
	start := time.Date(2026, 3, 11, 3, 46, 15, 7e6, time.UTC)
	f.mu.nodes, f.mu.data, f.mu.fails = map[string]*client.Info{}, map[string][]byte{}, map[string]error{}
	f.mu.clock, f.mu.nextID = start, 1
	f.add("/", true)
	f.mu.mounts = []client.MountPoint{{Path: "/", UFS: "/underFSStorage", Type: "local"}}
	f.mu.nodes["/"].MountPoint = true
	f.mu.state = client.Cluster{
		Leader: "hbase-master-0:26000", AnsweredBy: "hbase-master-1:26000", Version: "1.2.3", WebPort: 26001,
		Started: start, Now: start.Add(26*time.Hour + 3*time.Minute + 4*time.Second), Files: 6367897, Dirs: 12,
		Masters: []client.Master{
			{Address: "hbase-master-0:26000", JournalAddress: "hbase-master-0:26002", Available: true, Leader: true},
			{Address: "hbase-master-1:26000", JournalAddress: "hbase-master-1:26002", Available: true},
			{Address: "hbase-master-2:26000", JournalAddress: "hbase-master-2:26002"},
		},
	}
	return f
}

// add makes a node and the directories above it. The lock is not needed: it is for setting up.
func (f *fakeCluster) add(p string, dir bool) *client.Info {
	if above := path.Dir(p); p != "/" && f.mu.nodes[above] == nil {
		f.add(above, true)
	}
	f.mu.clock = f.mu.clock.Add(time.Second)
	i := &client.Info{
		Path: p, Name: path.Base(p), ID: f.mu.nextID<<24 | 0xFFFFFF, Dir: dir, Mode: 0o644, Owner: "hadoop", Group: "supergroup",
		Created: f.mu.clock, Modified: f.mu.clock, Accessed: f.mu.clock, Completed: true, Cacheable: true,
		Persistence: "PERSISTED", MountID: 1, UFSPath: "/underFSStorage" + p, BlockSize: fakeBlock,
	}
	if dir {
		i.Mode, i.BlockSize = 0o755, 0
	}
	if p == "/" {
		i.Name = ""
	}
	f.mu.nextID++
	f.mu.nodes[p] = i
	return i
}

// write gives a file bytes, of which the first cached blocks are on the workers in turn.
func (f *fakeCluster) write(p, text string, cached int) *client.Info {
	i := f.add(p, false)
	f.mu.data[p] = []byte(text)
	i.Length = int64(len(text))
	for off := int64(0); off < i.Length; off += fakeBlock {
		n := int64(len(i.Blocks))
		i.Blocks = append(i.Blocks, client.Block{ID: i.ID&^0xFFFFFF | n, Offset: off, Length: min(fakeBlock, i.Length-off)})
	}
	f.cache(i, cached)
	return i
}

func (f *fakeCluster) cache(i *client.Info, blocks int) {
	var bytes int64
	for n := range i.Blocks {
		i.Blocks[n].Locations = nil
		if len(f.mu.workers) == 0 {
			continue
		}
		w := f.mu.workers[n%len(f.mu.workers)]
		at := client.Location{WorkerID: w.ID, Host: w.Host, Port: w.Port}
		if n < blocks {
			at.Tier = w.Tiers[0].Alias
			bytes += i.Blocks[n].Length
		}
		i.Blocks[n].Locations = []client.Location{at}
	}
	i.Percent = 100
	if i.Length > 0 {
		i.Percent = int(100 * bytes / i.Length)
	}
}

// lookup fails as asked to, and where there is nothing.
func (f *fakeCluster) lookupLocked(op, p string) (*client.Info, error) {
	if err := f.mu.fails[op+" "+p]; err != nil {
		return nil, err
	}
	i := f.mu.nodes[p]
	if i == nil {
		return nil, notExist(op, p)
	}
	return i, nil
}

func (f *fakeCluster) shownLocked(i *client.Info) client.Info {
	copied := *i
	if i.Dir {
		copied.Length = int64(len(f.childrenLocked(i.Path)))
	}
	return copied
}

func (f *fakeCluster) childrenLocked(dir string) []string {
	var list []string
	for p := range f.mu.nodes {
		if p != "/" && path.Dir(p) == dir {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

func (f *fakeCluster) belowLocked(p string) []string {
	var list []string
	for _, q := range slices.Sorted(maps.Keys(f.mu.nodes)) {
		if q == p || strings.HasPrefix(q, strings.TrimSuffix(p, "/")+"/") {
			list = append(list, q)
		}
	}
	return list
}

func (f *fakeCluster) Close() error { return nil }

func (f *fakeCluster) Stat(_ context.Context, p string, o client.StatOptions) (client.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.Sync {
		f.mu.calls = append(f.mu.calls, "sync "+p)
	}
	i, err := f.lookupLocked("stat", p)
	if err != nil {
		return client.Info{}, err
	}
	return f.shownLocked(i), nil
}

func (f *fakeCluster) List(ctx context.Context, p string, o client.StatOptions) iter.Seq2[client.Info, error] {
	return func(yield func(client.Info, error) bool) {
		f.mu.Lock()
		if o.Sync {
			f.mu.calls = append(f.mu.calls, "sync "+p)
		}
		i, err := f.lookupLocked("list", p)
		var infos []client.Info
		switch {
		case err == nil && !i.Dir:
			infos = append(infos, f.shownLocked(i))
		case err == nil:
			for _, c := range f.childrenLocked(p) {
				infos = append(infos, f.shownLocked(f.mu.nodes[c]))
			}
		}
		f.mu.Unlock()
		for _, i := range infos {
			if ctx.Err() != nil {
				yield(client.Info{}, ctx.Err())
				return
			}
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(client.Info{}, err)
		}
	}
}

func (f *fakeCluster) Open(_ context.Context, p string) (file, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.lookupLocked("open", p)
	if err != nil {
		return nil, err
	}
	return &fakeFile{*i, bytes.NewReader(f.mu.data[p]), f.mu.fails["read "+p]}, nil
}

func (f *fakeCluster) Directly(_ context.Context, i client.Info) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.fails["directly "+i.Path]
}

type fakeFile struct {
	info client.Info
	data *bytes.Reader
	fail error
}

func (f *fakeFile) Info() client.Info { return f.info }
func (f *fakeFile) Close() error      { return nil }

func (f *fakeFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if f.fail != nil {
		return 0, f.fail
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return f.data.ReadAt(p, off)
}

func (f *fakeCluster) Create(_ context.Context, p string, o client.CreateOptions) (newFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.calls = append(f.mu.calls, "create "+p+" "+typeText(o))
	if err := f.mu.fails["create "+p]; err != nil {
		return nil, err
	}
	if f.mu.nodes[p] != nil {
		return nil, faultf("create", p, syscall.EEXIST, "%s already exists", p)
	}
	return &fakeNewFile{f: f, path: p}, nil
}

// fakeNewFile is there when it is closed.
type fakeNewFile struct {
	f    *fakeCluster
	path string
	data bytes.Buffer
}

func (n *fakeNewFile) Write(p []byte) (int, error) {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if err := n.f.mu.fails["write "+n.path]; err != nil {
		return 0, err
	}
	return n.data.Write(p)
}

func (n *fakeNewFile) Close() error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.f.write(n.path, n.data.String(), 0)
	return nil
}

func (n *fakeNewFile) Cancel() error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.f.mu.calls = append(n.f.mu.calls, "cancel "+n.path)
	return nil
}

func (f *fakeCluster) PersistAfter(_ context.Context, p string, wait time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.lookupLocked("persist", p)
	if err != nil {
		return err
	}
	if wait > 0 {
		f.mu.calls = append(f.mu.calls, "persist "+p+" after "+wait.String())
	}
	if i.Persistence == "LOST" {
		return nil
	}
	i.Persistence = "TO_BE_PERSISTED"
	if f.mu.fails["stuck "+p] == nil {
		i.Persistence = "PERSISTED"
	}
	return nil
}

// PersistTries is of a file that the fake cannot persist: each try failed, and there is one at each question.
func (f *fakeCluster) PersistTries(_ context.Context, p string) (client.PersistTries, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	why := f.mu.fails["stuck "+p]
	if why == nil {
		return client.PersistTries{}, nil
	}
	f.mu.persistTries++
	return client.PersistTries{Failed: f.mu.persistTries, Reason: why.Error(), Errno: errnoOf(why), Stuck: errnoOf(why) == syscall.EEXIST}, nil
}

func (f *fakeCluster) Mkdir(_ context.Context, p string, o client.MkdirOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.mu.nodes[p]; i != nil && i.Dir && o.AllowExists {
		return nil
	}
	if f.mu.nodes[p] != nil {
		return faultf("mkdir", p, syscall.EEXIST, "%s already exists", p)
	}
	f.add(p, true)
	return nil
}

func (f *fakeCluster) Touch(_ context.Context, p string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.nodes[p] != nil {
		return faultf("touch", p, syscall.EEXIST, "%s already exists", p)
	}
	f.write(p, "", 0)
	return nil
}

func (f *fakeCluster) Remove(_ context.Context, p string, o client.RemoveOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.lookupLocked("remove", p)
	if err != nil {
		return err
	}
	if i.Dir && !o.Recursive {
		return faultf("remove", p, syscall.ENOTEMPTY, "Directory %s is not empty", p)
	}
	if o.CacheOnly {
		f.mu.calls = append(f.mu.calls, "cache only "+p)
	}
	if o.Unchecked {
		f.mu.calls = append(f.mu.calls, "unchecked "+p)
	}
	for _, q := range f.belowLocked(p) {
		delete(f.mu.nodes, q)
	}
	return nil
}

func (f *fakeCluster) Rename(_ context.Context, src, dst string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.lookupLocked("rename", src)
	if err != nil {
		return err
	}
	if f.mu.nodes[dst] != nil {
		return faultf("rename", dst, syscall.EEXIST, "%s already exists", dst)
	}
	delete(f.mu.nodes, src)
	i.Path, i.Name = dst, path.Base(dst)
	f.mu.nodes[dst], f.mu.data[dst] = i, f.mu.data[src]
	return nil
}

func (f *fakeCluster) Free(_ context.Context, p string, recursive bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.lookupLocked("free", p); err != nil {
		return err
	}
	for _, q := range f.belowLocked(p) {
		f.cache(f.mu.nodes[q], 0)
	}
	return nil
}

func (f *fakeCluster) Load(ctx context.Context, info client.Info, progress func(int64)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	i, err := f.lookupLocked("load", info.Path)
	if err != nil {
		return err
	}
	f.cache(i, len(i.Blocks))
	progress(i.Length)
	return nil
}

func (f *fakeCluster) Leader(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mu.fails["leader /"]; err != nil {
		return "", err
	}
	return f.mu.state.Masters[0].Address, nil
}

func (f *fakeCluster) Cluster(context.Context) (client.Cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.state, f.mu.fails["cluster /"]
}

func (f *fakeCluster) ClusterOf(_ context.Context, master string) (client.Cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.state, f.mu.fails["clusterOf "+master]
}

func (f *fakeCluster) Workers(context.Context) ([]client.Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mu.fails["workers /"]; err != nil {
		return nil, err
	}
	return slices.Clone(f.mu.workers), nil
}

// member finds a master by its journal address.
func (f *fakeCluster) memberLocked(op, addr string) (int, error) {
	if err := f.mu.fails[op+" "+addr]; err != nil {
		return 0, err
	}
	n := slices.IndexFunc(f.mu.state.Masters, func(m client.Master) bool { return m.JournalAddress == addr })
	if n < 0 {
		return 0, faultf(op, addr, syscall.ENOENT, "%s is not among the masters", addr)
	}
	return n, nil
}

func (f *fakeCluster) AddMaster(_ context.Context, addr string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.mu.fails["quorum "+addr]; err != nil {
		return err
	}
	f.mu.state.Masters = append(f.mu.state.Masters, client.Master{Address: strings.Replace(addr, ":26002", ":26000", 1), JournalAddress: addr, Available: true, Learner: true})
	return nil
}

func (f *fakeCluster) RemoveMaster(_ context.Context, addr string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.memberLocked("quorum", addr)
	if err == nil && f.mu.state.Masters[n].Leader {
		err = faultf("quorum", addr, syscall.EBUSY, "%s leads; let another one lead first", addr)
	}
	if err == nil {
		f.mu.state.Masters = slices.Delete(f.mu.state.Masters, n, n+1)
	}
	return err
}

func (f *fakeCluster) Elect(_ context.Context, addr string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if addr == "" {
		addr = f.mu.state.Masters[1].JournalAddress
	}
	n, err := f.memberLocked("quorum", addr)
	if err != nil {
		return "", err
	}
	for i := range f.mu.state.Masters {
		f.mu.state.Masters[i].Leader = i == n
	}
	return addr, nil
}

func (f *fakeCluster) Checkpoint(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return "hbase-master-0", f.mu.fails["checkpoint /"]
}

func (f *fakeCluster) Backup(_ context.Context, dir string) (client.Backup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if dir == "" {
		dir = "/goosefs_backups"
	}
	return client.Backup{Host: "hbase-master-0", Path: dir + "/goosefs-backup-2026-03-11-1773200000000.gz", Entries: 4}, f.mu.fails["backup "+dir]
}
