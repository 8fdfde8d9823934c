package fuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// situation is all that decides whether and how a mount point can be used. See [look] (find out) and verdict (decide).
type situation struct {
	point    string // absolute, without symbolic links
	statErr  error  // of the mount point
	isDir    bool
	empty    bool
	mounted  mountEntry // what is mounted there
	isMount  bool
	root     bool   // we may mount by ourselves
	device   error  // of opening /dev/fuse
	helper   string // path of fusermount3, or empty
	nonEmpty bool   // the user allowed a mount point that is not empty
}

// answersWithin is how long a mount point may take to tell what it is. One that takes longer has a daemon behind it
// that hangs.
const answersWithin = 5 * time.Second

// look finds out about a mount point.
func look(ctx context.Context, mountpoint string, o Options) (situation, error) {
	s := situation{root: os.Geteuid() == 0, nonEmpty: o.NonEmpty, device: tryDevice(), helper: findHelper()}
	point, err := canonical(mountpoint)
	if err != nil {
		return s, err
	}
	s.point = point
	if s.mounted, s.isMount, err = mountAt(point); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	type answer struct {
		isDir, empty bool
		err          error
	}
	answers := make(chan answer, 1)
	go func() { // stays behind if the mount point hangs: nothing can end a stat
		var a answer
		a.isDir, a.empty, a.err = inspect(point)
		answers <- a
	}()
	select {
	case a := <-answers:
		s.isDir, s.empty, s.statErr = a.isDir, a.empty, a.err
	case <-ctx.Done():
		s.statErr = syscall.ETIMEDOUT
	}
	return s, nil
}

// canonical makes the path of a mount point the way mountinfo writes it, without touching the mount point itself,
// which may be dead.
func canonical(mountpoint string) (string, error) {
	abs, err := filepath.Abs(mountpoint)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(abs); err == nil {
		return target, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return abs, nil // verdict will say that it does not exist
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

func inspect(point string) (isDir, empty bool, err error) {
	info, err := os.Stat(point)
	if err != nil || !info.IsDir() {
		return false, false, err
	}
	d, err := os.Open(point)
	if err != nil {
		return true, false, err
	}
	defer d.Close()
	_, err = d.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, true, nil
	}
	return true, false, err
}

func tryDevice() error {
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return syscall.Close(fd)
}

func findHelper() string {
	for _, name := range []string{"fusermount3", "fusermount", "/usr/bin/fusermount3", "/bin/fusermount3", "/bin/fusermount"} {
		if at, err := exec.LookPath(name); err == nil {
			return at
		}
	}
	return ""
}

// verdict decides about a mount point: nil, to go on; errStale, to unmount the dead mount of a goosefs that is there,
// and look again; or why not, and what to do about it.
func (s situation) verdict() error {
	var errno syscall.Errno
	errors.As(s.statErr, &errno)
	switch {
	case errno == syscall.ENOTCONN && s.isMount && s.mounted.Type == Type:
		return errStale
	case errno == syscall.ENOTCONN:
		return s.refuse(errno, "the mount there (%s) is dead; run: fusermount3 -uz %s", s.mounted.Type, s.point)
	case errno == syscall.ETIMEDOUT:
		return s.refuse(errno, "the mount there (%s) does not answer; stop its process, then run: fusermount3 -uz %s", s.mounted.Type, s.point)
	case errno == syscall.ENOENT:
		return s.refuse(errno, "the mount point does not exist; run: mkdir -p %s", s.point)
	case errno != 0:
		return s.refuse(errno, "the mount point cannot be used: %v", s.statErr)
	case !s.isDir:
		return s.refuse(syscall.ENOTDIR, "the mount point is not a directory; choose another path")
	case s.isMount && s.mounted.Type == Type:
		return s.refuse(syscall.EBUSY, "goosefs is mounted there already; to replace it run first: fusermount3 -u %s", s.point)
	case !s.empty && !s.nonEmpty:
		return s.refuse(syscall.ENOTEMPTY, "the mount point is not empty; choose an empty directory, or mount with -o nonempty to hide what it holds")
	}
	return s.means()
}

// means decides whether this process can mount at all.
func (s situation) means() error {
	var errno syscall.Errno
	errors.As(s.device, &errno)
	switch {
	case errno == syscall.ENOENT || errno == syscall.ENODEV || errno == syscall.ENXIO:
		return s.refuse(errno, "this host has no FUSE (/dev/fuse); run: modprobe fuse; in a container add: --device /dev/fuse --cap-add SYS_ADMIN")
	case errno != 0:
		return s.refuse(errno, "/dev/fuse cannot be opened: %v; ask for access to it, or run as root", errno)
	case !s.root && s.helper == "":
		return s.refuse(syscall.EPERM, "only root can mount without fusermount3; install it (Debian: apt install fuse3), or run as root")
	}
	return nil
}

// errStale says that a goosefs that died has left its mount behind.
var errStale = errors.New("stale mount")

// refusal says in one line why a mount point cannot be used, and what to do.
type refusal struct {
	errno syscall.Errno
	text  string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.errno }

func (s situation) refuse(errno syscall.Errno, format string, args ...any) error {
	return &fs.PathError{Op: "mount", Path: s.point, Err: &refusal{errno, fmt.Sprintf(format, args...)}}
}
