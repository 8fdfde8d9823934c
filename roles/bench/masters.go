package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goosefs/wire"
)

// masters are master processes on this host that a run started. They die with this process.
type masters struct {
	executable string
	dir        string
	common     []string // properties that clients need too, as -Dkey=value
	own        []string // properties as the user typed them
	hosts      []*host
	spawn      chan func() // to the one thread that starts children
	grace      time.Duration
}

// host is one master.
type host struct {
	name          string
	rpc, journal  int // ports
	cmd           *exec.Cmd
	ended         chan struct{} // closed when cmd has ended
	metaDir, logs string
	journalDir    string
}

// stopGrace is how long a master may take to end before it is killed.
const stopGrace = 20 * time.Second

// newMasters lays out n masters in dir, with what an earlier run left there. It starts nothing.
func newMasters(executable, dir string, n int, properties []string) (*masters, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &masters{executable: executable, dir: dir, own: properties, spawn: make(chan func()), grace: stopGrace}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ports, err := portsOf(filepath.Join(dir, "ports"), n)
	if err != nil {
		return nil, err
	}
	table, rpc := map[string]string{}, []string{}
	for i := range n {
		h := &host{name: fmt.Sprintf("bench-master-%d", i), rpc: ports[2*i], journal: ports[2*i+1]}
		state := filepath.Join(dir, h.name)
		h.journalDir, h.metaDir, h.logs = filepath.Join(state, "journal"), filepath.Join(state, "metastore"), filepath.Join(dir, h.name+".log")
		if err := os.MkdirAll(state, 0o700); err != nil {
			return nil, err
		}
		table[h.name] = loopback(i)
		rpc = append(rpc, wire.HostPort(h.name, h.rpc))
		m.hosts = append(m.hosts, h)
	}
	m.common = []string{
		"-Dgoosefs.master.rpc.addresses=" + strings.Join(rpc, ","),
		"-Dgoosefs.network.hosts=" + wire.FormatHosts(table),
	}
	go func() {
		runtime.LockOSThread() // the kernel ends children with the thread that started them
		for f := range m.spawn {
			f()
		}
	}()
	return m, nil
}

// loopback is the address of a master.
func loopback(i int) string { return fmt.Sprintf("127.0.77.%d", i+1) }

// portsOf are two ports for each of n masters. They stay the same for as long as the folder does, because masters keep
// each other's addresses in their journals; so they are kept in a file.
func portsOf(name string, n int) ([]int, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		ports, err := freePorts(2 * n)
		if err != nil {
			return nil, err
		}
		return ports, os.WriteFile(name, []byte(strings.Trim(fmt.Sprint(ports), "[]")+"\n"), 0o600)
	}
	if err != nil {
		return nil, err
	}
	var ports []int
	for _, text := range strings.Fields(string(b)) {
		port, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		ports = append(ports, port)
	}
	if have := len(ports) / 2; have != n {
		return nil, fmt.Errorf("%s is the folder of %d masters: choose --masters %d, or another --dir", filepath.Dir(name), have, have)
	}
	return ports, nil
}

// freePorts are n ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback(0), "0"))
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// args is the command line of a master.
func (m *masters) args(h *host) []string {
	var journal []string
	for _, other := range m.hosts {
		journal = append(journal, wire.HostPort(other.name, other.journal))
	}
	args := append([]string{m.executable, "master"}, m.common...)
	args = append(args,
		"-Dgoosefs.master.hostname="+h.name,
		"-Dgoosefs.master.rpc.port="+strconv.Itoa(h.rpc),
		"-Dgoosefs.master.embedded.journal.port="+strconv.Itoa(h.journal),
		"-Dgoosefs.master.embedded.journal.addresses="+strings.Join(journal, ","),
		"-Dgoosefs.master.journal.folder="+h.journalDir,
		"-Dgoosefs.master.metastore.dir="+h.metaDir,
		"-Dgoosefs.master.mount.table.root.ufs="+filepath.Join(m.dir, "ufs"),
		"-Dgoosefs.work.dir="+filepath.Join(m.dir, h.name),
	)
	return append(args, m.own...)
}

// start starts all masters that do not run. It does not wait until they serve.
func (m *masters) start() error {
	for _, h := range m.hosts {
		if h.cmd != nil {
			continue
		}
		log, err := os.OpenFile(h.logs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		args := m.args(h)
		cmd := &exec.Cmd{
			Path: m.executable, Args: args, Stdout: log, Stderr: log, Env: os.Environ(),
			SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
		}
		started := make(chan error)
		m.spawn <- func() { started <- cmd.Start() }
		err = errors.Join(<-started, log.Close())
		if err != nil {
			return err
		}
		h.cmd, h.ended = cmd, make(chan struct{})
		go func() {
			cmd.Wait()
			close(h.ended)
		}()
	}
	return nil
}

// end sends every master the signal and waits until they are gone. Who does not leave in time is killed.
func (m *masters) end(signal syscall.Signal) {
	for _, h := range m.hosts {
		if h.cmd != nil {
			h.cmd.Process.Signal(signal) // fails if it is gone already, which is fine
		}
	}
	late := time.After(m.grace)
	for _, h := range m.hosts {
		if h.cmd == nil {
			continue
		}
		select {
		case <-h.ended:
		case <-late:
			h.cmd.Process.Kill()
			<-h.ended
			late = time.After(0)
		}
		h.cmd = nil
	}
}

func (m *masters) close() {
	m.end(syscall.SIGTERM)
	close(m.spawn)
}

// lost returns an error if a master has ended by itself, and where it says why.
func (m *masters) lost() error {
	for _, h := range m.hosts {
		if h.cmd == nil {
			continue
		}
		select {
		case <-h.ended:
			return fmt.Errorf("%s has ended by itself (%v): see %s", h.name, h.cmd.ProcessState, h.logs)
		default:
		}
	}
	return nil
}

// watch returns a context that ends when a master does.
func (m *masters) watch(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	for _, h := range m.hosts {
		go func() {
			select {
			case <-h.ended:
				cancel(m.lost())
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// costs are what the masters need now.
func (m *masters) costs() ([]Cost, error) {
	var costs []Cost
	for _, h := range m.hosts {
		mem, err := memoryOf(h.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		costs = append(costs, Cost{
			Master: h.name, Resident: mem.resident, Anonymous: mem.anonymous, Mapped: mem.mapped, Peak: mem.peak,
			Journal: occupied(h.journalDir), Metastore: occupied(h.metaDir),
		})
	}
	return costs, nil
}

// busy is the processor time that all masters have used.
func (m *masters) busy() time.Duration {
	var sum time.Duration
	for _, h := range m.hosts {
		if h.cmd != nil {
			if d, err := busyOf(h.cmd.Process.Pid); err == nil {
				sum += d
			}
		}
	}
	return sum
}
