package up

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/test/program"
)

// The test binary is also the program that pods run, and the `up` that others stop or kill: real processes, real
// signals, no cluster.
const (
	envPod = "UP_TEST_POD" // be a pod
	envUp  = "UP_TEST_UP"  // be `goosefs up`, with the rest of the command line as --dir and --once

	envSource = "UP_TEST_SOURCE" // what the pod of the mount shows as hbase
	envSample = "UP_TEST_SAMPLE" // a sample that is made already
	envDeaf   = "UP_TEST_DEAF"   // every pod ignores SIGTERM
	envStops  = "UP_TEST_STOPS"  // file to which a pod that ends in order appends its role
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(envUp) != "":
		os.Exit(fakeUp())
	case os.Getenv(envPod) != "":
		os.Exit(fakePod())
	}
	os.Setenv(envPod, "1")                                        // for the pods that tests start
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // they need not linger
	os.Exit(withSample(m))
}

// withSample runs the tests with one sample for all of them.
func withSample(m *testing.M) int {
	dir, err := os.MkdirTemp("", "goosefs-up-*")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	if _, err := makeSample(filepath.Join(dir, "sample")); err != nil {
		fmt.Println(err)
		return 1
	}
	os.Setenv(envSample, filepath.Join(dir, "sample"))
	return m.Run()
}

// fakePod listens where a pod of its role would, until SIGTERM. Properties named test.* make it misbehave.
func fakePod() int {
	data, err := os.ReadFile(filepath.Join(os.Getenv("GOOSEFS_CONF_DIR"), "goosefs-site.properties"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	pairs, err := conf.ParseProperties("site", data)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	p := map[string]string{}
	for _, pair := range pairs {
		p[pair.Key] = pair.Value
	}
	role := os.Args[1]
	fmt.Printf("%s starts\n", role)
	if p["test.crash"] != "" {
		fmt.Println("cannot find the journal\nI give up")
		return 3
	}
	terminated := make(chan os.Signal, 1)
	if p["test.deaf"] != "" || os.Getenv(envDeaf) != "" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(terminated, syscall.SIGTERM)
	}
	if role == "fuse" {
		err = linkTree(os.Getenv(envSource), filepath.Join(os.Args[2], "hbase"))
		if err == nil {
			err = os.WriteFile(mountedMark(os.Args[2], os.Getppid()), nil, 0o644)
		}
	} else {
		_, err = net.Listen("tcp", net.JoinHostPort(p["goosefs."+role+".bind.host"], p["goosefs."+role+".rpc.port"]))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	<-terminated
	if f, err := os.OpenFile(os.Getenv(envStops), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err == nil {
		fmt.Fprintln(f, role)
		f.Close()
	}
	return 0
}

// mountedMark is the file by which a fake mount tells its supervisor that it is there.
func mountedMark(mount string, supervisor int) string {
	return filepath.Join(mount, fmt.Sprintf("mounted-for-%d", supervisor))
}

// linkTree shows the files of one folder in another, as a mount would.
func linkTree(from, to string) error {
	os.RemoveAll(to)
	if from == "" {
		return os.MkdirAll(to, 0o755)
	}
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, name)
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Link(name, filepath.Join(to, rel))
	})
}

// fakeUp is `goosefs up` over fake pods and a fake cluster.
func fakeUp() int {
	os.Unsetenv(envUp)
	os.Setenv(envPod, "1")
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	o := fakeOptions(os.Args[1], os.Stdout)
	o.Read = 1 << 20
	o.Signals = signals
	o.Once = slices.Contains(os.Args, "--once")
	for i, arg := range os.Args {
		if arg == "-f" {
			o.Files = append(o.Files, os.Args[i+1])
		}
	}
	if err := run(context.Background(), o); err != nil {
		fmt.Println("error:", err)
		return exitCode(err)
	}
	return 0
}

// fakeOptions run a cluster of fake pods below dir, which gets its sample for nothing.
func fakeOptions(dir string, out io.Writer) options {
	l, _ := newLayout(dir, "")
	if _, err := os.Stat(l.sample()); err != nil {
		linkTree(os.Getenv(envSample), l.sample())
	}
	return options{
		Dir: dir, Read: readDefault, Stdin: strings.NewReader(""), Stdout: out, Stderr: out,
		seams: seams{
			binary: self(),
			dial: func(masters []string, hosts map[string]string) (cluster, error) {
				return &fakeCluster{masters: masters, source: filepath.Join(l.sample(), sampleRoot)}, nil
			},
			probe: fakeProbe,
			tune: func(o *supervisorOptions) {
				*o = quick(*o)
				o.env = append(o.env, envPod+"=1", envSource+"="+filepath.Join(l.sample(), sampleRoot), envStops+"="+filepath.Join(l.Dir, "stops"))
			},
		},
	}
}

// fakeProbe asks a fake pod.
func fakeProbe(ctx context.Context, p Pod) error {
	if p.Role == RoleFuse {
		_, err := os.Stat(mountedMark(p.Args[1], os.Getpid()))
		return err
	}
	return reachable(ctx, p.Address, p.Port)
}

// quick makes everything faster that is slow on purpose.
func quick(o supervisorOptions) supervisorOptions {
	o.backoff = backoff{first: 10 * time.Millisecond, max: 40 * time.Millisecond, healthy: time.Minute}
	o.grace = 10 * time.Second
	o.poll = 5 * time.Millisecond
	return o
}

// fakeCluster are masters in memory, whose one source is a folder.
type fakeCluster struct {
	masters []string
	source  string
	broken  error // of the source

	mu struct {
		sync.Mutex
		mounts []client.MountPoint
		calls  []string
	}
}

func (f *fakeCluster) Close() error { return nil }

func (f *fakeCluster) Cluster(context.Context) (client.Cluster, error) {
	c := client.Cluster{Leader: f.masters[0]}
	for _, m := range f.masters {
		c.Masters = append(c.Masters, client.Master{Address: m, Available: true})
	}
	return c, nil
}

func (f *fakeCluster) ClusterOf(ctx context.Context, master string) (client.Cluster, error) {
	return f.Cluster(ctx)
}

func (f *fakeCluster) Workers(context.Context) ([]client.Worker, error) {
	var workers []client.Worker
	for i := range 3 {
		workers = append(workers, client.Worker{
			ID: int64(i), Host: fmt.Sprintf("hbase-worker-%d", i), Live: true, Tiers: []client.Tier{{Alias: "HDD", Quota: 2 << 30}},
		})
	}
	return workers, nil
}

func (f *fakeCluster) Mounts(context.Context) ([]client.MountPoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.mu.mounts), nil
}

func (f *fakeCluster) Mkdir(_ context.Context, path string, o client.MkdirOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !o.Recursive || !o.AllowExists {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.EEXIST}
	}
	f.mu.calls = append(f.mu.calls, "mkdir "+path)
	return nil
}

func (f *fakeCluster) Mount(_ context.Context, path, ufs string, o client.MountOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.calls = append(f.mu.calls, fmt.Sprintf("mount %s %s", path, ufs))
	for _, m := range f.mu.mounts {
		if m.Path == path {
			return &fs.PathError{Op: "mount", Path: path, Err: syscall.EEXIST}
		}
	}
	f.mu.mounts = append(f.mu.mounts, client.MountPoint{Path: path, UFS: ufs, ReadOnly: o.ReadOnly, Shared: o.Shared, Options: o.Options})
	return nil
}

func (f *fakeCluster) Unmount(_ context.Context, path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.calls = append(f.mu.calls, "unmount "+path)
	n := len(f.mu.mounts)
	f.mu.mounts = slices.DeleteFunc(f.mu.mounts, func(m client.MountPoint) bool { return m.Path == path })
	if len(f.mu.mounts) == n {
		return &fs.PathError{Op: "unmount", Path: path, Err: syscall.ENOENT}
	}
	return nil
}

// List shows the source at /hbase.
func (f *fakeCluster) List(_ context.Context, at string, o client.StatOptions) iter.Seq2[client.Info, error] {
	return func(yield func(client.Info, error) bool) {
		if o.Sync && f.broken != nil {
			yield(client.Info{}, f.broken)
			return
		}
		entries, err := os.ReadDir(filepath.Join(f.source, strings.TrimPrefix(at, "/hbase")))
		if err != nil {
			yield(client.Info{}, err)
			return
		}
		for _, e := range entries {
			info, err := e.Info()
			if !yield(client.Info{Path: path.Join(at, e.Name()), Name: e.Name(), Dir: e.IsDir(), Length: info.Size()}, err) {
				return
			}
		}
	}
}

// process is an `up` in a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out *program.Output
}

// startUp starts it and waits until it has said what the tests wait for.
func startUp(t *testing.T, dir, until string, args ...string) *process {
	t.Helper()
	p := &process{t: t, out: &program.Output{}}
	p.cmd = exec.Command(self(), append([]string{dir}, args...)...)
	p.cmd.Env = append(os.Environ(), envUp+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	p.await(until)
	return p
}

func (p *process) await(text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("up says %q", text), func() bool { return strings.Contains(p.out.String(), text) })
}

// wait returns its exit code.
func (p *process) wait() int {
	p.t.Helper()
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return 0
}

// eventually waits for something that other processes do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// rewriting says if golden files are to be written: datadriven's -rewrite.
func rewriting() bool {
	f := flag.Lookup("rewrite")
	return f != nil && f.Value.String() == "true"
}
