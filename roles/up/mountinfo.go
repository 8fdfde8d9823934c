package up

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// mountType is the type of our mount in /proc/self/mountinfo.
const mountType = "fuse.goosefs-fuse"

// mountedTypes returns the types of all file systems that are mounted at path, the topmost last, as
// /proc/self/mountinfo (proc(5)) has them.
func mountedTypes(mountinfo io.Reader, path string) ([]string, error) {
	var types []string
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) >= 5 && len(rest) >= 1 && unescapeOctal(fields[4]) == path {
			types = append(types, rest[0])
		}
	}
	return types, lines.Err()
}

// unescapeOctal reads \040 and kin, by which the kernel writes white space and backslashes.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			var c int
			if n, err := fmt.Sscanf(s[i+1:i+4], "%3o", &c); n == 1 && err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mountedAt returns the type of the topmost file system mounted at path, "" if none is.
func mountedAt(path string) (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	types, err := mountedTypes(f, path)
	if err != nil || len(types) == 0 {
		return "", err
	}
	return types[len(types)-1], nil
}

// clearMount takes away what an earlier `up` may have left at path: a mount of ours whose process is gone. Users of it
// keep what they have open.
func clearMount(path string) (cleared bool, err error) {
	for range 8 { // mounts stack
		kind, err := mountedAt(path)
		if err != nil || kind == "" {
			return cleared, err
		}
		if kind != mountType {
			return cleared, fmt.Errorf("%s: a file system of type %s is mounted there; unmount it, or choose another place by --mount", path, kind)
		}
		if err := detach(path); err != nil {
			return cleared, err
		}
		cleared = true
	}
	return cleared, fmt.Errorf("%s: still mounted after 8 attempts to unmount it; run `umount -l %s`", path, path)
}

// detach unmounts lazily: at once for everybody who comes, later for those who are in it.
func detach(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH)
	if !errors.Is(err, unix.EPERM) {
		if err != nil {
			return &os.PathError{Op: "unmount", Path: path, Err: err}
		}
		return nil
	}
	out, err := exec.Command("fusermount3", "-u", "-z", "--", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("unmount %s: %w: %s", path, err, bytes.TrimSpace(out))
	}
	return nil
}
