package file

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"os"
	"syscall"

	"goosefs/ufs"
)

// Stat describes a file or folder; a symbolic link is what it leads to.
func (u *UFS) Stat(ctx context.Context, name string) (info ufs.Info, err error) {
	name, err = u.clean("stat", name)
	if err != nil {
		return ufs.Info{}, err
	}
	err = u.within(ctx, "stat", name, func(root *os.Root, local string) error {
		found, err := root.Stat(local)
		if err != nil {
			return err
		}
		info, err = u.describe(name, found)
		return err
	})
	return info, err
}

// List yields what a folder holds, except unfinished objects, special files, links
// that lead nowhere, out of the folder or to a folder above themselves, and
// names that [ufs.ValidElement] refuses.
func (u *UFS) List(ctx context.Context, name string) iter.Seq2[ufs.Info, error] {
	return func(yield func(ufs.Info, error) bool) {
		dir, err := u.openDir(ctx, name)
		if err != nil {
			yield(ufs.Info{}, err)
			return
		}
		defer dir.close()
		for {
			if err := ctx.Err(); err != nil {
				yield(ufs.Info{}, ufs.Ended("list", u.path(dir.name), err))
				return
			}
			entries, err := dir.file.ReadDir(512)
			for _, entry := range entries {
				info, skip, err := dir.look(entry)
				if err != nil {
					yield(ufs.Info{}, err)
					return
				}
				if !skip && !yield(info, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(ufs.Info{}, u.explain("list", dir.name, err))
				return
			}
		}
	}
}

// folder is a directory being listed.
type folder struct {
	u     *UFS
	name  string
	base  *os.Root // the mount
	here  *os.Root // the folder itself: its entries are one step away
	file  *os.File
	above []fs.FileInfo // the folder and those above it
}

func (u *UFS) openDir(ctx context.Context, name string) (*folder, error) {
	name, err := u.clean("list", name)
	if err != nil {
		return nil, err
	}
	// A folder that was removed while it is held open reads as empty: look first.
	if _, err := u.renew("list"); err != nil {
		return nil, err
	}
	d := &folder{u: u, name: name}
	err = u.within(ctx, "list", name, func(root *os.Root, local string) error {
		here, err := openFolder(root, local)
		if err != nil {
			return err
		}
		file, err := here.Open(".")
		if err != nil {
			here.Close()
			return err
		}
		d.base, d.here, d.file = root, here, file
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *folder) close() {
	d.file.Close()
	d.here.Close()
}

// look describes one entry, or says that it is to be left out.
func (d *folder) look(entry fs.DirEntry) (info ufs.Info, skip bool, err error) {
	element := entry.Name()
	if unfinished(element) {
		return info, true, nil
	}
	if !ufs.ValidElement(element) {
		d.u.warn("a name that cannot be shown was left out of a listing", "folder", d.u.path(d.name), "name", element)
		return info, true, nil
	}
	name := element
	if d.name != "" {
		name = d.name + "/" + element
	}
	var found fs.FileInfo
	if entry.Type()&fs.ModeSymlink != 0 {
		found, err = d.base.Stat(name)
		if err == nil && found.IsDir() && d.isAbove(found) {
			d.u.warn("a symbolic link to a folder above itself was left out of a listing", "link", d.u.path(name))
			return info, true, nil
		}
	} else {
		found, err = d.here.Lstat(element)
	}
	if err == nil {
		info, err = d.u.describe(name, found)
	}
	if err == nil {
		return info, false, nil
	}
	err = d.u.explain("list", name, err)
	switch ufs.Errno(err) {
	case syscall.ENOENT, syscall.EACCES, syscall.ELOOP, syscall.ENOTDIR:
		d.u.warn("an entry that cannot be read was left out of a listing", "path", d.u.path(name), "err", err)
		return info, true, nil
	}
	return info, false, err
}

// isAbove reports whether a folder is the listed one or above it, so that a link to it would never end.
func (d *folder) isAbove(target fs.FileInfo) bool {
	if d.above == nil {
		for name := d.name; ; name = ufs.Parent(name) {
			local := name
			if name == "" {
				local = "."
			}
			if info, err := d.base.Stat(local); err == nil {
				d.above = append(d.above, info)
			}
			if name == "" {
				break
			}
		}
	}
	for _, info := range d.above {
		if os.SameFile(info, target) {
			return true
		}
	}
	return false
}

// Open reads a part of one version of a file.
func (u *UFS) Open(ctx context.Context, name string, v ufs.Version, off, n int64) (io.ReadCloser, error) {
	const op = "open"
	name, err := u.clean(op, name)
	if err != nil {
		return nil, err
	}
	if v == "" {
		return nil, &fs.PathError{Op: op, Path: u.path(name), Err: &ufs.Reason{Errno: syscall.EINVAL, Text: "no version was asked for"}}
	}
	var file *os.File
	err = u.within(ctx, op, name, func(root *os.Root, local string) error {
		file, err = u.openRegular(root, name, local)
		return err
	})
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = u.same(op, name, v, info)
	}
	if err == nil {
		err = ufs.CheckRange(info.Size(), off, n)
	}
	if err != nil {
		file.Close()
		return nil, u.explain(op, name, err)
	}
	return &ufs.Exact{
		Op: "read", Path: u.path(name), Length: n,
		Body: &section{ctx: ctx, u: u, name: name, file: file, off: off, left: n},
		End: func() error {
			after, err := file.Stat()
			if err != nil {
				return u.explain("read", name, err)
			}
			return u.same("read", name, v, after)
		},
	}, nil
}

// openRegular opens a file, and nothing else. It looks before it opens, because to
// open a device may do something; and again after, because the name may have
// changed hands. O_NONBLOCK keeps a fifo from waiting for its writer.
func (u *UFS) openRegular(root *os.Root, name, local string) (*os.File, error) {
	check := func(info fs.FileInfo, err error) error {
		switch {
		case err != nil:
			return err
		case info.IsDir():
			return syscall.EISDIR
		case !info.Mode().IsRegular():
			return special("open", u.path(name), info)
		}
		return nil
	}
	if err := check(root.Stat(local)); err != nil {
		return nil, err
	}
	file, err := root.OpenFile(local, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := check(file.Stat()); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// same is ESTALE unless a stat is that of version v.
func (u *UFS) same(op, name string, v ufs.Version, info fs.FileInfo) error {
	if versionOf(info) == v {
		return nil
	}
	return &fs.PathError{Op: op, Path: u.path(name), Err: &ufs.Reason{Errno: syscall.ESTALE, Text: "the file changed"}}
}

// section is a part of an open file.
type section struct {
	ctx       context.Context
	u         *UFS
	name      string
	file      *os.File
	off, left int64
}

// Read implements io.Reader.
func (s *section) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, ufs.Ended("read", s.u.path(s.name), err)
	}
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.file.ReadAt(p[:min(int64(len(p)), s.left)], s.off)
	s.off += int64(n)
	s.left -= int64(n)
	if err == io.EOF {
		// Shorter than it was: say that it changed rather than that it broke.
		return n, &fs.PathError{Op: "read", Path: s.u.path(s.name), Err: &ufs.Reason{Errno: syscall.ESTALE, Text: "the file was cut short while it was read"}}
	}
	return n, s.u.explain("read", s.name, err)
}

// Close implements io.Closer.
func (s *section) Close() error { return s.file.Close() }
