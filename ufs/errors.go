package ufs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// Reason is the Err of an [*fs.PathError] where an errno alone says too little.
// The errno stays reachable by errors.As and errors.Is.
type Reason struct {
	Errno      syscall.Errno
	Text       string        // for people; without secrets
	Temporary  bool          // the same call may succeed later
	RetryAfter time.Duration // how long the source asked us to wait; 0: it did not
	Cause      error         // the context's error when that ended the call; else nil
}

// Error gives the text for people, then the errno's.
func (r *Reason) Error() string {
	if r.Text == "" {
		return r.Errno.Error()
	}
	return r.Text + ": " + r.Errno.Error()
}

// Unwrap gives the errno first, so that it is what errors.As finds.
func (r *Reason) Unwrap() []error {
	if r.Cause == nil {
		return []error{r.Errno}
	}
	return []error{r.Errno, r.Cause}
}

// Retryable reports whether the same call may succeed later without anyone
// changing anything: the source was busy, slow, out of reach, or broke off. It is
// false for answers (ENOENT, ESTALE, EACCES, …) and for calls whose caller went away.
func Retryable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var reason *Reason
	if errors.As(err, &reason) {
		return reason.Temporary
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.EAGAIN, syscall.ETIMEDOUT, syscall.EINTR, syscall.EBUSY, syscall.ECONNREFUSED,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		return true
	}
	return false
}

// Errno is the errno inside err: 0 for nil, EIO where there is none.
func Errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}

// Ended is the error of a call that stopped because its context ended: ETIMEDOUT
// for a deadline, ECANCELED for a caller that went away.
func Ended(op, path string, cause error) error {
	reason := &Reason{Errno: syscall.ECANCELED, Cause: cause}
	if errors.Is(cause, context.DeadlineExceeded) {
		reason.Errno, reason.Temporary = syscall.ETIMEDOUT, true
	}
	return &fs.PathError{Op: op, Path: path, Err: reason}
}
