package metastore

import (
	"fmt"
	"io/fs"
	"syscall"
)

// Error is what is wrong with a path: GooseFS's text for people and scripts,
// and operation, path and errno for programs (errors.As to *fs.PathError or
// syscall.Errno).
type Error struct {
	Text string
	Err  *fs.PathError
}

func (e *Error) Error() string { return e.Text }

func (e *Error) Unwrap() error { return e.Err }

func errorf(op, path string, errno syscall.Errno, format string, args ...any) *Error {
	return &Error{
		Text: fmt.Sprintf(format, args...),
		Err:  &fs.PathError{Op: op, Path: path, Err: errno},
	}
}

func errNotExist(op, path string) *Error {
	return errorf(op, path, syscall.ENOENT, "Path %q does not exist.", path)
}

// errAbsent: nothing is known at the end of the walk. Behind a link, only a
// client can tell what is there.
func errAbsent(op, path, in string, deepest *Inode) *Error {
	if deepest.Symlink != "" {
		return errThrough(op, path, in, deepest)
	}
	return errNotExist(op, path)
}

// errThrough: path leads through what is no directory, at the path in the way.
func errThrough(op, path, in string, n *Inode) *Error {
	if n.Symlink != "" && path != in {
		return errorf(op, path, syscall.ENOTDIR,
			"Path %q leads through symbolic link %q -> %q, which only clients follow: ask for a path without it.", path, in, n.Symlink)
	}
	return errNotDir(op, path, in)
}

// errNotDir: file is path itself, or in the way to it.
func errNotDir(op, path, file string) *Error {
	if path == file {
		return errorf(op, path, syscall.ENOTDIR, "Path %q is not a directory.", path)
	}
	return errorf(op, path, syscall.ENOTDIR, "Path %q cannot be: %q is a file.", path, file)
}

func errIsDir(op, path string) *Error {
	return errorf(op, path, syscall.EISDIR, "Is a directory: %q", path)
}

func errExists(op, path string) *Error {
	return errorf(op, path, syscall.EEXIST, "%s already exists", path)
}

func errReadOnly(op, path string, m Mount) *Error {
	return errorf(op, path, syscall.EROFS,
		"A write operation on %s under a readonly mount point %s is not allowed", path, m.Path)
}

func errStale(op, path string, have, want int64) *Error {
	return errorf(op, path, syscall.ESTALE, "Path %q is no longer file id %d, it is %d.", path, want, have)
}
