package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	goosefs "goosefs/test/program"
)

// cluster is what `goosefs up` runs in a temporary folder.
type cluster struct {
	t         testing.TB
	home      string // holds all the rest
	dir       string // --dir
	mount     string // --mount
	manifests []string
	up        *process
}

// newCluster writes the seed's manifests. Each old text of the pairs is replaced by the new one, and must be there.
func newCluster(t testing.TB, source string, pairs ...string) *cluster {
	t.Helper()
	program(t)
	needMount(t)
	home := publicDir(t)
	c := &cluster{t: t, home: home, dir: filepath.Join(home, "goosefs"), mount: filepath.Join(home, "mnt")}
	pairs = append([]string{"https://mirrors.tuna.tsinghua.edu.cn/apache/hbase/stable/", source}, pairs...)
	c.write("dataset.yaml", pairs[:2])
	c.write("runtime.yaml", pairs[2:])
	t.Cleanup(c.sweep)
	return c
}

// ownTiers are the pairs that put the tiers below dir.
func ownTiers(dir string) []string { return []string{"/mnt/disk1", filepath.Join(dir, "disk1")} }

// write copies a manifest of the seed.
func (c *cluster) write(name string, pairs []string) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "roles", "up", "seed", name))
	must(c.t, err)
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(string(text), pair[0]) {
			c.t.Fatalf("%s does not hold %q:\n%s", name, pair[0], text)
		}
		text = []byte(strings.ReplaceAll(string(text), pair[0], pair[1]))
	}
	path := filepath.Join(c.home, name)
	must(c.t, os.WriteFile(path, text, 0o644))
	if !slices.Contains(c.manifests, path) {
		c.manifests = append(c.manifests, path)
	}
}

// sweep takes away what is left when the test is over: pods that outlived their `up`, and the mount.
func (c *cluster) sweep() {
	for _, pod := range c.pods() {
		if pid, err := c.findPod(pod); err == nil {
			syscall.Kill(-pid, syscall.SIGKILL)
			if c.up == nil || c.up.ends(0) {
				c.t.Errorf("%s (pid %d) outlived its up", pod, pid)
			}
		}
	}
	for range 8 {
		if mountedAt(c.mount) == "" || unmount(c.mount) != nil {
			break
		}
	}
	if c.t.Failed() {
		c.showLogs()
	}
}

// showLogs shows the end of what every pod logged.
func (c *cluster) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(c.dir, "logs", "*.log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		c.t.Logf("%s\n%s", filepath.Base(path), goosefs.LastLines(string(text), 25))
	}
}

// upCommand is `goosefs up` with the manifests and more arguments.
func (c *cluster) upCommand(args ...string) *exec.Cmd {
	command := []string{"up"}
	for _, m := range c.manifests {
		command = append(command, "-f", m)
	}
	command = append(command, "--dir", c.dir, "--mount", c.mount)
	cmd := exec.Command(program(c.t), append(command, args...)...)
	cmd.Env = environment()
	cmd.Dir = c.home
	return cmd
}

// start runs `goosefs up` until all is shown. It ends with the test.
func (c *cluster) start(args ...string) {
	c.t.Helper()
	c.up = start(c.t, "goosefs up", 60*time.Second, c.upCommand(args...))
	c.up.await("It runs until Ctrl-C", 3*time.Minute)
}

// startCold is start without the demonstration, which would read the dataset.
func (c *cluster) startCold() {
	c.t.Helper()
	c.start("--read", "0")
}

// stop ends `goosefs up` as Ctrl-C does.
func (c *cluster) stop() {
	c.t.Helper()
	c.up.signal(syscall.SIGINT)
	if code := c.up.code(60 * time.Second); code != 0 {
		c.t.Errorf("after Ctrl-C up ends with code %d", code)
	}
}

// try runs a command of a user of the cluster.
func (c *cluster) try(args ...string) result {
	c.t.Helper()
	return c.tryWith(filepath.Join(c.dir, "conf"), args...)
}

// tryWith does so with another configuration.
func (c *cluster) tryWith(conf string, args ...string) result {
	c.t.Helper()
	cmd := exec.Command(program(c.t), args...)
	cmd.Env = environment("GOOSEFS_CONF_DIR=" + conf)
	cmd.Dir = c.home
	return run(c.t, cmd)
}

// goosefs runs a command that must succeed, and returns what it prints.
func (c *cluster) goosefs(args ...string) string {
	c.t.Helper()
	r := c.try(args...)
	if r.code != 0 {
		c.t.Fatalf("goosefs %s: exit code %d after %s\n%s%s", strings.Join(args, " "), r.code, r.took, r.stdout, r.stderr)
	}
	return r.stdout
}

// environment is the test's without what would configure a goosefs, and with more.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOOSEFS_") })
	return append(env, more...)
}

// pods are the names of all pods that were ever started.
func (c *cluster) pods() []string {
	paths, _ := filepath.Glob(filepath.Join(c.dir, "run", "*.pid"))
	var names []string
	for _, p := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".pid"))
	}
	return names
}

// findPod returns the process of a pod, if it lives.
func (c *cluster) findPod(pod string) (int, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "run", pod+".pid"))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, err
	}
	// A pid may be somebody else's by now. A process that ends is gone when the last of its threads is.
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || !slices.Contains(kernelNames(program(c.t)), strings.TrimSpace(string(name))) {
		return 0, fmt.Errorf("pid %d is not %s", pid, pod)
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return 0, err
	}
	for _, path := range threads {
		stat, _ := os.ReadFile(path)
		if _, state, ok := strings.Cut(string(stat), ") "); ok && state[0] != 'Z' && state[0] != 'X' {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("%s (pid %d) has ended", pod, pid)
}

// kernelNames are what the kernel may call a process of that program: exe, if it was run by /proc/self/exe.
func kernelNames(path string) []string {
	name := filepath.Base(path)
	return []string{name[:min(15, len(name))], "exe", "goosefs"}
}

// processes are the pods that live, with their pids.
func (c *cluster) processes() map[string]int {
	all := map[string]int{}
	for _, pod := range c.pods() {
		if pid, err := c.findPod(pod); err == nil {
			all[pod] = pid
		}
	}
	return all
}

// signal sends s to a pod.
func (c *cluster) signal(pod string, s syscall.Signal) {
	c.t.Helper()
	pid, err := c.findPod(pod)
	must(c.t, err)
	must(c.t, syscall.Kill(pid, s))
}

// awaitRestarts waits until the table of pods has the pod running again, after so many restarts.
func (c *cluster) awaitRestarts(pod string, restarts int) {
	c.t.Helper()
	line := regexp.MustCompile(fmt.Sprintf(`(?m)^%s +1/1 +Running +%d +\d+s`, pod, restarts))
	eventually(c.t, 20*time.Second, fmt.Sprintf("%s is back with RESTARTS %d", pod, restarts), func() bool {
		return line.MatchString(c.goosefs("get", "pod", pod, "--dir", c.dir))
	})
}

// masterInfo is what the seed's masters print.
var masterInfo = regexp.MustCompile(`\Acurrent leader master: (hbase-master-\d):26000
All masters: \[hbase-master-0:26000, hbase-master-1:26000, hbase-master-2:26000\]
\z`)

// leader is the pod that masterInfo names, or "".
func (c *cluster) leader() string {
	c.t.Helper()
	return leaderIn(c.try("fs", "masterInfo").stdout)
}

func leaderIn(printed string) string {
	if found := masterInfo.FindStringSubmatch(printed); found != nil {
		return found[1]
	}
	return ""
}

// askedOf is what one master alone, leader or not, prints for masterInfo.
func (c *cluster) askedOf(master string) result {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "conf", "goosefs-site.properties"))
	must(c.t, err)
	addresses := regexp.MustCompile(`(?m)^goosefs\.master\.rpc\.addresses=.*$`)
	if !addresses.Match(text) {
		c.t.Fatalf("no addresses of masters in\n%s", text)
	}
	conf := filepath.Join(c.home, "conf-of-"+master)
	must(c.t, os.MkdirAll(conf, 0o755))
	text = addresses.ReplaceAll(text, []byte("goosefs.master.rpc.addresses="+master+":26000"))
	must(c.t, os.WriteFile(filepath.Join(conf, "goosefs-site.properties"), text, 0o644))
	return c.tryWith(conf, "fs", "masterInfo")
}

// masters are the names of the seed's masters.
func masters() []string { return []string{"hbase-master-0", "hbase-master-1", "hbase-master-2"} }

// path is a path of the dataset in the mount.
func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.mount, "hbase"}, elem...)...)
}

// mountedAt is the type of what is mounted at path, as /proc/mounts has it, or "".
func mountedAt(path string) string {
	text, _ := os.ReadFile("/proc/mounts")
	kind := ""
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == path {
			kind = fields[2]
		}
	}
	return kind
}

// unmount takes a mount away at once, whoever uses it.
func unmount(path string) error {
	if os.Geteuid() == 0 {
		return unix.Unmount(path, unix.MNT_DETACH)
	}
	return exec.Command("fusermount3", "-u", "-z", "--", path).Run()
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
