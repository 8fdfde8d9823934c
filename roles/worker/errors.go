package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Why a flight ends that is not its source's fault.
var (
	errStopping = status.Error(codes.Unavailable, "the worker is stopping") // for its clients the same as nobody there
	errForsaken = errors.New("nobody waits for it")                         // never seen by a reader: it asks anew
	errNotKept  = errors.New("the cache has no room or no time for it now")
	errSilent   = errors.New("the source fell silent")
	errRetired  = errors.New("its mount is another now")
	errLarge    = errors.New("the file would take too much of the cache")
	errTight    = errors.New("the cache refused bytes a moment ago")
)

// readError is an error with words for people, and operation, path and errno for programs.
type readError struct {
	text string
	at   *fs.PathError
}

func (e *readError) Error() string { return e.text }
func (e *readError) Unwrap() error { return e.at }

func readErrorf(path string, errno syscall.Errno, format string, args ...any) error {
	return &readError{fmt.Sprintf(format, args...), &fs.PathError{Op: "read", Path: path, Err: errno}}
}

// sourceGone: the version is not to be had any more.
func sourceGone(path string, err error) error {
	return readErrorf(path, syscall.ESTALE, "file changed in UFS since open: %s: %v", path, err)
}

// sourceFailed: the source does not give the bytes. That is an I/O error, whatever kind of trouble the source has: the
// reader must not take it for trouble with this worker.
func sourceFailed(err error) error {
	errno := errnoOf(err)
	if errno != syscall.EACCES {
		errno = syscall.EIO
	}
	return readErrorf(placeOf(err, "the under file system"), errno, "cannot read from the under file system: %v", err)
}

// sourceSilent: the source takes too long.
func sourceSilent(src *source, err error, patience time.Duration) error {
	where := placeOf(err, src.GetPath())
	return readErrorf(where, syscall.EIO, "cannot read from the under file system: %s: nothing came for %v", where, patience)
}

// sourceCrowded: so many ranges of the source wait to be fetched that this one's turn did not come.
func sourceCrowded(src *source, patience time.Duration) error {
	return readErrorf(src.GetPath(), syscall.EIO, "cannot read from the under file system: %s: too much of it is being fetched, no turn came for %v", src.GetPath(), patience)
}

// notKept: the cache would not take what it was to have.
func notKept(src *source, bytes int64) error {
	return readErrorf(src.GetPath(), syscall.ENOSPC, "%s is not cached: the worker's cache has no room for %d bytes of it, or it was freed meanwhile", src.GetPath(), bytes)
}

// placeOf is the URL or path that an error speaks of.
func placeOf(err error, otherwise string) string {
	var at *fs.PathError
	if errors.As(err, &at) && at.Path != "" {
		return at.Path
	}
	return otherwise
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}
