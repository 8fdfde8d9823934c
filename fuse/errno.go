package fuse

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// translated are the errnos that mean one thing to the cluster and another to a program that reads files. All others
// pass as they are.
var translated = map[syscall.Errno]syscall.Errno{
	syscall.ECANCELED: syscall.EINTR, // the program was signalled while we waited
	// Programs take EAGAIN for "not ready yet" and some retry at once for ever.
	syscall.EAGAIN:    syscall.EIO,
	syscall.ETIMEDOUT: syscall.EIO,
	// These would make the kernel think of itself or of the mount, not of the file.
	syscall.ENOSYS:   syscall.EIO, // remembered: the kernel would never send that request again
	syscall.ENOTCONN: syscall.EIO, // reads like a dead mount
	syscall.ENODEV:   syscall.EIO, // the same
	syscall.ERANGE:   syscall.EIO, // to getxattr it means: bring a larger buffer
	// Who the mount is was not believed; no program knows the word for that.
	syscall.ENOKEY: syscall.EACCES,
}

// errnoOf is what the kernel is told of err. Every failure of a [Tree] passes here.
//
// It goes by the errno, never by errors.Is with fs.ErrExist and kin: ENOTEMPTY, for one, "is" fs.ErrExist.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && errno != 0:
		if other, ok := translated[errno]; ok {
			return other
		}
		return errno
	case errors.Is(err, context.Canceled):
		return syscall.EINTR
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return syscall.EACCES
	}
	return syscall.EIO
}
