package up

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goosefs/test/program"
)

// real is the true program, with a cluster of its own.
type real struct {
	t       *testing.T
	program string
	dir     string
}

func newReal(t *testing.T) *real {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds and runs the whole program")
	}
	program.Need(t, mountable())
	r := &real{t: t, program: filepath.Join(t.TempDir(), "goosefs"), dir: t.TempDir()}
	if out, err := exec.Command("go", "build", "-o", r.program, "goosefs").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return r
}

// start runs `goosefs up` until it has said something.
func (r *real) start(until string, args ...string) *process {
	r.t.Helper()
	p := &process{t: r.t, out: &program.Output{}, cmd: exec.Command(r.program, append([]string{"up", "--dir", r.dir}, args...)...)}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.cmd.Wait()
		clearMount(filepath.Join(r.dir, "mnt"))
		if r.t.Failed() {
			r.t.Logf("goosefs up said\n%s", p.out)
		}
	})
	for end := time.Now().Add(90 * time.Second); !strings.Contains(p.out.String(), until); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("up does not say %q", until)
		}
	}
	return p
}

// goosefs runs another command of a user and returns what it prints.
func (r *real) goosefs(args ...string) string {
	r.t.Helper()
	cmd := exec.Command(r.program, args...)
	cmd.Env = append(os.Environ(), "GOOSEFS_CONF_DIR="+filepath.Join(r.dir, "conf"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("goosefs %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sum reads a file as if the kernel had nothing of it.
func (r *real) sum(path string) [sha256.Size]byte {
	r.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		r.t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (r *real) leader() string {
	r.t.Helper()
	m := regexp.MustCompile(`current leader master: (\S+):26000\nAll masters: \[hbase-master-0:26000, hbase-master-1:26000, hbase-master-2:26000\]\n$`)
	found := m.FindStringSubmatch(r.goosefs("fs", "masterInfo"))
	if found == nil {
		return ""
	}
	return found[1]
}

func (r *real) kill(pod string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "run", pod+".pid"))
	if err != nil {
		r.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
}

// TestRealClusterLivesAndDies is what the README shows: start, look, lose the leader, a worker and the mount, stop, start warm.
func TestRealClusterLivesAndDies(t *testing.T) {
	r := newReal(t)
	p := r.start("It runs until Ctrl-C")
	for _, want := range []string{
		"\nhbase-fuse-0     1/1     Running   0 ", "\nhbase   Ready          Ready          Ready ", "\nhbase   64.00MiB ",
		"equal to the source's in both passes",
	} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}

	big := filepath.Join(r.dir, "mnt", "hbase", "hbase-2.6.4-bin.tar.gz")
	want := r.sum(filepath.Join(r.dir, "sample", sampleRoot, "hbase-2.6.4-bin.tar.gz"))
	leader := r.leader()
	if leader == "" {
		t.Fatal("masterInfo names no leader")
	}
	for _, pod := range []string{leader, "hbase-worker-0", "hbase-worker-1", "hbase-worker-2"} {
		r.kill(pod)
		if got := r.sum(big); got != want {
			t.Errorf("wrong bytes after the death of %s", pod)
		}
	}
	r.kill("hbase-fuse-0")
	for _, pod := range []string{leader, "hbase-worker-0", "hbase-worker-2", "hbase-fuse-0"} {
		line := regexp.MustCompile(`(?m)^` + pod + ` +1/1 +Running +1 `)
		eventually(t, pod+" is back with RESTARTS 1", func() bool { return line.MatchString(r.goosefs("get", "pod", pod, "--dir", r.dir)) })
	}
	if got := r.sum(big); got != want {
		t.Error("wrong bytes through the new mount")
	}
	if got := r.leader(); got == "" {
		t.Error("masterInfo names no leader afterwards")
	}

	if out := r.goosefs("down", "--dir", r.dir); !strings.HasSuffix(out, "\nstopped\n") {
		t.Errorf("down: %s", out)
	}
	if kind, err := mountedAt(filepath.Join(r.dir, "mnt")); kind != "" || err != nil {
		t.Errorf("still mounted: %s, %v", kind, err)
	}
	assertNothingLeft(t, r.dir)

	warm := r.start("both passes", "--once")
	if code := warm.wait(); code != 0 {
		t.Errorf("the second up: exit code %d", code)
	}
	for _, want := range []string{"warm start", "mounted already"} {
		if !strings.Contains(warm.out.String(), want) {
			t.Errorf("the second up does not say %q", want)
		}
	}
	if regexp.MustCompile(`first  pass.* from the source`).MatchString(warm.out.String()) {
		t.Error("the second up reads from the source again")
	}
}

// TestRealManifests runs the user's own manifests over a folder, where the mount is asked for elsewhere.
func TestRealManifests(t *testing.T) {
	r := newReal(t)
	source, mount := t.TempDir(), filepath.Join(t.TempDir(), "m n")
	for i := range 20 {
		name := filepath.Join(source, fmt.Sprintf("dir %d", i%3), fmt.Sprintf("file-%d ü", i))
		if err := writeFile(name, []byte(strings.Repeat(name, 1000*i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	manifests := filepath.Join(t.TempDir(), "cluster.yaml")
	text := "apiVersion: data.fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: own}\nspec:\n  mounts: [{mountPoint: \"file://" + source + "\", name: own, path: /deep/own}]\n---\n" +
		"apiVersion: data.fluid.io/v1alpha1\nkind: GooseFSRuntime\nmetadata: {name: own}\nspec:\n  replicas: 1\n  tieredstore:\n    levels: [{mediumtype: SSD, path: " + t.TempDir() + ", quota: 64M}]\n"
	if err := os.WriteFile(manifests, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := r.start("checksums", "-f", manifests, "--mount", mount, "--once")
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"own-fuse-0     1/1 ", "sha256 of 20 files, equal to the source's in both passes", "/deep/own -> file://" + source + ": mounted\n"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if kind, err := mountedAt(mount); kind != "" || err != nil {
		t.Errorf("still mounted: %s, %v", kind, err)
	}
}
