package master

import (
	"context"
	"fmt"
	"io/fs"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
)

// What was written for an under file system waits there, whole, under a staged name. To place it is to give it the file's own
// name. A master may die between that and its note in the log, and whoever tries again finds nothing staged. That a file with
// the name is there, and as long, says nothing: others put files there, too. So the version of what is staged is noted in the
// log first: by that a later try knows what an earlier one has placed.

// placing is the placing of one file.
type placing struct {
	staged, name string
	mode         fs.FileMode
	length       int64
	noted        ufs.Version // of what was to be placed by the last try; empty: there was none

	found  ufs.Info // what is staged or, if placed is set, what has the name
	placed bool
}

// placeThrough gives what waits under a staged name in r's under file system the file's own name, if it has the length.
func (m *Master) placeThrough(ctx context.Context, r metastore.Resolution, staged string, length int64) (ufs.Info, error) {
	src, err := m.sources.of(r.Mount)
	if err != nil {
		return ufs.Info{}, err
	}
	p := &placing{staged: staged, name: r.Rel, mode: ufsMode(r.Inode), length: length, noted: ufs.Version(r.Inode.Version)}
	if err := src.call(ctx, p.look); err != nil {
		return ufs.Info{}, err
	}
	if p.found.Size == length && !p.placed {
		if p.found.Version != p.noted {
			version := string(p.found.Version)
			note := metastore.SetAttribute{Header: m.head(nil), Path: r.Path, IfID: r.Inode.ID, Version: &version}
			if _, err := m.propose(ctx, note); err != nil {
				return ufs.Info{}, err
			}
		}
		if err := src.call(ctx, p.place); err != nil {
			return ufs.Info{}, err
		}
	}
	if p.found.Size != length {
		return ufs.Info{}, &metastore.Error{
			Text: fmt.Sprintf("%s has %d bytes in the under file system, not %d: it was not written whole", r.Path, p.found.Size, length),
			Err:  pathErr("complete", r.Path, syscall.EIO),
		}
	}
	return p.found, nil
}

// look finds what there is to place, or what an earlier try has placed. An empty file is made: no worker ever heard of it.
func (p *placing) look(ctx context.Context, u ufs.UFS) (err error) {
	if p.noted != "" {
		p.found, err = moved(ctx, u, p.name, p.noted)
		switch {
		case err == nil:
			p.placed = true
			if err := u.Remove(ctx, p.staged); err != nil && errnoOf(err) != syscall.ENOENT { // it was staged once more
				return err
			}
			return nil
		case errnoOf(err) != syscall.ENOENT && errnoOf(err) != syscall.ESTALE:
			return err
		}
	}
	p.found, err = u.Stat(ctx, p.staged)
	if errnoOf(err) != syscall.ENOENT {
		return err
	}
	p.found = ufs.Info{}
	if p.length == 0 {
		p.found, err = makeEmpty(ctx, u, p.staged, p.mode)
		return err
	}
	return nil
}

// place gives what was found its name, never over something else.
func (p *placing) place(ctx context.Context, u ufs.UFS) (err error) {
	if m, able := u.(ufs.Mover); able {
		p.found, err = m.Move(ctx, p.staged, p.name, p.found.Version)
		return err
	}
	if err := u.Rename(ctx, p.staged, p.name); err != nil {
		return err
	}
	p.found, err = u.Stat(ctx, p.name)
	return err
}

// moved describes what an object of version v has become that was renamed to a name. ESTALE says that something else is there.
func moved(ctx context.Context, u ufs.UFS, name string, v ufs.Version) (ufs.Info, error) {
	if m, able := u.(ufs.Mover); able {
		return m.Moved(ctx, name, v)
	}
	info, err := u.Stat(ctx, name)
	if err == nil && info.Version != v {
		err = pathErr("rename", name, syscall.ESTALE)
	}
	return info, err
}

func makeEmpty(ctx context.Context, u ufs.UFS, name string, mode fs.FileMode) (info ufs.Info, err error) {
	if err := ufs.MkdirAll(ctx, u, ufs.Parent(name)); err != nil {
		return info, err
	}
	w, err := u.Create(ctx, name, mode)
	if err != nil {
		return info, err
	}
	return w.Commit(ctx)
}
