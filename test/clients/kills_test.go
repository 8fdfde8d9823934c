package clients

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Clients of both languages write and read while leaders are killed, and started again: what they were told is there is there
// afterwards (python/test_kills.py and rust's kills.rs say what else they want).
func TestLeadersKilledAmidWrites(t *testing.T) {
	program(t)
	c := start(t, 3, 2)
	clients := c.busyClients(t)
	for range 3 {
		time.Sleep(2 * time.Second) // they are amid their turns
		leader := c.leader()
		c.kill(c.masters[leader], clients)
		time.Sleep(time.Second) // the next one leads, or will soon
		c.startMaster(leader)
		c.awaitReport("journal quorum info -domain MASTER", "AVAILABLE", 3)
	}
	c.finish(t, clients)
}

// Clients write and read while workers are killed, and started again. There are always others, and what was written to the one
// that was killed is there when it is back.
func TestWorkersKilledAmidWrites(t *testing.T) {
	program(t)
	c := start(t, 1, 3)
	clients := c.busyClients(t)
	for i := range 2 {
		time.Sleep(2 * time.Second) // they are amid their turns
		c.kill(c.workers[i], clients)
		time.Sleep(2 * time.Second) // so long they do without
		c.startWorker(i)
		c.awaitReport("report summary", "Live Workers: 3", 1)
	}
	c.finish(t, clients)
}

// busyClient is a client's program that goes on until its standard input ends.
type busyClient struct {
	*process
	name  string
	stdin io.WriteCloser
}

// busyClients starts programs of all languages, and returns when all are at it.
func (c *cluster) busyClients(t *testing.T) (all []*busyClient) {
	t.Helper()
	python := exec.CommandContext(t.Context(), filepath.Join(installed(t, "python"), "bin", "python"), "-B", "-m", "unittest", "test_kills")
	python.Dir, python.Env = "python", environment(c.variables()...)
	rust := c.cargo(t, "--test", "cluster", "kills", "--", "--ignored", "--nocapture")
	for name, cmd := range map[string]*exec.Cmd{"python": python, "rust": rust} {
		stdin, err := cmd.StdinPipe()
		must(t, err)
		all = append(all, &busyClient{startProcess(t, name, cmd), name, stdin})
	}
	for _, b := range all {
		b.await(t, "begun")
	}
	return all
}

func (b *busyClient) await(t *testing.T, words string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(b.out.String(), words); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s never says %q:\n%s", b.name, words, b.out)
		}
	}
}

// kill kills a process without a warning, of which its clients are told by a line.
func (c *cluster) kill(p *process, clients []*busyClient) {
	c.t.Helper()
	for _, b := range clients {
		_, err := fmt.Fprintln(b.stdin, "killed")
		must(c.t, err)
	}
	must(c.t, p.cmd.Process.Signal(syscall.SIGKILL))
	<-p.done
}

// awaitReport waits until a command of fsadmin prints some words so often.
func (c *cluster) awaitReport(command, words string, times int) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		report := c.goosefs(append([]string{"fsadmin"}, strings.Fields(command)...)...)
		if strings.Count(report, words)-strings.Count(report, "UN"+words) == times {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("fsadmin %s does not print %q %d times:\n%s", command, words, times, report)
		}
	}
}

// finish has programs end, and wants that they find everything.
func (c *cluster) finish(t *testing.T, clients []*busyClient) {
	t.Helper()
	for _, b := range clients {
		must(t, b.stdin.Close())
	}
	for _, b := range clients {
		select {
		case <-b.done:
		case <-time.After(2 * time.Minute):
			t.Fatalf("%s hangs:\n%s", b.name, b.out)
		}
		if code := b.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(b.out.String(), "files written") {
			t.Errorf("%s ends with code %d:\n%s", b.name, code, b.out)
		} else {
			t.Logf("%s:\n%s", b.name, b.out)
		}
	}
}
