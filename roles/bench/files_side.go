package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// side is a folder that is measured.
type side struct {
	dir    string // as the user named it
	root   string // where the files are
	layout FilesLayout
	own    bool // the files were laid by this run
	work   string
	// whyNotWritten is why nothing can be created here; "" if it can.
	whyNotWritten string
	names         []string // of the small files
	pids          []int    // that serve it
}

// openSide finds the files, or lays them.
func openSide(ctx context.Context, o FilesOptions, dir string, pids []int, p *progress) (s *side, err error) {
	s = &side{dir: dir, layout: o.Layout, pids: pids}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, &fs.PathError{Op: "measure", Path: dir, Err: syscall.ENOTDIR}
	}
	if o.Data != "" {
		err = s.find(o)
	} else {
		s.root = filepath.Join(dir, ownFolder)
		s.own, err = o.Layout.lay(ctx, s.root, p)
		if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%s cannot be written: lay files in its source by goosefs bench files --lay FOLDER, and name the folder "+
				"as it is seen here: goosefs bench files %s --data NAME", dir, dir)
		}
	}
	if err != nil {
		return nil, err
	}
	for i := range s.layout.Files {
		s.names = append(s.names, s.layout.file(s.root, i))
	}
	s.work = filepath.Join(s.root, fmt.Sprintf("work-%d", os.Getpid()))
	if err := os.Mkdir(s.work, 0o755); err != nil {
		s.whyNotWritten = dir + ": " + causeOf(err)
		s.work = ""
	}
	return s, nil
}

// find takes files that --lay made.
func (s *side) find(o FilesOptions) error {
	s.root = filepath.Join(s.dir, o.Data)
	found, err := readLayout(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no files were laid here: goosefs bench files --lay FOLDER does, in the source", s.root)
	case err != nil:
		return err
	case !found.Complete:
		return fmt.Errorf("%s: the files are not complete: lay them again", s.root)
	}
	if o.LayoutAsked && (found.Size != o.Layout.Size || found.Files != o.Layout.Files || found.FileSize != o.Layout.FileSize) {
		return fmt.Errorf("%s holds %s, not %s", s.root, found, o.Layout)
	}
	s.layout = found
	return nil
}

// close removes what this run made here.
func (s *side) close(keep bool) error {
	var err error
	if s.work != "" {
		err = os.RemoveAll(s.work)
	}
	if s.own && !keep {
		err = errors.Join(err, os.RemoveAll(s.root))
	}
	return err
}

func (s *side) large() string { return filepath.Join(s.root, largeName) }

// forget drops the kernel's pages of the files that a trial reads.
func (s *side) forget(ctx context.Context, kind dataKind) error {
	if kind == largeData {
		return forgetFile(s.large())
	}
	for _, name := range s.names {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := forgetFile(name); err != nil {
			return err
		}
	}
	return nil
}

// warm does once what trials do: reads all bytes, asks for all names.
func (s *side) warm(ctx context.Context, kind dataKind, p *progress) error {
	var done atomic.Int64
	stop := p.watch("warm "+s.dir+", KiB", &done, 0)
	defer stop()
	buffer := make([]byte, 1<<20)
	if kind == largeData {
		return s.warmFile(ctx, s.large(), s.layout.Size, buffer, &done)
	}
	for i := range s.layout.directories() {
		if _, err := countNames(s.layout.directory(s.root, i), buffer); err != nil {
			return err
		}
	}
	for _, name := range s.names {
		var st unix.Stat_t
		if err := unix.Stat(name, &st); err != nil {
			return &fs.PathError{Op: "stat", Path: name, Err: err}
		}
		if err := s.warmFile(ctx, name, s.layout.FileSize, buffer, &done); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) warmFile(ctx context.Context, name string, size int64, buffer []byte, done *atomic.Int64) error {
	fd, err := openFile(name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for at := int64(0); at < size; at += int64(len(buffer)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		part := buffer[:min(int64(len(buffer)), size-at)]
		if err := readFull(fd, part, at, name); err != nil {
			return err
		}
		done.Add(int64(len(part)) >> 10)
	}
	return nil
}

// serving is what the processes behind a folder have used so far, and hold now.
func (s *side) serving() (busy time.Duration, resident int64, err error) {
	for _, pid := range s.pids {
		b, err := busyOf(pid)
		if err != nil {
			return 0, 0, err
		}
		m, err := memoryOf(pid)
		if err != nil {
			return 0, 0, err
		}
		busy, resident = busy+b, resident+m.resident
	}
	return busy, resident, nil
}

// openFile opens without what os.Open would add: no poller gets to know the descriptor.
func openFile(name string) (fd int, err error) {
	for {
		fd, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return 0, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// readFull fills the buffer from a place of a file.
func readFull(fd int, buffer []byte, at int64, name string) error {
	for len(buffer) > 0 {
		n, err := unix.Pread(fd, buffer, at)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return &fs.PathError{Op: "read", Path: name, Err: err}
		case n == 0:
			return fmt.Errorf("%s ends at %d, %d bytes early", name, at, len(buffer))
		}
		buffer, at = buffer[n:], at+int64(n)
	}
	return nil
}

// forgetFile has the kernel drop its pages of one file. It keeps those that are not on disk yet, or mapped.
func forgetFile(name string) error {
	fd, err := openFile(name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
		return &fs.PathError{Op: "fadvise", Path: name, Err: err}
	}
	return nil
}

// dropCaches has the kernel drop all that it can read again, of all file systems: pages and names.
func dropCaches() error {
	unix.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200); err != nil {
		return fmt.Errorf("--drop-caches: only root can drop what the kernel keeps: %w", err)
	}
	return nil
}

// countNames lists a directory, without its dots.
func countNames(dir string, buffer []byte) (names int64, err error) {
	return eachEntry(dir, buffer, func(int, []byte) error { return nil })
}

// statNames is what ls -l asks of a directory: its names, and the attributes of each.
func statNames(dir string, buffer []byte) (names int64, err error) {
	return eachEntry(dir, buffer, func(fd int, name []byte) error {
		var st unix.Stat_t
		text := string(name)
		if err := unix.Fstatat(fd, text, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "stat", Path: filepath.Join(dir, text), Err: err}
		}
		return nil
	})
}

// eachEntry does something with each name of a directory, but its dots, and counts them.
func eachEntry(dir string, buffer []byte, do func(fd int, name []byte) error) (names int64, err error) {
	fd, err := openFile(dir)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Getdents(fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return names, &fs.PathError{Op: "readdir", Path: dir, Err: err}
		}
		if n <= 0 {
			return names, nil
		}
		for rest := buffer[:n]; len(rest) > 18; { // d_ino, d_off, d_reclen, d_type: 19 bytes before the name
			length := int(binary.NativeEndian.Uint16(rest[16:]))
			name := rest[19:length]
			name = name[:bytes.IndexByte(name, 0)]
			rest = rest[length:]
			if string(name) == "." || string(name) == ".." {
				continue
			}
			if err := do(fd, name); err != nil {
				return names, err
			}
			names++
		}
	}
}

// fileSystem names the kind of file system a folder is on, as /proc/self/mountinfo does.
func fileSystem(dir string) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	var st unix.Stat_t
	if err != nil || unix.Stat(dir, &st) != nil {
		return "unknown"
	}
	device := fmt.Sprintf(" %d:%d ", unix.Major(st.Dev), unix.Minor(st.Dev))
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		if kind, _, _ := strings.Cut(after, " "); strings.Contains(before, device) && kind != "" {
			return kind
		}
	}
	return "unknown"
}

// causeOf words an error without its path.
func causeOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
