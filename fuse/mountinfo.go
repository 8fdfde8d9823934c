package fuse

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// mountEntry is a line of /proc/self/mountinfo.
type mountEntry struct {
	Dev    string // major:minor
	Point  string
	Type   string
	Source string
}

// parseMountinfo reads /proc/self/mountinfo; see proc_pid_mountinfo(5).
func parseMountinfo(text string) ([]mountEntry, error) {
	var all []mountEntry
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		dash := 6 // after it come any number of optional fields and a dash
		for dash < len(fields) && fields[dash] != "-" {
			dash++
		}
		if dash+2 >= len(fields) {
			return nil, fmt.Errorf("mountinfo: cannot read %q", line)
		}
		all = append(all, mountEntry{
			Dev:    fields[2],
			Point:  unescape(fields[4]),
			Type:   fields[dash+1],
			Source: unescape(fields[dash+2]),
		})
	}
	return all, nil
}

// unescape undoes the kernel's octal escapes of blanks and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mountAt is the topmost mount at a path, if there is one.
func mountAt(point string) (mountEntry, bool, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return mountEntry{}, false, err
	}
	all, err := parseMountinfo(string(text))
	if err != nil {
		return mountEntry{}, false, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Point == point {
			return all[i], true, nil
		}
	}
	return mountEntry{}, false, nil
}
