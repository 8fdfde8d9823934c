package master_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/master"
	"goosefs/roles/rolestest"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/ufs/ufstest"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// lone is one master without workers, whose under file systems are in memory: mem://root is mounted at /.
type lone struct {
	*client.FS
	*master.Master
	t    *testing.T
	conn *grpc.ClientConn
	rpc  pb.FileSystemMasterClientServiceClient

	mu struct {
		sync.Mutex
		sources map[string]ufs.UFS // by URI
	}
}

// alone starts a master. edit may change its options; sources are there besides mem://root.
func alone(t *testing.T, edit func(*master.Options), sources map[string]ufs.UFS) *lone {
	t.Helper()
	l := &lone{t: t}
	l.mu.sources = map[string]ufs.UFS{"mem://root": mem.New()}
	for uri, u := range sources {
		l.mu.sources[uri] = u
	}
	net := wire.NewMemory()
	o := master.Options{
		Name: "m", Masters: []master.Member{{Address: "m:9200", Journal: "m:9202"}},
		JournalDir: filepath.Join(t.TempDir(), "journal"), MetaDir: filepath.Join(t.TempDir(), "meta"),
		RootUFS: "mem://root", SyncInterval: -1, Network: net.Host("m"), OpenUFS: l.open,
		Election: 100 * time.Millisecond, Heartbeat: 10 * time.Millisecond,
	}
	if edit != nil {
		edit(&o)
	}
	var err error
	if l.Master, err = master.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Master.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if l.FS, err = client.New(client.Config{Masters: []string{"m:9200"}, Network: net.Host("c"), RetryFor: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if l.conn, err = wire.Dial(net.Host("c"), "m:9200"); err != nil {
		t.Fatal(err)
	}
	l.rpc = pb.NewFileSystemMasterClientServiceClient(l.conn)
	t.Cleanup(func() { l.FS.Close(); l.conn.Close() })
	if o.RootUFS == "mem://root" {
		stat(t, l.FS, "/") // it leads
	}
	return l
}

// Close is the test's to call.
func (l *lone) Close() {}

func (l *lone) open(uri string, _ map[string]string) (ufs.UFS, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u := l.mu.sources[uri]; u != nil {
		return u, "mem", nil
	}
	return nil, "", &fs.PathError{Op: "open", Path: uri, Err: syscall.ENOENT}
}

// put makes a file in a source, and the folders above it.
func put(t *testing.T, u ufs.UFS, name, data string) {
	t.Helper()
	if dir := ufs.Parent(name); dir != "" {
		mkdirs(t, u, dir)
	}
	w, err := u.Create(t.Context(), name, 0o644)
	if err == nil {
		_, err = w.Write([]byte(data))
	}
	if err == nil {
		_, err = w.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mkdirs(t *testing.T, u ufs.UFS, dir string) {
	t.Helper()
	if dir := ufs.Parent(dir); dir != "" {
		mkdirs(t, u, dir)
	}
	if err := u.Mkdir(t.Context(), dir, 0o755); err != nil && !errors.Is(err, syscall.EEXIST) {
		t.Fatal(err)
	}
}

// has says whether a source has name.
func has(t *testing.T, u ufs.UFS, name string) bool {
	t.Helper()
	_, err := u.Stat(t.Context(), name)
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		t.Fatal(err)
	}
	return err == nil
}

// must fails the test when err is one.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want fails the test unless err has the errno and says text.
func want(t *testing.T, err error, errno syscall.Errno, text string) {
	t.Helper()
	var got syscall.Errno
	if !errors.As(err, &got) || got != errno || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v (%v), want %v with %q", err, got, errno, text)
	}
}

// stat gives what is known of a path, which must be there.
func stat(t *testing.T, f *client.FS, p string) client.Info {
	t.Helper()
	info, err := f.Stat(t.Context(), p, client.StatOptions{})
	must(t, err)
	return info
}

// names lists a directory.
func names(t *testing.T, f *client.FS, p string, sync bool) (names []string) {
	t.Helper()
	for info, err := range f.List(t.Context(), p, client.StatOptions{Sync: sync}) {
		must(t, err)
		names = append(names, info.Name)
	}
	return names
}

func wantNames(t *testing.T, f *client.FS, p string, sync bool, want ...string) {
	t.Helper()
	if got := names(t, f, p, sync); !slices.Equal(got, want) {
		t.Errorf("%s has %v, want %v", p, got, want)
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(rolestest.Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// gate holds back answers of a source: once it is armed, the answer to a call of op about name is known but kept until
// it opens.
type gate struct {
	ufs.UFS
	op, name string
	armed    atomic.Bool
	reached  chan bool // a call is held
	open     chan bool // closed: calls pass
}

func newGate(u ufs.UFS, op, name string) *gate {
	return &gate{UFS: u, op: op, name: name, reached: make(chan bool, 100), open: make(chan bool)}
}

func (g *gate) hold(op, name string) {
	if op == g.op && name == g.name && g.armed.Load() {
		g.reached <- true
		<-g.open
	}
}

func (g *gate) Stat(ctx context.Context, name string) (ufs.Info, error) {
	info, err := g.UFS.Stat(ctx, name)
	g.hold("stat", name)
	return info, err
}

func (g *gate) Remove(ctx context.Context, name string) error {
	err := g.UFS.Remove(ctx, name)
	g.hold("remove", name)
	return err
}

func (g *gate) Mkdir(ctx context.Context, name string, mode fs.FileMode) error {
	err := g.UFS.Mkdir(ctx, name, mode)
	g.hold("mkdir", name)
	return err
}

func (g *gate) Rename(ctx context.Context, from, to string) error {
	err := g.UFS.Rename(ctx, from, to)
	g.hold("rename", from)
	return err
}

// outage is an error of a source that is out of reach.
func outage(uri string) error {
	return &fs.PathError{Op: "stat", Path: uri, Err: &ufs.Reason{Errno: syscall.EAGAIN, Text: "503 Service Unavailable", Temporary: true}}
}

// faulty is a source in memory that fails as planned, and counts its calls.
func faulty(plan ...ufstest.Fault) *ufstest.FaultyUFS { return ufstest.Faulty(mem.New(), plan...) }
