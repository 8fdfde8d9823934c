package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goosefs "goosefs/test/program"
)

// TestKill loses, while cat reads a cold file through the mount, the leader, a follower, the worker that serves the
// file, and the mount itself. All but the last are not noticed by cat.
func TestKill(t *testing.T) {
	program(t)
	root := publicDir(t)
	tr := newTree(t, root, sized(48<<20, 256<<20), "follower", "leader", "worker", "leader again", "late", "mount")
	web := newNginx(t, root)
	web.start()
	c := newCluster(t, web.url(), ownTiers(root)...)
	c.startCold()
	restarts := map[string]int{}

	kill := func(pod string) {
		t.Logf("kill -9 of %s", pod)
		c.signal(pod, syscall.SIGKILL)
		restarts[pod]++
	}
	read := func(name string, disturb func()) {
		t.Helper()
		if sum, err := c.cat(name, 1<<20, disturb); err != nil || sum != tr.files[name].sum {
			t.Errorf("cat %s: %v, sha256 %x, not %x", name, err, sum, tr.files[name].sum)
		}
	}

	var was string
	other := func() bool {
		now := c.leader()
		return now != "" && now != was
	}
	for _, name := range []string{"leader", "leader again"} {
		if was = c.leader(); was == "" {
			t.Fatal("masterInfo names no leader")
		}
		var died time.Time
		elected := make(chan time.Duration, 1)
		read(name, func() {
			kill(was)
			died = time.Now()
			go func() { // beside cat
				for !other() && time.Since(died) < 10*time.Second {
					time.Sleep(20 * time.Millisecond)
				}
				elected <- time.Since(died)
			}()
		})
		t.Logf("the file was read %.1fs after the kill", time.Since(died).Seconds())
		if took := <-elected; took < 10*time.Second {
			t.Logf("another leader after %.1fs", took.Seconds())
		} else {
			t.Error("masterInfo names no other leader within 10s")
		}
		c.awaitRestarts(was, restarts[was])
	}

	leader := c.leader()
	follower := ""
	for _, m := range masters() {
		if m != leader {
			follower = m
		}
	}
	read("follower", func() { kill(follower) })
	if now := c.leader(); now != leader {
		t.Errorf("a follower died, and the leader changed from %s to %s", leader, now)
	}
	c.awaitRestarts(follower, restarts[follower])

	awaitAll := func() {
		t.Helper()
		for pod, n := range restarts {
			c.awaitRestarts(pod, n)
		}
	}
	read("worker", func() { kill(c.server("worker")) })
	tr.check(t, c.path(), "worker")
	awaitAll()
	read("late", func() { // one is left
		for _, worker := range []string{"hbase-worker-0", "hbase-worker-1"} {
			kill(worker)
		}
	})
	awaitAll()

	_, err := c.cat("mount", 1<<20, func() { kill("hbase-fuse-0") })
	if err == nil || !strings.Contains(err.Error(), "Transport endpoint is not connected") && !strings.Contains(err.Error(), "Software caused connection abort") {
		t.Errorf("without a mount cat says: %v", err)
	}
	c.awaitRestarts("hbase-fuse-0", 1)
	tr.verify(t, c.path())
}

// cat reads a file of the dataset by /bin/cat. Once so many bytes are out, disturb is called before any more is taken.
func (c *cluster) cat(name string, after int64, disturb func()) (sum [sha256.Size]byte, err error) {
	c.t.Helper()
	cmd := exec.Command("cat", c.path(name))
	var said goosefs.Output
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	must(c.t, err)
	must(c.t, cmd.Start())
	timer := time.AfterFunc(2*time.Minute, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer timer.Stop()
	h := sha256.New()
	if _, err := io.CopyN(h, out, after); err != nil {
		c.t.Errorf("cat %s: %v %s", name, err, said.String())
	}
	disturb()
	io.Copy(h, out)
	if err := cmd.Wait(); err != nil {
		return sum, fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// server is the worker that serves a file of the dataset.
func (c *cluster) server(name string) string {
	c.t.Helper()
	var worker string
	eventually(c.t, 10*time.Second, "fs location names the worker that has bytes of "+name, func() bool {
		found := regexp.MustCompile(`(?m)^(hbase-worker-\d)$`).FindStringSubmatch(c.goosefs("fs", "location", "/hbase/"+name))
		if found != nil {
			worker = found[1]
		}
		return found != nil
	})
	return worker
}

// TestMasterInfo asks each master alone who leads: all print the same two lines, leader and followers, and so do those
// that are left when one, then another, hangs.
func TestMasterInfo(t *testing.T) {
	t.Parallel() // it waits more than it works
	program(t)
	root := publicDir(t)
	tr := newTree(t, root, 1<<20, "file")
	c := newCluster(t, "file://"+root, ownTiers(publicDir(t))...)
	c.startCold()
	same := func(without string) (leader string) {
		t.Helper()
		eventually(t, 10*time.Second, "all masters name the same leader", func() bool {
			printed := map[string]bool{}
			for _, m := range masters() {
				if m != without {
					r := c.askedOf(m)
					printed[r.stdout+r.stderr] = true
					leader = leaderIn(r.stdout)
				}
			}
			return len(printed) == 1 && leader != "" && leader != without
		})
		return leader
	}
	for _, choose := range []func(leader string) string{
		func(leader string) string { return leader },
		func(leader string) string { return masters()[(slices.Index(masters(), leader)+1)%3] },
	} {
		hung := choose(same(""))
		c.signal(hung, syscall.SIGSTOP)
		began := time.Now()
		t.Logf("%s hangs: %s leads after %.1fs", hung, same(hung), time.Since(began).Seconds())
		r := c.askedOf(hung)
		if r.code == 0 || r.took > 20*time.Second || strings.Count(r.stderr, "\n") > 2 || !strings.Contains(r.stderr, hung+":26000") {
			t.Errorf("asked of a master that hangs: exit code %d after %s\n%s%s", r.code, r.took, r.stdout, r.stderr)
		}
		tr.check(t, c.path(), "file")
		c.signal(hung, syscall.SIGCONT)
		same("")
	}
	if pods := c.goosefs("get", "pod", "--dir", c.dir); regexp.MustCompile(`Running +[1-9]`).MatchString(pods) {
		t.Errorf("something was restarted:\n%s", pods)
	}
	if _, err := os.Stat(c.path("file")); err != nil {
		t.Error(err)
	}
}
