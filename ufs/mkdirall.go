package ufs

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// MkdirAll makes dir and what is above it, where missing, with permissions 0755.
func MkdirAll(ctx context.Context, u UFS, dir string) error {
	if dir == "." || dir == "" {
		return nil
	}
	info, err := u.Stat(ctx, dir)
	if err == nil && info.Dir {
		return nil
	}
	if err == nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	if Errno(err) != syscall.ENOENT {
		return err
	}
	if err := MkdirAll(ctx, u, Parent(dir)); err != nil {
		return err
	}
	return EnsureDir(ctx, u, dir, 0o755)
}

// EnsureDir makes one directory whose parent exists. If it is there already that is fine: somebody else made it.
func EnsureDir(ctx context.Context, u UFS, name string, mode fs.FileMode) error {
	err := u.Mkdir(ctx, name, mode)
	if Errno(err) != syscall.EEXIST {
		return err
	}
	info, there := u.Stat(ctx, name)
	if there == nil && info.Dir {
		return nil
	}
	return errors.Join(err, there)
}
