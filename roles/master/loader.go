package master

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"

	"golang.org/x/sync/singleflight"
)

// loadPage is how many entries of an under file system's directory go into one command.
const loadPage = 1000

// loader brings what an under file system holds into the namespace: lazily, when a path is first asked for, and again
// when what is known is older than the caller allows. However many ask for one path, it is looked up once.
type loader struct {
	master  *Master
	flights singleflight.Group
}

// freshness is how old what is known of the under file system may be. Negative: any age.
type freshness time.Duration

// stale says whether something compared with its source at ms is too old at now.
func (f freshness) stale(ms int64, now time.Time) bool {
	return f >= 0 && now.UnixMilli()-ms >= time.Duration(f).Milliseconds()
}

// lookup decides what must be asked of the under file system before r can be believed. It only decides.
type lookup int

const (
	known   lookup = iota // nothing
	missing               // what lies below the deepest known directory
	changed               // the inode itself
)

func decideStat(r metastore.Resolution, max freshness, now time.Time) lookup {
	switch {
	case r.Mount.ID == 0:
		return known
	case r.Inode == nil && !r.Deepest.Dir:
		return known // below a file there is nothing
	case r.Inode == nil && r.Deepest.ChildrenLoaded && !max.stale(r.Deepest.SyncTime, now):
		return known
	case r.Inode == nil:
		return missing
	case r.Inode.MountID != 0 || r.Inode.Persistence != metastore.Persisted || r.Inode.Dir:
		return known
	case max.stale(r.Inode.SyncTime, now):
		return changed
	}
	return known
}

// decideList says whether the directory r must be listed in the under file system first.
func decideList(r metastore.Resolution, max freshness, now time.Time) bool {
	if r.Mount.ID == 0 || r.Inode == nil || !r.Inode.Dir {
		return false
	}
	if r.Inode.Persistence != metastore.Persisted && r.Inode.MountID == 0 {
		return false // it is only here
	}
	return !r.Inode.ChildrenLoaded || max.stale(r.Inode.SyncTime, now)
}

// stat resolves p, after a look into the under file system where that is needed.
func (l *loader) stat(ctx context.Context, p string, max freshness) (metastore.Resolution, error) {
	r, err := l.master.store.Resolve(p)
	if err != nil {
		return r, err
	}
	// Each turn learns one more component of the path, or that it is not there.
	for range strings.Count(r.Path, "/") + 1 {
		what := decideStat(r, max, l.master.now())
		if what == known {
			return r, nil
		}
		found, err := l.ask(ctx, r, what)
		if err != nil {
			return r, err
		}
		if r, err = l.master.store.Resolve(p); err != nil || !found || what == changed {
			return r, err
		}
	}
	return r, nil
}

// ask looks up one name in the under file system: r itself, or the first component that is missing.
func (l *loader) ask(ctx context.Context, r metastore.Resolution, what lookup) (found bool, err error) {
	target := r.Path
	if what == missing {
		rest := strings.TrimPrefix(strings.TrimPrefix(r.Path, r.DeepestPath), "/")
		first, _, _ := strings.Cut(rest, "/")
		target = path.Join(r.DeepestPath, first)
	}
	v, err := l.once(ctx, "stat "+target, func(ctx context.Context) (any, error) { return l.askNow(ctx, target) })
	found, _ = v.(bool)
	return found, err
}

func (l *loader) askNow(ctx context.Context, target string) (found bool, err error) {
	parent, err := l.master.store.Resolve(path.Dir(target))
	if err != nil || parent.Inode == nil {
		return false, err
	}
	src, err := l.master.sources.of(parent.Mount)
	if err != nil {
		return false, err
	}
	name := path.Base(target)
	var info ufs.Info
	err = src.call(ctx, sourceCall, func(ctx context.Context, u ufs.UFS) error {
		info, err = u.Stat(ctx, path.Join(parent.Rel, name))
		return err
	})
	load := metastore.LoadEntries{Header: l.master.head(nil), Dir: parent.Path, DirID: parent.Inode.ID}
	switch {
	case err == nil:
		info.Name = name
		load.Entries = []metastore.Entry{entryOf(info)}
	case errnoOf(err) == syscall.ENOENT:
		if r, _ := l.master.store.Resolve(target); r.Inode == nil || r.Inode.Persistence != metastore.Persisted {
			return false, nil
		} else {
			load.Gone = []metastore.Gone{{Name: name, ID: r.Inode.ID}}
		}
	default:
		return false, err
	}
	_, err = l.master.propose(ctx, load, target)
	return info.Name != "", err
}

// list makes sure that the children of the directory r are known, no older than max. It returns what r is afterwards.
func (l *loader) list(ctx context.Context, r metastore.Resolution, max freshness) (metastore.Resolution, error) {
	if !decideList(r, max, l.master.now()) {
		return r, nil
	}
	_, err := l.once(ctx, "list "+r.Path, func(ctx context.Context) (any, error) { return nil, l.listNow(ctx, r) })
	if err != nil {
		return r, err
	}
	return l.master.store.Resolve(r.Path)
}

// listNow reads the whole directory in the under file system, and brings it into the namespace page by page.
func (l *loader) listNow(ctx context.Context, r metastore.Resolution) error {
	src, err := l.master.sources.of(r.Mount)
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	page := metastore.LoadEntries{Header: l.master.head(nil), Dir: r.Path, DirID: r.Inode.ID}
	err = src.call(ctx, sourceList, func(ctx context.Context, u ufs.UFS) error {
		for info, err := range u.List(ctx, r.Rel) {
			if err != nil {
				return err
			}
			seen[info.Name] = true
			page.Entries = append(page.Entries, entryOf(info))
			if len(page.Entries) == loadPage {
				if _, err := l.master.propose(ctx, page); err != nil {
					return err
				}
				page.Entries = nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if page.Gone, err = l.gone(r.Inode.ID, seen); err != nil {
		return err
	}
	page.Final = true
	_, err = l.master.propose(ctx, page, r.Path)
	return err
}

// gone are the children of a directory that came from its source and are not there any more.
func (l *loader) gone(dir int64, seen map[string]bool) (gone []metastore.Gone, err error) {
	for after := ""; ; {
		children, err := l.master.store.List(dir, after, loadPage)
		if err != nil || len(children) == 0 {
			return gone, err
		}
		for _, c := range children {
			if !seen[c.Name] && c.Persistence == metastore.Persisted && c.MountID == 0 {
				gone = append(gone, metastore.Gone{Name: c.Name, ID: c.ID})
			}
		}
		after = children[len(children)-1].Name
	}
}

// once runs do for the first who asks under key; who asks meanwhile gets the same answer. do goes on when the first
// loses interest, as long as the master leads.
func (l *loader) once(ctx context.Context, key string, do func(context.Context) (any, error)) (any, error) {
	flight := l.flights.DoChan(key, func() (any, error) { return do(l.master.ctx) })
	select {
	case r := <-flight:
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func entryOf(i ufs.Info) metastore.Entry {
	e := metastore.Entry{
		Name: i.Name, Dir: i.Dir, Length: i.Size, Mode: uint32(i.Mode.Perm()), Owner: i.Owner, Group: i.Group,
		Version: string(i.Version), Weak: i.Weak,
	}
	if !i.ModTime.IsZero() {
		e.ModTime = i.ModTime.UnixMilli()
	}
	return e
}

// errnoOf is the errno that err stands for, or 0.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}

// pathError is an error made here, without more words than its errno has.
func pathError(op, path string, errno syscall.Errno) error {
	return &fs.PathError{Op: op, Path: path, Err: errno}
}
