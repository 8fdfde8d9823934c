package blockcache

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskFile is what the cache does to an open file. Errors carry an errno.
type diskFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	// punch frees the space of a range, which then reads as zeros.
	punch(off, n int64) error
	stat() (diskState, error)
	// lockAlone takes the file's exclusive flock without waiting, and fails if
	// somebody else may hold a descriptor of it. unlock gives it back.
	lockAlone() bool
	unlock()
}

// diskState is what tells a file from another, and from itself when others wrote to it. changed is the time of the last
// change of anything about it (ctime, Unix nanoseconds): unlike the time of modification nobody can set that back, as
// tools do that copy a file with its times.
type diskState struct {
	dev, ino uint64
	size     int64
	changed  int64
}

// opener opens or creates a file; tests put faults here.
type opener func(path string, flag int) (diskFile, error)

// osFile is a diskFile of the operating system.
type osFile struct{ *os.File }

func openOS(path string, flag int) (diskFile, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) punch(off, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
		if err != unix.EINTR {
			return err
		}
	}
}

func (f osFile) stat() (diskState, error) {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return diskState{}, err
	}
	return diskState{s.Dev, s.Ino, s.Size, s.Ctim.Nano()}, nil
}

func (f osFile) lockAlone() bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func (f osFile) unlock() { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// fault is what an I/O error means for the cache.
type fault int

const (
	noFault     fault = iota
	faultCaller       // a shortage of our process; the disk and the bytes are well
	faultSpace        // the disk is full
	faultFile         // this file is not what it was
	faultDevice       // the directory is of no use any more
)

// judge sorts an error of the operating system.
func judge(err error) fault {
	var errno syscall.Errno
	switch {
	case err == nil:
		return noFault
	case !errors.As(err, &errno): // an end of file, or a reason of load's
		return faultFile
	}
	switch errno {
	case syscall.ENOSPC, syscall.EDQUOT:
		return faultSpace
	case syscall.ENOENT, syscall.ELOOP, syscall.EISDIR, syscall.ENOTDIR:
		return faultFile
	case syscall.EIO, syscall.EROFS, syscall.ENODEV, syscall.ENXIO, syscall.EUCLEAN,
		syscall.ESTALE, syscall.ENOTCONN, syscall.ESHUTDOWN, syscall.EACCES, syscall.EPERM:
		return faultDevice
	}
	return faultCaller
}
