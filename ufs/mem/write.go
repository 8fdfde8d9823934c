package mem

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"syscall"

	"goosefs/ufs"
)

// writer gathers the bytes of a new file, for one goroutine.
type writer struct {
	u     *UFS
	name  string
	mode  fs.FileMode
	data  bytes.Buffer
	ended bool
}

// Create implements ufs.UFS.
func (u *UFS) Create(ctx context.Context, name string, mode fs.FileMode) (ufs.Writer, error) {
	const op = "create"
	name, err := u.enter(ctx, op, name)
	if err != nil {
		return nil, err
	}
	defer u.mu.Unlock()
	if err := u.targetLocked(op, name); err != nil {
		return nil, err
	}
	if u.mu.nodes[name].dir {
		return nil, failed(op, name, syscall.EISDIR)
	}
	return &writer{u: u, name: name, mode: mode.Perm()}, nil
}

// targetLocked checks that name can be made or changed: it is not the base, and its parent is a directory.
func (u *UFS) targetLocked(op, name string) error {
	if name == "" {
		return failed(op, name, syscall.EBUSY)
	}
	above, err := u.findLocked(op, ufs.Parent(name))
	if err == nil && !above.dir {
		err = failed(op, name, syscall.ENOTDIR)
	}
	return err
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, failed("write", w.name, syscall.EBADF)
	}
	return w.data.Write(p)
}

// Commit implements ufs.Writer.
func (w *writer) Commit(ctx context.Context) (ufs.Info, error) {
	const op = "commit"
	if w.ended {
		return ufs.Info{}, failed(op, w.name, syscall.EBADF)
	}
	w.ended = true
	name, err := w.u.enter(ctx, op, w.name)
	if err != nil {
		return ufs.Info{}, err
	}
	defer w.u.mu.Unlock()
	if err := w.u.targetLocked(op, name); err != nil {
		return ufs.Info{}, err
	}
	if w.u.mu.nodes[name].dir {
		return ufs.Info{}, failed(op, name, syscall.EISDIR)
	}
	return describe(name, w.u.putLocked(name, w.data.Bytes(), w.mode)), nil
}

// Abort implements ufs.Writer.
func (w *writer) Abort() error {
	if w.ended {
		return failed("abort", w.name, syscall.EBADF)
	}
	w.ended = true
	return nil
}

// Mkdir implements ufs.UFS.
func (u *UFS) Mkdir(ctx context.Context, name string, mode fs.FileMode) error {
	const op = "mkdir"
	name, err := u.enter(ctx, op, name)
	if err != nil {
		return err
	}
	defer u.mu.Unlock()
	if err := u.targetLocked(op, name); err != nil {
		return err
	}
	if _, taken := u.mu.nodes[name]; taken {
		return failed(op, name, syscall.EEXIST)
	}
	u.mu.nodes[name] = node{dir: true, mode: mode.Perm()}
	return nil
}

// Remove implements ufs.UFS.
func (u *UFS) Remove(ctx context.Context, name string) error {
	const op = "remove"
	name, err := u.enter(ctx, op, name)
	if err != nil {
		return err
	}
	defer u.mu.Unlock()
	if err := u.targetLocked(op, name); err != nil {
		return err
	}
	if _, err := u.findLocked(op, name); err != nil {
		return err
	}
	for key := range u.mu.nodes {
		if strings.HasPrefix(key, name+"/") && !ufs.IsStaged(ufs.Base(key)) {
			return failed(op, name, syscall.ENOTEMPTY)
		}
	}
	for key := range u.mu.nodes {
		if strings.HasPrefix(key, name+"/") {
			delete(u.mu.nodes, key)
		}
	}
	delete(u.mu.nodes, name)
	return nil
}

// Rename implements ufs.UFS.
func (u *UFS) Rename(ctx context.Context, from, to string) error {
	const op = "rename"
	to, err := ufs.CleanName(to)
	if err != nil {
		return failed(op, to, err)
	}
	from, err = u.enter(ctx, op, from)
	if err != nil {
		return err
	}
	defer u.mu.Unlock()
	for _, name := range []string{from, to} {
		if err := u.targetLocked(op, name); err != nil {
			return err
		}
	}
	if _, err := u.findLocked(op, from); err != nil {
		return err
	}
	if _, taken := u.mu.nodes[to]; taken {
		return failed(op, to, syscall.EEXIST)
	}
	if strings.HasPrefix(to, from+"/") {
		return failed(op, to, syscall.EINVAL)
	}
	moved := map[string]node{}
	for key, n := range u.mu.nodes {
		if key == from || strings.HasPrefix(key, from+"/") {
			moved[key] = n
		}
	}
	for key, n := range moved {
		delete(u.mu.nodes, key)
		u.mu.nodes[to+key[len(from):]] = n
	}
	return nil
}
