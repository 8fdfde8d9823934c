package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	goosefs "goosefs/test/program"
)

// process is a program that runs beside the test, in a process group of its own.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	out  *goosefs.Output // stdout and stderr
	done chan struct{}   // closed when it has ended
}

// start starts cmd and ends it with the test: by SIGTERM, and after grace by SIGKILL. If the test dies, the kernel sends
// the SIGTERM.
func start(t testing.TB, name string, grace time.Duration, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: cmd, out: &goosefs.Output{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = time.Second
	must(t, cmd.Start())
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT)
		p.signal(syscall.SIGTERM)
		if !p.ends(grace) {
			t.Errorf("%s does not end by SIGTERM", name)
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			t.Logf("%s said\n%s", name, p.out.Tail(60))
		}
	})
	return p
}

// await returns when the process has said something.
func (p *process) await(text string, limit time.Duration) {
	p.t.Helper()
	for end := time.Now().Add(limit); !strings.Contains(p.out.String(), text); time.Sleep(20 * time.Millisecond) {
		if p.ends(0) {
			p.t.Fatalf("%s ended without saying %q:\n%s", p.name, text, p.out)
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s does not say %q within %s", p.name, text, limit)
		}
	}
}

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

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

// code is the exit code of a process that ends within the limit.
func (p *process) code(limit time.Duration) int {
	p.t.Helper()
	if !p.ends(limit) {
		p.t.Fatalf("%s still runs after %s", p.name, limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// result is what became of a command.
type result struct {
	stdout, stderr string
	code           int // -1: killed, as it took longer than patience
	took           time.Duration
}

// patience is how long any command of a user may take. Hanging is worse than failing.
const patience = 60 * time.Second

// run runs a command to its end.
func run(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	began := time.Now()
	must(t, cmd.Start())
	timer := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer timer.Stop()
	err := cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("%s: %v", cmd, err)
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode(), took: time.Since(began)}
}

// eventually waits until the condition holds, and returns how long that took.
func eventually(t testing.TB, limit time.Duration, what string, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}

// within runs f, which may hang in the kernel, and fails the test if it does.
func within[T any](t testing.TB, limit time.Duration, what string, f func() (T, error)) (T, error) {
	t.Helper()
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := f()
		answers <- answer{value, err}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		t.Fatalf("hangs for more than %s: %s", limit, what)
		panic("unreachable")
	}
}
