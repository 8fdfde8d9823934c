package master

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire"
)

// loadPage is how many entries of an under file system's directory go into one command.
const loadPage = 1000

// loadTries is how often a look into an under file system is repeated because the namespace changed meanwhile.
const loadTries = 8

// loader brings what an under file system holds into the namespace: lazily, when a path is first asked for, and again
// when what is known is older than the caller allows. However many ask for one path, it is looked up once.
type loader struct {
	*Master
	flights *flights
}

// freshness is how old what is known of the under file system may be. Negative: any age; asKnown: it is not even asked
// for what is not known.
type freshness time.Duration

const (
	anyAge  freshness = -1
	asKnown freshness = math.MinInt64
)

// stale says whether something compared with its source at ms is too old at now.
func (f freshness) stale(ms int64, now time.Time) bool {
	return f >= 0 && now.UnixMilli()-ms >= time.Duration(f).Milliseconds()
}

// since is the moment that an answer must not be older than.
func (f freshness) since(now time.Time) time.Time {
	if f < 0 {
		return time.Time{}
	}
	return now.Add(-time.Duration(f))
}

// lookup decides what must be asked of the under file system before r can be believed. It only decides.
type lookup int

const (
	known   lookup = iota // nothing
	missing               // what lies below the deepest known directory
	changed               // the inode itself
)

// decideStat: a directory is compared with its source only when the present state is asked for, because it has no time
// of comparison of its own; else its parent's listing tells whether it is there.
func decideStat(r metastore.Resolution, max freshness, now time.Time) lookup {
	switch {
	case r.Mount.ID == 0 || max == asKnown:
		return known
	case r.Inode == nil && !r.Deepest.Dir:
		return known // below a file there is nothing
	case r.Inode == nil && max != 0 && onlyHere(r.Deepest):
		return known // below it there is nothing either
	case r.Inode == nil && r.Deepest.ChildrenLoaded && !max.stale(r.Deepest.SyncTime, now):
		return known
	case r.Inode == nil:
		return missing
	case r.Inode.MountID != 0 || r.Inode.Persistence != metastore.Persisted:
		return known
	case r.Inode.Dir && max == 0, !r.Inode.Dir && max.stale(r.Inode.SyncTime, now):
		return changed
	}
	return known
}

// decideList says whether the directory r must be listed in the under file system first.
func decideList(r metastore.Resolution, max freshness, now time.Time) bool {
	if r.Mount.ID == 0 || r.Inode == nil || !r.Inode.Dir || max == asKnown {
		return false
	}
	if onlyHere(*r.Inode) {
		return false
	}
	return !r.Inode.ChildrenLoaded || max.stale(r.Inode.SyncTime, now)
}

// onlyHere says whether no under file system has the inode.
func onlyHere(n metastore.Inode) bool {
	return n.Persistence != metastore.Persisted && n.MountID == 0
}

// target is the path that must be looked up: r itself, or the first component of it that is missing.
func (l lookup) target(r metastore.Resolution) string {
	if l != missing {
		return r.Path
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(r.Path, r.DeepestPath), "/")
	first, _, _ := strings.Cut(rest, "/")
	return path.Join(r.DeepestPath, first)
}

// stat resolves p, after a look into the under file system where that is needed.
func (l *loader) stat(ctx context.Context, p string, max freshness) (metastore.Resolution, error) {
	since := max.since(time.Now())
	asked := ""
	for {
		r, err := l.store.Resolve(p)
		if err != nil {
			return r, err
		}
		what := decideStat(r, max, l.now())
		target := what.target(r)
		// Each turn looks up one more component of the path, or learns that it is not there.
		if what == known || len(target) <= len(asked) {
			return r, nil
		}
		asked = target
		err = l.once(ctx, "stat "+target, since, func(ctx context.Context) error { return l.ask(ctx, target) })
		if err != nil {
			return r, err
		}
	}
}

// settled says whether a listing of r can be answered without a look into the under file system. Only the listing itself
// need be fresh: it brings its entries along.
func settled(r metastore.Resolution, max freshness, now time.Time) bool {
	if r.Inode == nil {
		return decideStat(r, max, now) == known
	}
	return !decideList(r, max, now)
}

// listing lists p, known no older than max, as the namespace is at one instant.
func (l *loader) listing(ctx context.Context, p string, max freshness) (metastore.Listing, error) {
	for range loadTries {
		before, _, err := l.refresh(ctx, p, max)
		if err != nil {
			return metastore.Listing{}, err
		}
		list, err := l.store.Listing(p)
		if err != nil || answers(before, list.Resolution, max, l.now()) {
			return list, err
		}
	}
	return metastore.Listing{}, unsettled("list", p)
}

// refresh makes sure that what p is, and the children of a directory, are known, no older than max: what p was before its
// listing was asked for, and after.
func (l *loader) refresh(ctx context.Context, p string, max freshness) (before, after metastore.Resolution, err error) {
	before, err = l.stat(ctx, p, min(max, anyAge)) // its listing finds out if the directory is gone
	if err == nil && (before.Inode == nil || !before.Inode.Dir) {
		before, err = l.stat(ctx, p, max)
	}
	if err != nil || before.Inode == nil || !before.Inode.Dir {
		return before, before, err
	}
	after, err = l.list(ctx, before, max)
	return before, after, err
}

// answers says whether now, after a look at what was r before, r can be listed. Meanwhile it may have become another one,
// or one of which something was forgotten.
func answers(before, r metastore.Resolution, max freshness, now time.Time) bool {
	switch {
	case settled(r, max, now):
		return true
	case before.Inode == nil || r.Inode == nil:
		return before.Inode == nil && r.Inode == nil
	}
	return before.Inode.ID == r.Inode.ID && !decideList(r, min(max, anyAge), now)
}

// list makes sure that the children of the directory r are known, no older than max. It returns what r is afterwards.
func (l *loader) list(ctx context.Context, r metastore.Resolution, max freshness) (metastore.Resolution, error) {
	if !decideList(r, max, l.now()) {
		return r, nil
	}
	err := l.once(ctx, "list "+r.Path, max.since(time.Now()), func(ctx context.Context) error { return l.read(ctx, r.Path) })
	if err != nil {
		return r, err
	}
	return l.store.Resolve(r.Path)
}

// once shares the answer to key among those who ask at the same time. The look itself goes on when they have left, as
// long as this master leads.
func (l *loader) once(ctx context.Context, key string, since time.Time, do func(context.Context) error) error {
	t, err := l.leads()
	if err != nil {
		return err
	}
	return l.flights.do(ctx, key, since, l.wg.Go, func() error {
		err := do(t.ctx)
		if err != nil && t.ctx.Err() != nil {
			return wire.NotLeader(l.leaderAddress())
		}
		return err
	})
}

// ask looks up one path in the under file system and tells the namespace what is there.
func (l *loader) ask(ctx context.Context, target string) error {
	for range loadTries {
		again, err := l.askOnce(ctx, target)
		if err == nil && !again || err != nil && !overtaken(err) {
			return err
		}
	}
	return unsettled("stat", target)
}

// askOnce says in again that the answer may be older than what the namespace knows by now.
func (l *loader) askOnce(ctx context.Context, target string) (again bool, err error) {
	look := l.changes.look(path.Dir(target))
	defer l.changes.leave(look)
	parent, err := l.store.Resolve(path.Dir(target))
	if err != nil || parent.Inode == nil {
		return false, err
	}
	before, err := l.store.Resolve(target)
	if err != nil {
		return false, err
	}
	src, err := l.sources.of(parent.Mount)
	if err != nil {
		return false, err
	}
	name := path.Base(target)
	var info ufs.Info
	err = src.call(ctx, func(ctx context.Context, u ufs.UFS) error {
		info, err = u.Stat(ctx, path.Join(parent.Rel, name))
		return err
	})
	load := metastore.LoadEntries{Header: l.head(nil)}
	switch {
	case err == nil:
		info.Name = name
		load.Entries = []metastore.Entry{entryOf(info)}
	case errnoOf(err) != syscall.ENOENT && errnoOf(err) != syscall.ENOTDIR:
		return false, err
	case before.Inode != nil && before.Inode.Persistence == metastore.Persisted:
		load.Gone = []metastore.Gone{{Name: name, ID: before.Inode.ID}}
	}
	if x := l.changes.disturbed(look)[name]; x != nil { // it may be what a change has done so far, whose own command tells of it
		return true, x.wait(ctx)
	}
	if len(load.Entries)+len(load.Gone) > 0 {
		if err := l.load(ctx, parent, load, target); err != nil {
			return false, err
		}
	}
	if x := l.changes.disturbed(look)[name]; x != nil {
		return true, x.wait(ctx)
	}
	return false, nil
}

// load brings entries of the directory r into the namespace, and tells mounts what they must forget: paths, if anything
// changed, and the directory with all its entries, unless all that happened is that names became known of which nobody
// can have seen a listing.
func (l *loader) load(ctx context.Context, r metastore.Resolution, c metastore.LoadEntries, paths ...string) error {
	c.Dir, c.DirID, c.BlockSize = r.Path, r.Inode.ID, l.options.BlockSize
	result, err := l.propose(ctx, c)
	if err != nil || result.Changed == 0 {
		return err
	}
	if r.Inode.ChildrenLoaded || len(c.Gone) > 0 || len(result.Removed) > 0 {
		paths = append(paths, r.Path)
	}
	l.hub.publish(paths)
	return nil
}

// read lists the directory p in the under file system and brings it into the namespace.
func (l *loader) read(ctx context.Context, p string) error {
	for range loadTries {
		r, err := l.store.Resolve(p)
		if err != nil || r.Inode == nil || !r.Inode.Dir || onlyHere(*r.Inode) {
			return err
		}
		err = l.readOnce(ctx, r)
		switch {
		case err == nil:
			return nil
		case overtaken(err):
		case (errnoOf(err) == syscall.ENOENT || errnoOf(err) == syscall.ENOTDIR) && r.Inode.MountID == 0:
			// It is gone, or no directory any more: that is for its parent's source to say.
			if err := l.ask(ctx, p); err != nil {
				return err
			}
		default:
			return rootError(r, err)
		}
	}
	return unsettled("list", p)
}

// rootError: that a mount's own root is not there is a failure of the mount, not an answer about a path.
func rootError(r metastore.Resolution, err error) error {
	if errno := errnoOf(err); errno == syscall.ENOENT || errno == syscall.ENOTDIR {
		return &metastore.Error{Text: fmt.Sprintf("the under file system of %s is not there: %v", r.Path, err), Err: pathErr("list", r.Path, syscall.EIO)}
	}
	return err
}

// readOnce reads the whole directory, page by page. Only what was known before it began can be gone afterwards. Names that are
// changed meanwhile are left to the commands of the changes, and are looked at when those are over.
func (l *loader) readOnce(ctx context.Context, r metastore.Resolution) error {
	look := l.changes.look(r.Path)
	defer l.changes.leave(look)
	src, err := l.sources.of(r.Mount)
	if err != nil {
		return err
	}
	gone, err := l.persistedChildren(r.Inode.ID)
	if err != nil {
		return err
	}
	page := metastore.LoadEntries{Header: l.head(nil)} // of now: what is seen is no older
	late := make(map[string]*change)                   // by name
	tell := func() error {
		maps.Copy(late, l.changes.disturbed(look))
		page.Entries = slices.DeleteFunc(page.Entries, func(e metastore.Entry) bool { return late[e.Name] != nil })
		page.Gone = slices.DeleteFunc(page.Gone, func(g metastore.Gone) bool { return late[g.Name] != nil })
		err := l.load(ctx, r, page)
		page.Entries, page.Gone = nil, nil
		return err
	}
	var refused error // by the namespace: no fault of the source
	err = src.callFor(ctx, listLimit, func(ctx context.Context, u ufs.UFS) error {
		for info, err := range u.List(ctx, r.Rel) {
			if err != nil {
				return err
			}
			delete(gone, info.Name)
			page.Entries = append(page.Entries, entryOf(info))
			if len(page.Entries) == loadPage {
				if refused = tell(); refused != nil {
					return nil
				}
			}
		}
		return nil
	})
	if err = errors.Join(err, refused); err != nil {
		return err
	}
	for name, id := range gone {
		page.Gone = append(page.Gone, metastore.Gone{Name: name, ID: id})
		if len(page.Gone)+len(page.Entries) >= loadPage {
			if err := tell(); err != nil {
				return err
			}
		}
	}
	page.Final = true
	if err := tell(); err != nil {
		return err
	}
	maps.Copy(late, l.changes.disturbed(look))
	for name, x := range late {
		if err := x.wait(ctx); err != nil {
			return err
		}
		if err := l.ask(ctx, child(r.Path, name)); err != nil {
			return err
		}
	}
	return nil
}

// persistedChildren are the ids of a directory's children that came from its source, by name.
func (l *loader) persistedChildren(dir int64) (map[string]int64, error) {
	children := make(map[string]int64)
	for after := ""; ; {
		page, err := l.store.List(dir, after, loadPage)
		if err != nil || len(page) == 0 {
			return children, err
		}
		for _, c := range page {
			if c.Persistence == metastore.Persisted && c.MountID == 0 {
				children[c.Name] = c.ID
			}
		}
		after = page[len(page)-1].Name
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

// overtaken says that the namespace refused what was seen, because the directory is not the one it was any more.
func overtaken(err error) bool {
	var refused *metastore.Error
	if !errors.As(err, &refused) {
		return false
	}
	errno := errnoOf(err)
	return errno == syscall.ESTALE || errno == syscall.ENOENT || errno == syscall.ENOTDIR
}

// unsettled is the error of a look that was overtaken again and again.
func unsettled(op, p string) error {
	return &metastore.Error{Text: fmt.Sprintf("Path %q is being changed all the time, try again.", p), Err: pathErr(op, p, syscall.EAGAIN)}
}
