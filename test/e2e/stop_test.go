package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStop ends a cluster by Ctrl-C, by `goosefs down`, by kill -9 of `goosefs up`, and by kill -9 of everything. Each
// time nothing is left, and the next `up` in the folder is warm: no byte of a file comes from the source again.
func TestStop(t *testing.T) {
	program(t)
	root := publicDir(t)
	tr := growTree(t, root, 60, 6, sized(24<<20, 256<<20))
	web := newNginx(t, root)
	web.start()
	c := newCluster(t, web.url(), ownTiers(publicDir(t))...)
	c.startCold()
	tr.verify(t, c.path())
	if n := fetched(web); n == 0 {
		t.Fatal("the source was never asked for a file; its log:\n" + strings.Join(web.requests(), "\n"))
	}

	for _, end := range []struct {
		name string
		do   func(pods map[string]int)
	}{
		{"Ctrl-C", func(map[string]int) { c.stop() }},
		{"goosefs down", func(map[string]int) {
			if said := c.goosefs("down", "--dir", c.dir); !strings.HasSuffix(said, "\nstopped\n") {
				t.Errorf("down says %q", said)
			}
			if code := c.up.code(time.Second); code != 0 {
				t.Errorf("up ends with code %d", code)
			}
		}},
		{"kill -9 of up", func(map[string]int) {
			c.up.signal(syscall.SIGKILL)
			c.up.code(10 * time.Second)
		}},
	} {
		pods := c.processes()
		if len(pods) != 7 {
			t.Fatalf("not 7 pods run: %v", pods)
		}
		end.do(pods)
		took := eventually(t, 20*time.Second, "all pods end after "+end.name, func() bool { return len(c.processes()) == 0 })
		eventually(t, time.Second, "the mount is gone after "+end.name, func() bool { return mountedAt(c.mount) == "" })
		t.Logf("%s: gone after %.1fs", end.name, took.Seconds())
		c.restartWarm(tr, web)
	}

	t.Log("kill -9 of up, and at once up again")
	c.up.signal(syscall.SIGKILL)
	c.up.code(10 * time.Second)
	c.restartWarm(tr, web)

	t.Log("kill -9 of all pods and of up")
	c.up.signal(syscall.SIGSTOP) // else it would start them again
	for pod := range c.processes() {
		c.signal(pod, syscall.SIGKILL)
	}
	c.up.signal(syscall.SIGKILL)
	c.up.code(10 * time.Second)
	eventually(t, 10*time.Second, "the mount is dead", func() bool {
		_, err := os.ReadDir(c.path())
		return errnoOf(err) == syscall.ENOTCONN
	})
	c.restartWarm(tr, web)
}

// restartWarm runs `up` again and reads everything, of which nothing may come from the source.
func (c *cluster) restartWarm(tr *tree, web *webServer) {
	c.t.Helper()
	before := fetched(web)
	c.startCold()
	if !strings.Contains(c.up.out.String(), "warm start") {
		c.t.Error("up does not say that it starts warm")
	}
	tr.verify(c.t, c.path())
	if n := fetched(web) - before; n != 0 {
		requests := web.requests()
		c.t.Errorf("%d files were fetched again, the last ones by\n%s", n, strings.Join(requests[max(0, len(requests)-20):], "\n"))
	}
}

// fetched counts the answers of the source so far that held bytes of a file. A server writes an answer down after it
// was read, so it is asked until it has no more to tell.
func fetched(web *webServer) int {
	for n := -1; ; time.Sleep(200 * time.Millisecond) {
		was := n
		if n = web.bodies(); n == was {
			return n
		}
	}
}

// bodies counts the lines of the access log that tell of bytes of a file.
func (s *webServer) bodies() int {
	n := 0
	body := regexp.MustCompile(`^GET 20[06] [1-9]\d* \S*[^/]$`)
	for _, line := range s.requests() {
		if body.MatchString(line) {
			n++
		}
	}
	return n
}
