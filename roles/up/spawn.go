package up

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// spawner starts child processes that end when this process ends, even by kill -9: the kernel sends them SIGTERM.
//
// The kernel counts the parent by thread, not by process (prctl(2), PR_SET_PDEATHSIG), and Go's threads come and go. So
// all children are started from one goroutine that is locked to its thread for as long as the spawner lives.
type spawner struct {
	requests chan func()
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range s.requests {
			f()
		}
	}()
	return s
}

// close ends the thread; children that still live get SIGTERM.
func (s *spawner) close() { close(s.requests) }

// start starts the command, in a process group of its own, so that Ctrl-C on the terminal reaches only `up`. Output goes
// to log.
func (s *spawner) start(path string, args, env []string, log *os.File) (*exec.Cmd, error) {
	cmd := &exec.Cmd{
		Path: path, Args: args, Env: env, Stdout: log, Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM},
	}
	started := make(chan error, 1)
	s.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	return cmd, nil
}
