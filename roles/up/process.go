package up

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ProcessID names one process for all time: a pid alone may be somebody else's by now.
type ProcessID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // in clock ticks since the machine started
	Boot  string `json:"boot"`  // which start of the machine
}

// identify returns the process with that pid.
func identify(pid int) (ProcessID, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ProcessID{}, err
	}
	start, _, err := procStat(pid)
	if err != nil {
		return ProcessID{}, err
	}
	return ProcessID{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// alive says if it still runs. A zombie does not, once all its threads are gone: until then they hold files and sockets.
func (p *ProcessID) alive() bool {
	if p == nil {
		return false
	}
	now, err := identify(p.PID)
	if err != nil || now != *p {
		return false
	}
	_, state, err := procStat(p.PID)
	if err != nil || state == 'X' {
		return false
	}
	if state != 'Z' {
		return true
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.PID))
	return err == nil && len(threads) > 1
}

// signal sends s, to the whole group of a pod. A process that is gone already is no error.
func (p *ProcessID) signal(s syscall.Signal, group bool) error {
	if !p.alive() {
		return nil
	}
	pid := p.PID
	if group {
		pid = -pid
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s to pid %d: %w", s, p.PID, err)
	}
	return nil
}

// awaitEnd waits until the process is gone, for at most that long, and says if it is.
func (p *ProcessID) awaitEnd(limit time.Duration) bool {
	for end := time.Now().Add(limit); p.alive(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// procStat returns the fields starttime and state of /proc/PID/stat. The name of the program, in parentheses, may hold
// anything, so fields are counted from its end.
func procStat(pid int) (start uint64, state byte, err error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("%s: %d fields after the name, want 20 or more", path, len(fields))
	}
	start, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return start, fields[0][0], err
}
