// Package file is the under file system of a folder on this host, or on a file
// system that this host has mounted (NFS, CephFS, …).
//
// Nothing outside the folder can be reached: every name is resolved by [os.Root],
// which follows symbolic links only as long as they stay inside. Fifos, devices and
// sockets are EACCES, and opening one never blocks or touches it.
//
// A version is the inode, the length, and the times of the last change of content
// and of attributes, in nanoseconds. The device number is not in it, since it differs
// between hosts that mount the same file system. It is compared before the first
// byte and again, on the same descriptor, after the last. A change within
// one tick of the kernel's clock that keeps the length cannot be seen.
//
// A folder that is gone, or replaced by another file system (an unmounted disk
// leaves an empty folder behind), is EIO, not an empty dataset.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"goosefs/ufs"
)

// Options are the settings of one mount.
type Options struct {
	Logger *slog.Logger // nil: none
}

// UFS is one mounted folder. Make it with New.
type UFS struct {
	base   string // absolute path
	log    *slog.Logger
	owners owners
	warned sync.Map // kinds of trouble already logged at warning level: string → struct{}

	mu struct {
		sync.RWMutex
		root *os.Root
		info fs.FileInfo // of the folder that root holds
	}
}

var (
	_ ufs.UFS      = (*UFS)(nil)
	_ ufs.Capacity = (*UFS)(nil)
	_ ufs.Mover    = (*UFS)(nil)
	_ ufs.Sweeper  = (*UFS)(nil)
)

// New mounts the folder at an absolute path, which must exist.
func New(path string, opt Options) (*UFS, error) {
	if !filepath.IsAbs(path) {
		return nil, &fs.PathError{Op: "mount", Path: path, Err: &ufs.Reason{Errno: syscall.EINVAL, Text: "not an absolute path"}}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	u := &UFS{base: filepath.Clean(path), log: opt.Logger}
	root, info, err := openBase(u.base)
	if err != nil {
		return nil, &fs.PathError{Op: "mount", Path: u.base, Err: ufs.Errno(err)}
	}
	u.mu.root, u.mu.info = root, info
	return u, nil
}

func openBase(path string) (*os.Root, fs.FileInfo, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, nil, err
	} else if !info.IsDir() {
		return nil, nil, syscall.ENOTDIR
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := root.Stat(".")
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return root, info, nil
}

// openFolder is root.OpenRoot, with ENOTDIR where that has no errno.
func openFolder(root *os.Root, local string) (*os.Root, error) {
	info, err := root.Stat(local)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, syscall.ENOTDIR
	}
	return root.OpenRoot(local)
}

// Close gives the folder back. Readers and writers that are open go on.
func (u *UFS) Close() error {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.mu.root.Close()
}

// Capacity is that of the file system which holds the folder.
func (u *UFS) Capacity(context.Context) (total, used int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(u.base, &s); err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: u.base, Err: err}
	}
	return int64(s.Blocks) * s.Bsize, int64(s.Blocks-s.Bfree) * s.Bsize, nil
}

// within runs f on the folder. If f finds something missing, it is made sure that
// the folder itself is still the one that was mounted; if it was made anew
// meanwhile, f runs once more in the new one.
func (u *UFS) within(ctx context.Context, op, name string, f func(root *os.Root, name string) error) error {
	if err := ctx.Err(); err != nil {
		return ufs.Ended(op, u.path(name), err)
	}
	local := name
	if name == "" {
		local = "."
	}
	u.mu.RLock()
	root := u.mu.root
	u.mu.RUnlock()
	err := f(root, local)
	if ufs.Errno(err) == syscall.ENOENT || errors.Is(err, fs.ErrClosed) {
		renewed, baseErr := u.renew(op)
		switch {
		case baseErr != nil:
			return baseErr
		case renewed != root:
			err = f(renewed, local)
		}
	}
	return u.explain(op, name, err)
}

// renew checks that the mounted folder is still there under its path, and opens it
// again if it was made anew.
func (u *UFS) renew(op string) (*os.Root, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	root, info, err := openBase(u.base)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: u.base, Err: &ufs.Reason{Errno: syscall.EIO,
			Text: "the mounted folder cannot be opened (" + ufs.Errno(err).Error() + ")", Temporary: true}}
	}
	if os.SameFile(info, u.mu.info) {
		root.Close()
		return u.mu.root, nil
	}
	if device(info) != device(u.mu.info) {
		root.Close()
		return nil, &fs.PathError{Op: op, Path: u.base, Err: &ufs.Reason{Errno: syscall.EIO,
			Text: "the mounted folder is on another file system than before (was a disk unmounted?)", Temporary: true}}
	}
	u.mu.root.Close()
	u.mu.root, u.mu.info = root, info
	return root, nil
}

// path is the absolute path of a name, for errors.
func (u *UFS) path(name string) string { return filepath.Join(u.base, name) }

// explain makes a caller's error of the operating system's.
func (u *UFS) explain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var reason *ufs.Reason
	var known *fs.PathError
	if errors.As(err, &reason) && errors.As(err, &known) {
		return err
	}
	var errno syscall.Errno
	if errors.Is(err, fs.ErrClosed) {
		return &fs.PathError{Op: op, Path: u.path(name), Err: syscall.EBADF}
	}
	if !errors.As(err, &errno) {
		// os.Root's own refusals have no errno: the only one that valid names can meet is this.
		return &fs.PathError{Op: op, Path: u.path(name), Err: &ufs.Reason{Errno: syscall.EACCES, Text: "a symbolic link leads out of the mounted folder"}}
	}
	return &fs.PathError{Op: op, Path: u.path(name), Err: errno}
}

// clean checks a name; those of unfinished objects are not to be had.
func (u *UFS) clean(op, name string) (string, error) {
	cleaned, err := ufs.CleanName(name)
	if err == nil && isTemp(ufs.Base(cleaned)) {
		err = syscall.EINVAL
	}
	if err != nil {
		return "", &fs.PathError{Op: op, Path: u.base + "/" + name, Err: err}
	}
	return cleaned, nil
}

const (
	tempPrefix = ".goosefs-"
	tempSuffix = ".tmp"
)

// isTemp reports whether an element is that of an unfinished object.
func isTemp(element string) bool {
	return strings.HasPrefix(element, tempPrefix) && strings.HasSuffix(element, tempSuffix)
}

// unfinished reports whether an element is that of an object that is not what somebody asked for yet.
func unfinished(element string) bool { return isTemp(element) || ufs.IsStaged(element) }

// versionOf names the content that a stat describes.
func versionOf(info fs.FileInfo) ufs.Version {
	s := info.Sys().(*syscall.Stat_t)
	return ufs.Version(fmt.Sprintf("%d:%d:%d:%d", s.Ino, s.Size, s.Mtim.Nano(), s.Ctim.Nano()))
}

func device(info fs.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Dev) }

// describe turns a stat into an Info; EACCES for what is neither file nor folder.
func (u *UFS) describe(name string, info fs.FileInfo) (ufs.Info, error) {
	s := info.Sys().(*syscall.Stat_t)
	out := ufs.Info{
		Name: ufs.Base(name), ModTime: info.ModTime(), Mode: info.Mode().Perm(),
		Owner: u.owners.user(s.Uid), Group: u.owners.group(s.Gid),
	}
	switch {
	case info.IsDir():
		out.Dir = true
	case info.Mode().IsRegular():
		out.Size, out.Version = info.Size(), versionOf(info)
	default:
		return ufs.Info{}, special("stat", u.path(name), info)
	}
	return out, nil
}

func special(op, path string, info fs.FileInfo) error {
	return &fs.PathError{Op: op, Path: path, Err: &ufs.Reason{Errno: syscall.EACCES, Text: "neither a file nor a folder (" + info.Mode().Type().String() + ")"}}
}

// warn logs the first trouble of a kind in this mount as a warning and the rest for debugging.
func (u *UFS) warn(kind string, args ...any) {
	level := slog.LevelDebug
	if _, known := u.warned.LoadOrStore(kind, struct{}{}); !known {
		level = slog.LevelWarn
	}
	u.log.Log(context.Background(), level, kind, args...)
}

// Sweep removes unfinished objects that have not been written to for age.
func (u *UFS) Sweep(ctx context.Context, age time.Duration) (swept int, err error) {
	err = u.within(ctx, "sweep", "", func(root *os.Root, _ string) error {
		return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ufs.Ended("sweep", u.base, ctx.Err())
			}
			if err != nil || !d.Type().IsRegular() || !unfinished(d.Name()) {
				return nil // what cannot be read has nothing to sweep
			}
			info, err := root.Lstat(path)
			if err == nil && time.Since(info.ModTime()) >= age && root.Remove(path) == nil {
				swept++
			}
			return nil
		})
	})
	return swept, err
}
