package clients

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goosefs "goosefs/test/program"
)

// blockSize of files that the cluster finds: small, so that few bytes are several blocks.
const blockSize = 4 << 20

// cluster is masters and workers, each a process, all over one folder. Every one of them has an address of its own on the
// loopback network: clients take it for a host.
type cluster struct {
	t       testing.TB
	home    string // holds all the rest
	ufs     string
	ports   ports
	masters []*process
	workers []*process
}

// ports are the same on all addresses.
type ports struct{ master, journal, worker int }

func masterHost(i int) string { return fmt.Sprintf("127.0.0.%d", 1+i) }
func workerHost(i int) string { return fmt.Sprintf("127.0.0.%d", 1+i) }

// start starts so many masters and workers, and returns when all serve.
func start(t testing.TB, masters, workers int) *cluster {
	t.Helper()
	program(t)
	c := &cluster{t: t, home: t.TempDir()}
	c.ufs = filepath.Join(c.home, "ufs")
	must(t, os.Mkdir(c.ufs, 0o755))
	c.ports = freePorts(t, max(masters, workers))
	c.masters, c.workers = make([]*process, masters), make([]*process, workers)
	for i := range c.masters {
		c.startMaster(i)
	}
	for i := range c.workers {
		c.startWorker(i)
	}
	end := time.Now().Add(time.Minute)
	for {
		report := c.goosefs("fsadmin", "report", "summary")
		if strings.Contains(report, fmt.Sprintf("Live Workers: %d", workers)) {
			return c
		}
		if time.Now().After(end) {
			t.Fatalf("%d workers are not there:\n%s", workers, report)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// freePorts are three that nobody listens on, at any of the first addresses.
func freePorts(t testing.TB, hosts int) ports {
	t.Helper()
	for range 100 {
		var found []int
		for range 3 {
			l, err := net.Listen("tcp", masterHost(0)+":0")
			must(t, err)
			defer l.Close()
			port := l.Addr().(*net.TCPAddr).Port
			free := true
			for i := 1; i < hosts; i++ {
				other, err := net.Listen("tcp", net.JoinHostPort(masterHost(i), fmt.Sprint(port)))
				if err != nil {
					free = false
					break
				}
				other.Close()
			}
			if free {
				found = append(found, port)
			}
		}
		if len(found) == 3 {
			return ports{found[0], found[1], found[2]}
		}
	}
	t.Fatal("no ports are free")
	return ports{}
}

// addresses are of all masters, with commas between.
func (c *cluster) addresses(port int) string {
	var all []string
	for i := range c.masters {
		all = append(all, net.JoinHostPort(masterHost(i), fmt.Sprint(port)))
	}
	return strings.Join(all, ",")
}

// properties that all processes have.
func (c *cluster) properties(own ...string) []string {
	return append([]string{
		"goosefs.master.rpc.addresses=" + c.addresses(c.ports.master),
		"goosefs.master.embedded.journal.addresses=" + c.addresses(c.ports.journal),
		fmt.Sprintf("goosefs.master.rpc.port=%d", c.ports.master),
		fmt.Sprintf("goosefs.master.embedded.journal.port=%d", c.ports.journal),
		fmt.Sprintf("goosefs.worker.rpc.port=%d", c.ports.worker),
		fmt.Sprintf("goosefs.user.block.size.bytes.default=%d", blockSize),
		"goosefs.master.mount.table.root.ufs=" + c.ufs,
	}, own...)
}

func (c *cluster) startMaster(i int) {
	c.t.Helper()
	dir := filepath.Join(c.home, fmt.Sprintf("master-%d", i))
	c.masters[i] = c.run("master", i, "goosefs.work.dir="+dir, "goosefs.master.hostname="+masterHost(i))
}

func (c *cluster) startWorker(i int) {
	c.t.Helper()
	dir := filepath.Join(c.home, fmt.Sprintf("worker-%d", i))
	tier := filepath.Join(dir, "tier")
	must(c.t, os.MkdirAll(tier, 0o755))
	level := "goosefs.worker.tieredstore.level0."
	c.workers[i] = c.run("worker", i, "goosefs.work.dir="+dir, "goosefs.worker.hostname="+workerHost(i),
		level+"alias=HDD", level+"dirs.path="+tier, level+"dirs.quota=2GB")
}

// run runs one process, which ends with the test.
func (c *cluster) run(verb string, i int, own ...string) *process {
	c.t.Helper()
	args := []string{verb}
	for _, p := range c.properties(own...) {
		args = append(args, "-D"+p)
	}
	cmd := exec.Command(program(c.t), args...)
	cmd.Env = environment()
	return startProcess(c.t, fmt.Sprintf("%s-%d", verb, i), cmd)
}

// goosefs runs a command of a user and returns what it prints.
func (c *cluster) goosefs(args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	for _, p := range c.properties() {
		args = append(args, "-D"+p)
	}
	cmd := exec.CommandContext(ctx, program(c.t), args...)
	cmd.Env = environment()
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// variables tell a client where the cluster is.
func (c *cluster) variables() []string {
	return []string{
		"GOOSEFS_MASTER_ADDR=" + c.addresses(c.ports.master),
		fmt.Sprintf("GOOSEFS_WORKER_ADDR=%s:%d", workerHost(0), c.ports.worker),
		"GOOSEFS_AUTH_TYPE=" + authType,
		"GOOSEFS_TEST_UFS=" + c.ufs,
		fmt.Sprintf("GOOSEFS_TEST_BLOCK=%d", blockSize),
		"GOOSEFS_TEST_CACHE=" + c.home,
	}
}

// environment is the test's without what would configure a goosefs, and with more.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOOSEFS_") })
	return append(env, more...)
}

// process is a program that runs beside the test, in a process group of its own.
type process struct {
	cmd  *exec.Cmd
	out  *goosefs.Output
	done chan struct{} // closed when it has ended
}

// startProcess starts cmd and ends it with the test. If the test dies, the kernel ends it.
func startProcess(t testing.TB, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, out: &goosefs.Output{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	must(t, cmd.Start())
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.end(t, name)
		if t.Failed() {
			t.Logf("%s said\n%s", name, p.out.Tail(60))
		}
	})
	return p
}

// end asks a process to end, and insists.
func (p *process) end(t testing.TB, name string) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Errorf("%s does not end by SIGTERM", name)
		p.cmd.Process.Kill()
		<-p.done
	}
}
