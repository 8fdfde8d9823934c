package clients

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLeaderKilled kills the leader of three masters while a client reads and makes directories: it finds the next one by itself,
// and nothing that it was told is lost.
func TestLeaderKilled(t *testing.T) {
	program(t)
	interpreter := filepath.Join(installed(t, "python"), "bin", "python")
	c := start(t, 3, 2)
	cmd := exec.CommandContext(t.Context(), interpreter, "-B", "-m", "unittest", "test_failover")
	cmd.Dir, cmd.Env = "python", environment(c.variables()...)
	p := startProcess(t, "the client", cmd)
	for end := time.Now().Add(time.Minute); !strings.Contains(p.out.String(), "begun"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the client does not begin:\n%s", p.out)
		}
	}
	time.Sleep(time.Second) // it is amid its turns; they take longer
	leader := c.leader()
	t.Logf("master %d leads, and is killed", leader)
	must(t, c.masters[leader].cmd.Process.Signal(syscall.SIGKILL))
	select {
	case <-p.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("the client hangs:\n%s", p.out)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(p.out.String(), "turns, the slowest took") {
		t.Errorf("the client ends with code %d:\n%s", code, p.out)
	}
	t.Log(p.out.Tail(8))
}

// leader is the number of the master that leads.
func (c *cluster) leader() int {
	c.t.Helper()
	printed := c.goosefs("fs", "masterInfo")
	for i := range c.masters {
		if strings.HasPrefix(printed, "current leader master: "+masterHost(i)+":") {
			return i
		}
	}
	c.t.Fatalf("nobody leads:\n%s", printed)
	return -1
}
