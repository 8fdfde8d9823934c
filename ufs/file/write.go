package file

import (
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"goosefs/ufs"

	"golang.org/x/sys/unix"
)

// Create starts a file under a temporary name in the same folder.
func (u *UFS) Create(ctx context.Context, name string, mode fs.FileMode) (ufs.Writer, error) {
	const op = "create"
	name, err := u.cleanTarget(op, name)
	if err != nil {
		return nil, err
	}
	w := &writer{u: u, name: name, mode: mode.Perm(), temp: tempPrefix + rand.Text() + tempSuffix}
	err = u.within(ctx, op, name, func(root *os.Root, local string) error {
		if info, err := root.Lstat(local); err == nil && info.IsDir() {
			return syscall.EISDIR
		}
		dir, err := openFolder(root, localParent(name))
		if err != nil {
			return err
		}
		w.file, err = dir.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			dir.Close()
			return err
		}
		w.dir = dir
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// writer is a file being written, for one goroutine.
type writer struct {
	u    *UFS
	name string
	mode fs.FileMode
	temp string
	dir  *os.Root // the folder that holds temp; nil when the writer has ended
	file *os.File
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.dir == nil {
		return 0, w.ended("write")
	}
	n, err := w.file.Write(p)
	return n, w.u.explain("write", w.name, err)
}

// Commit flushes the file, gives it its name, and flushes the folder.
func (w *writer) Commit(ctx context.Context) (ufs.Info, error) {
	const op = "commit"
	if w.dir == nil {
		return ufs.Info{}, w.ended(op)
	}
	if err := ctx.Err(); err != nil {
		w.Abort()
		return ufs.Info{}, ufs.Ended(op, w.u.path(w.name), err)
	}
	err := w.file.Chmod(w.mode)
	if err == nil {
		err = w.file.Sync()
	}
	if err == nil {
		err = w.dir.Rename(w.temp, ufs.Base(w.name))
	}
	if err != nil {
		w.Abort()
		return ufs.Info{}, w.u.explain(op, w.name, err)
	}
	defer w.release()
	if err := syncDir(w.dir); err != nil {
		return ufs.Info{}, w.u.explain(op, w.name, err)
	}
	info, err := w.file.Stat()
	if err != nil {
		return ufs.Info{}, w.u.explain(op, w.name, err)
	}
	return w.u.describe(w.name, info)
}

// Abort removes the temporary file.
func (w *writer) Abort() error {
	if w.dir == nil {
		return w.ended("abort")
	}
	defer w.release()
	return w.u.explain("abort", w.name, w.dir.Remove(w.temp))
}

func (w *writer) release() {
	w.file.Close()
	w.dir.Close()
	w.dir = nil
}

func (w *writer) ended(op string) error {
	return &fs.PathError{Op: op, Path: w.u.path(w.name), Err: syscall.EBADF}
}

// Mkdir makes a folder.
func (u *UFS) Mkdir(ctx context.Context, name string, mode fs.FileMode) error {
	const op = "mkdir"
	name, err := u.cleanTarget(op, name)
	if err != nil {
		return err
	}
	return u.within(ctx, op, name, func(root *os.Root, local string) error {
		if err := root.Mkdir(local, mode.Perm()); err != nil {
			return err
		}
		dir, err := root.Open(local)
		if err != nil {
			return err
		}
		defer dir.Close()
		if err := dir.Chmod(mode.Perm()); err != nil { // whatever the umask
			return err
		}
		return syncParent(root, name)
	})
}

// Remove removes a file, a link, or an empty folder. Remains of unfinished objects
// do not keep a folder from being empty: nobody can see them.
func (u *UFS) Remove(ctx context.Context, name string) error {
	const op = "remove"
	name, err := u.cleanTarget(op, name)
	if err != nil {
		return err
	}
	return u.within(ctx, op, name, func(root *os.Root, local string) error {
		err := root.Remove(local)
		if ufs.Errno(err) == syscall.ENOTEMPTY && removeTemps(root, local) {
			err = root.Remove(local)
		}
		if err != nil {
			return err
		}
		return syncParent(root, name)
	})
}

// removeTemps empties a folder that holds nothing but unfinished objects; false if it holds more.
func removeTemps(root *os.Root, local string) bool {
	dir, err := root.Open(local)
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		if !unfinished(name) {
			return false
		}
	}
	for _, name := range names {
		if root.Remove(local+"/"+name) != nil {
			return false
		}
	}
	return true
}

// Rename moves a file, a link or a folder to a name that is free.
func (u *UFS) Rename(ctx context.Context, from, to string) error {
	const op = "rename"
	from, err := u.cleanTarget(op, from)
	if err != nil {
		return err
	}
	to, err = u.cleanTarget(op, to)
	if err != nil {
		return err
	}
	return u.within(ctx, op, from, func(root *os.Root, _ string) error {
		source, err := root.Open(localParent(from))
		if err != nil {
			return err
		}
		defer source.Close()
		target, err := root.Open(localParent(to))
		if err != nil {
			return err
		}
		defer target.Close()
		// A rename does not follow links in its last element, so two open folders and
		// two plain elements cannot leave the mount.
		err = unix.Renameat2(int(source.Fd()), ufs.Base(from), int(target.Fd()), ufs.Base(to), unix.RENAME_NOREPLACE)
		if err == unix.EINVAL || err == unix.ENOSYS {
			err = renameSlowly(root, from, to, err)
		}
		if err != nil {
			return err
		}
		if err := target.Sync(); err != nil {
			return err
		}
		return source.Sync()
	})
}

// Move is Rename for a file, whose version has the time of the last change of its attributes in it: a rename is one.
func (u *UFS) Move(ctx context.Context, from, to string, v ufs.Version) (ufs.Info, error) {
	const op = "rename"
	before, err := u.Stat(ctx, from)
	switch {
	case err == nil && before.Version != v:
		return ufs.Info{}, &fs.PathError{Op: op, Path: u.path(from), Err: &ufs.Reason{Errno: syscall.ESTALE, Text: "the file changed"}}
	case err == nil:
		err = u.Rename(ctx, from, to)
	}
	if err != nil && ufs.Errno(err) != syscall.ENOENT {
		return ufs.Info{}, err
	}
	after, otherwise := u.Moved(ctx, to, v)
	if otherwise == nil || err == nil {
		return after, otherwise
	}
	return ufs.Info{}, err
}

// Moved tells what a file of version v is called at its new name.
func (u *UFS) Moved(ctx context.Context, to string, v ufs.Version) (ufs.Info, error) {
	info, err := u.Stat(ctx, to)
	if err != nil {
		return ufs.Info{}, err
	}
	if !sameContent(info.Version, v) {
		return ufs.Info{}, &fs.PathError{Op: "rename", Path: u.path(to), Err: &ufs.Reason{Errno: syscall.ESTALE, Text: "the file changed"}}
	}
	return info, nil
}

// sameContent says whether two versions differ in nothing but the time of the last change of attributes.
func sameContent(a, b ufs.Version) bool {
	i, j := strings.LastIndexByte(string(a), ':'), strings.LastIndexByte(string(b), ':')
	return i > 0 && j > 0 && a[:i] == b[:j]
}

// renameSlowly is for file systems without RENAME_NOREPLACE, which say EINVAL to it
// as they do to moving a folder into itself.
func renameSlowly(root *os.Root, from, to string, why error) error {
	if len(to) > len(from) && to[:len(from)] == from && to[len(from)] == '/' {
		return why
	}
	if _, err := root.Lstat(from); err != nil {
		return err
	}
	if _, err := root.Lstat(to); err == nil {
		return syscall.EEXIST
	} else if ufs.Errno(err) != syscall.ENOENT {
		return err
	}
	return root.Rename(from, to)
}

// cleanTarget is clean for a name that is to be changed: the base is not.
func (u *UFS) cleanTarget(op, name string) (string, error) {
	name, err := u.clean(op, name)
	if err == nil && name == "" {
		err = &fs.PathError{Op: op, Path: u.base, Err: syscall.EBUSY}
	}
	return name, err
}

func localParent(name string) string {
	if parent := ufs.Parent(name); parent != "" {
		return parent
	}
	return "."
}

func syncParent(root *os.Root, name string) error {
	dir, err := root.Open(localParent(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func syncDir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
