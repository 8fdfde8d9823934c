package raftlog

import (
	"fmt"
	"io/fs"
	"syscall"
)

// What Propose, ReadIndex and TransferLeadership answer when they fail for reasons of the log. Each also
// unwraps to an errno. A context's own error is returned as it is, and means the same as ErrUnknown.
var (
	// ErrNotLeader: another member leads, or none. The command did not and will not happen.
	ErrNotLeader error = &reason{"this member is not the leader", syscall.EAGAIN}
	// ErrBusy: too much is waiting, or leadership is being handed over. It did not happen; try again.
	ErrBusy error = &reason{"the log is busy, try again", syscall.EAGAIN}
	// ErrUnknown: leadership was lost with the command on its way. It may have happened, or may yet.
	ErrUnknown error = &reason{"the outcome is unknown: leadership was lost on the way", syscall.ETIMEDOUT}
	// ErrClosed: the log is closed. The command did not happen.
	ErrClosed error = &reason{"the log is closed", syscall.ESHUTDOWN}
	// ErrFull: the disk of this member is full, or nearly. The command did not happen.
	ErrFull error = &reason{"the disk of the masters' journal is full", syscall.ENOSPC}
	// ErrRemoved: what a member that was removed from the cluster is told.
	ErrRemoved error = &reason{"this member was removed from the cluster", syscall.EPERM}
	// ErrTooLarge: longer than Config.MaxCommandBytes. It did not happen.
	ErrTooLarge error = &reason{"the command is too long", syscall.EMSGSIZE}
)

// reason is an errno with words for a person.
type reason struct {
	text  string
	errno syscall.Errno
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.errno }

func because(errno syscall.Errno, format string, args ...any) *reason {
	return &reason{fmt.Sprintf(format, args...), errno}
}

// refuse is the error of a folder or file that cannot be used as it is.
func refuse(path string, errno syscall.Errno, format string, args ...any) error {
	return &fs.PathError{Op: "open journal", Path: path, Err: because(errno, format, args...)}
}

func invalid(dir, format string, args ...any) error {
	return refuse(dir, syscall.EINVAL, format, args...)
}

// fault names the operation and the path of an error of the disk, keeping its errno reachable.
func fault(op, path string, err error) error {
	return &fs.PathError{Op: op, Path: path, Err: err}
}
