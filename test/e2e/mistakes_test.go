package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mistake is something a new user does, and what must come of it: an exit code, and one line that says what to do.
type mistake struct {
	name  string
	args  []string
	code  int
	says  string // regular expression for the line
	limit time.Duration
}

// try runs a command that must fail as told.
func (m mistake) try(t *testing.T, c *cluster) {
	t.Helper()
	r := c.try(m.args...)
	if r.code != m.code {
		t.Errorf("%s: exit code %d, want %d\n%s%s", m.name, r.code, m.code, r.stdout, r.stderr)
	}
	if !regexp.MustCompile(`\A` + m.says + `\n\z`).MatchString(r.stderr) {
		t.Errorf("%s: want one line like\n%s\ngot\n%s", m.name, m.says, r.stderr)
	}
	if m.limit > 0 && r.took > m.limit {
		t.Errorf("%s: took %s", m.name, r.took)
	}
}

// TestManifestMistakes writes mistakes into the seed's manifests. Each is refused before anything starts, with its place.
func TestManifestMistakes(t *testing.T) {
	program(t)
	root := publicDir(t)
	for _, m := range []struct {
		name, file, old, new string
		says                 string
	}{
		{"unit of a quota", "runtime.yaml", "quota: 2G", "quota: 2X", `runtime\.yaml:11:16: spec\.tieredstore\.levels\[0\]\.quota: .*"2X".*64MB.*`},
		{"even number of masters", "runtime.yaml", "master:\n    replicas: 3", "master:\n    replicas: 2", `runtime\.yaml:15:15: spec\.master\.replicas: .*2.* odd .*`},
		{"watermarks", "runtime.yaml", `high: "0.8"`, `high: "0.6"`, `runtime\.yaml:1[23]:\d+: spec\.tieredstore\.levels\[0\]\.(high|low): .*0\.6.*0\.7.*|runtime\.yaml:1[23]:\d+: spec\.tieredstore\.levels\[0\]\.(high|low): .*0\.7.*0\.6.*`},
		{"name of a field", "runtime.yaml", "replicas: 3\n  tiered", "replica: 3\n  tiered", `runtime\.yaml:6:3: .*replica.*replicas.*`},
		{"type of a value", "runtime.yaml", "replicas: 3\n  tiered", "replicas: many\n  tiered", `runtime\.yaml:6:13: spec\.replicas: .*many.*`},
		{"a tab", "dataset.yaml", "  name: hbase\nspec", "\tname: hbase\nspec", `dataset\.yaml:4.*tab.*`},
		{"kind", "dataset.yaml", "kind: Dataset", "kind: Datasett", `dataset\.yaml:2:7: .*Datasett.*Dataset.*`},
		{"no URI", "dataset.yaml", "file://" + root, "hbase", `dataset\.yaml:7:19: spec\.mounts\[0\]\.mountPoint: .*"hbase".*URI.*`},
		{"names that differ", "dataset.yaml", "  name: hbase\nspec", "  name: hbas\nspec", `.*hbas.*hbase.*|.*hbase.*hbas.*`},
	} {
		t.Run(m.name, func(t *testing.T) {
			pairs := ownTiers(root)
			c := newCluster(t, "file://"+root, pairs...)
			if m.file == "dataset.yaml" {
				c.write(m.file, []string{"https://mirrors.tuna.tsinghua.edu.cn/apache/hbase/stable/", "file://" + root, m.old, m.new})
			} else {
				c.write(m.file, append(pairs, m.old, m.new))
			}
			mistake{m.name, c.upCommand().Args[1:], 2, `error: \S*` + m.says, 5 * time.Second}.try(t, c)
			if len(c.pods()) > 0 {
				t.Errorf("pods were started: %v", c.pods())
			}
		})
	}
}

// TestMistakesAtStart are those that `up` can only find when it does what it was told. It ends, and nothing is left.
func TestMistakesAtStart(t *testing.T) {
	program(t)
	root := publicDir(t)
	file := filepath.Join(root, "file")
	must(t, os.WriteFile(file, []byte("x"), 0o644))
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	deadURL := "http://" + dead.Addr().String() + "/hbase/"
	must(t, dead.Close())

	for _, m := range []struct {
		name, source, mount string
		code                int
		says                string
	}{
		{"unknown scheme", "ftp://host/hbase/", "", 1, `error: .*ftp://host/hbase/.*ftp.*supported.*http.*`},
		{"server down", deadURL, "", 1, `error: .*` + regexp.QuoteMeta(deadURL) + `.*connection refused.*`},
		{"folder that is not there", "file://" + root + "/none", "", 1, `error: .*` + regexp.QuoteMeta(root+"/none") + `.*no such file or directory.*`},
		{"mount point not empty", "file://" + root, root, 2, `error: --mount: ` + regexp.QuoteMeta(root) + ` is not empty .*`},
		{"mount point is a file", "file://" + root, file, 2, `error: --mount: ` + regexp.QuoteMeta(file) + ` is not a directory.*`},
	} {
		t.Run(m.name, func(t *testing.T) {
			c := newCluster(t, m.source, ownTiers(publicDir(t))...)
			if m.mount != "" {
				c.mount = m.mount
			}
			r := run(t, c.upCommand("--once"))
			if r.code != m.code || !regexp.MustCompile(`\A`+m.says+`\n\z`).MatchString(r.stderr) {
				t.Errorf("exit code %d after %s, want %d and a line like %s\n%s%s", r.code, r.took, m.code, m.says, r.stdout, r.stderr)
			}
			t.Logf("after %.1fs: %s", r.took.Seconds(), strings.TrimSpace(r.stderr))
			if left := c.processes(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if kind := mountedAt(c.mount); kind != "" {
				t.Errorf("still mounted: %s", kind)
			}
		})
	}
}

// TestMistakesWithCluster are those of a user of a cluster: while it runs, and when it has stopped.
func TestMistakesWithCluster(t *testing.T) {
	program(t)
	root := publicDir(t)
	tr := newTree(t, root, 1<<20, "file", "folder/other")
	nobody := strconv.Itoa(freePort(t)) // others may run a cluster at the port that is the default
	c := newCluster(t, "file://"+root, append(ownTiers(publicDir(t)), "replicas: 3", "replicas: 1")...)
	for _, m := range []mistake{
		{"get without a cluster", []string{"get", "pod", "--dir", c.dir}, 1, `error: .*` + regexp.QuoteMeta(filepath.Base(c.dir)) + `.*goosefs up.*`, 5 * time.Second},
		{"down without a cluster", []string{"down", "--dir", c.dir}, 1, `error: .*` + regexp.QuoteMeta(filepath.Base(c.dir)) + `.*`, 5 * time.Second},
		{"fs without a cluster", []string{"fs", "ls", "/", "-Dgoosefs.master.rpc.port=" + nobody}, 255, `.*localhost:` + nobody + `.*connection refused.*`, 15 * time.Second},
	} {
		m.try(t, c)
	}

	c.startCold()
	for _, m := range []mistake{
		{"second up", c.upCommand().Args[1:], 1, `error: .*runs in.*already.*pid \d+.*goosefs down --dir.*`, 5 * time.Second},
		{"path that is not there", []string{"fs", "ls", "/nope"}, 255, `Path "/nope" does not exist\.`, 5 * time.Second},
		{"path that is not in the source", []string{"fs", "cat", "/hbase/nope"}, 255, `Path "/hbase/nope" does not exist\.`, 5 * time.Second},
		{"cat of a folder", []string{"fs", "cat", "/hbase/folder"}, 255, `.*/hbase/folder.*`, 5 * time.Second},
		{"mount where a mount is", []string{"fs", "mount", "/hbase", "file://" + root}, 255, `.*/hbase.*`, 5 * time.Second},
		{"mount of what is not there", []string{"fs", "mount", "/other", "file://" + root + "/none"}, 255, `.*/none.*`, 5 * time.Second},
		{"rm of a folder", []string{"fs", "rm", "/hbase"}, 255, `.*/hbase.*`, 5 * time.Second},
		{"unknown kind", []string{"get", "pods,nodes", "--dir", c.dir}, 2, `error: .*nodes.*pod.*`, 5 * time.Second},
		{"unknown pod", []string{"get", "pod", "hbase-master-9", "--dir", c.dir}, 1, `Error from server \(NotFound\): pods "hbase-master-9" not found`, 5 * time.Second},
	} {
		m.try(t, c)
	}
	for _, args := range [][]string{{"fs", "lss", "/"}, {"fs", "ls", "--nope", "/"}, {"upp"}, {"up", "now"}, {"fs", "mv", "/a"}, {"up", "--read", "many"}, {"get", "podd"}} {
		if r := c.try(args...); r.code == 0 || r.stderr == "" || r.took > 5*time.Second {
			t.Errorf("goosefs %s: exit code %d after %s\n%s%s", strings.Join(args, " "), r.code, r.took, r.stdout, r.stderr)
		}
	}
	expectReadOnly(t, c)
	tr.verify(t, c.path())

	c.stop()
	for _, m := range []mistake{
		{"ls", []string{"fs", "ls", "/"}, 255, `.*hbase-master-0:26000.*connection refused.*`, 15 * time.Second},
		{"report", []string{"fsadmin", "report"}, 255, `.*hbase-master-0:26000.*connection refused.*`, 15 * time.Second},
		{"get", []string{"get", "pod", "--dir", c.dir}, 1, `error: .*stopped.*goosefs up.*`, 5 * time.Second},
	} {
		t.Run("when the masters are gone/"+m.name, func(t *testing.T) {
			t.Parallel()
			m.try(t, c)
		})
	}
}

// expectReadOnly tries to change the dataset through the mount.
func expectReadOnly(t *testing.T, c *cluster) {
	t.Helper()
	for what, change := range map[string]func() error{
		"create": func() error { return os.WriteFile(c.path("new"), nil, 0o644) },
		"append": func() error {
			f, err := os.OpenFile(c.path("file"), os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				f.Close()
			}
			return err
		},
		"truncate": func() error { return os.Truncate(c.path("file"), 0) },
		"mkdir":    func() error { return os.Mkdir(c.path("new"), 0o755) },
		"rmdir":    func() error { return syscall.Rmdir(c.path("folder")) },
		"unlink":   func() error { return syscall.Unlink(c.path("file")) },
		"rename":   func() error { return os.Rename(c.path("file"), c.path("folder", "file")) },
		"link":     func() error { return os.Link(c.path("file"), c.path("new")) },
		"symlink":  func() error { return os.Symlink("file", c.path("new")) },
		"chmod":    func() error { return os.Chmod(c.path("file"), 0o600) },
		"utimes":   func() error { return os.Chtimes(c.path("file"), time.Now(), time.Now()) },
	} {
		_, err := within(t, 10*time.Second, what, func() (struct{}, error) { return struct{}{}, change() })
		if errnoOf(err) != syscall.EROFS {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	r := run(t, exec.Command("sh", "-c", "echo x > "+c.path("new")))
	if r.code == 0 || !strings.Contains(r.stderr, "Read-only file system") {
		t.Errorf("a shell that writes is told %q", r.stderr)
	}
}
