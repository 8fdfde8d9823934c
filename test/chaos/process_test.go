package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// master is one of the three: a host, a folder, and a process that comes and goes.
type master struct {
	number  int
	host    *host
	disk    *disk // of journal and database
	args    []string
	program string
	logPath string

	mu struct {
		sync.Mutex
		process  *process
		expected bool // that it has ended
	}
}

// process is one life of a master.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// ends says whether the process ends within the limit.
func (p *process) ends(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	default:
	}
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// start starts the master, unless it runs.
func (m *master) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.mu.process; p != nil && !p.ends(0) {
		return nil
	}
	log, err := os.OpenFile(m.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "--- started at %s\n", time.Now().Format("15:04:05.000"))
	cmd := exec.Command(m.program, m.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = m.disk.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := m.host.inside(cmd.Start); err != nil {
		return err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	m.mu.process, m.mu.expected = p, false
	return nil
}

// running is the process, or nil if there is none.
func (m *master) running() *process {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.mu.process; p != nil && !p.ends(0) {
		return p
	}
	return nil
}

// expect says that the process may end from now on.
func (m *master) expect() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.expected = true
}

// endedAlone says whether the process ended though nobody had a hand in it.
func (m *master) endedAlone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.process != nil && m.mu.process.ends(0) && !m.mu.expected
}

// kill ends the process by SIGKILL and says whether that ended one.
func (m *master) kill() bool {
	p := m.running()
	if p == nil {
		return false
	}
	m.expect()
	p.cmd.Process.Kill()
	<-p.done
	state := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return state.Signaled() && state.Signal() == syscall.SIGKILL
}

// stop ends the process by SIGTERM. One that does not end in order is an error.
func (m *master) stop() error {
	p := m.running()
	if p == nil {
		return fmt.Errorf("%s does not run", m.host.name)
	}
	m.expect()
	p.cmd.Process.Signal(syscall.SIGTERM)
	if !p.ends(20 * time.Second) {
		p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to its log
		p.ends(2 * time.Second)
		m.kill()
		return fmt.Errorf("%s does not end by SIGTERM", m.host.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s, asked to stop, ended with code %d", m.host.name, code)
	}
	return nil
}

// pause stops the process until resume, and says whether there was one.
func (m *master) pause() bool {
	p := m.running()
	return p != nil && p.cmd.Process.Signal(syscall.SIGSTOP) == nil
}

// freeze pauses the master and returns when no thread of it runs any more, or only inside the kernel.
func (m *master) freeze() error {
	p := m.running()
	if p == nil || !m.pause() {
		return fmt.Errorf("%s does not run", m.host.name)
	}
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.pid()))
		if err != nil {
			return err
		}
		still := true
		for _, name := range stats {
			text, _ := os.ReadFile(name) // gone: it ended
			if _, state, ok := strings.Cut(string(text), ") "); ok && !strings.ContainsRune("TtDZX", rune(state[0])) {
				still = false
			}
		}
		if still {
			return nil
		}
	}
	return fmt.Errorf("%s does not stop", m.host.name)
}

func (m *master) resume() {
	if p := m.running(); p != nil {
		p.cmd.Process.Signal(syscall.SIGCONT)
	}
}

// logged counts the lines of the master's log that contain text.
func (m *master) logged(text string) int {
	log, _ := os.ReadFile(m.logPath)
	return strings.Count(string(log), text)
}
