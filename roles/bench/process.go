package bench

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// memory is what the kernel says of a process's memory, in bytes.
type memory struct{ resident, anonymous, mapped, peak int64 }

// memoryOf reads /proc/PID/status.
func memoryOf(pid int) (memory, error) {
	name := fmt.Sprintf("/proc/%d/status", pid)
	f, err := os.Open(name)
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	var m memory
	fields := map[string]*int64{"VmRSS": &m.resident, "RssAnon": &m.anonymous, "RssFile": &m.mapped, "VmHWM": &m.peak}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		field := fields[key]
		if field == nil {
			continue
		}
		if _, err := fmt.Sscanf(value, "%d kB", field); err != nil {
			return m, &fs.PathError{Op: "read", Path: name, Err: syscall.EPROTO}
		}
		*field <<= 10
	}
	return m, lines.Err()
}

// clockTick is the kernel's unit of processor time in /proc: USER_HZ, the same on all of Linux's common machines.
const clockTick = time.Second / 100

// busyOf is the processor time that a process has used.
func busyOf(pid int) (time.Duration, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	text := string(b)
	// The second field is the program's name in parentheses, and may hold anything.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var user, system int64
	if len(fields) < 13 {
		return 0, &fs.PathError{Op: "read", Path: name, Err: syscall.EPROTO}
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, &fs.PathError{Op: "read", Path: name, Err: syscall.EPROTO}
	}
	return time.Duration(user+system) * clockTick, nil
}

// ownBusy is the processor time that this process has used.
func ownBusy() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// occupied is the space that the files below dir take on disk. Files that come and go meanwhile may be missed.
func occupied(dir string) int64 {
	var total int64
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				total += stat.Blocks * 512
			}
		}
		return nil
	})
	return total
}
