package master

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"goosefs/metastore"

	"golang.org/x/sync/errgroup"
)

// Files of a namespace live for its time, counted from the last of: they were created, found in the under file system, or
// changed. The leader looks for those whose time is over; directories stay. A leader that was just chosen waits a while:
// workers have to find it before they can be told to free anything.

const (
	expireFirst  = time.Minute // after a leader was chosen, at most
	expireAtOnce = 8           // files that are removed at the same time
)

// expireFiles looks, every so often, for files whose time is over.
func (s *fileService) expireFiles(t *term) {
	for wait := min(expireFirst, s.options.TTLEvery); pause(t.ctx, wait); wait = s.options.TTLEvery {
		for _, mount := range s.store.Mounts() {
			if mount.Policy.TTL > 0 {
				s.expireIn(t.ctx, mount)
			}
		}
	}
}

// fate is what becomes of a file now.
type fate int

const (
	stays fate = iota
	waits      // its time is over, but it is being written, or brought into the under file system: then it is looked at again
	goes
)

// fateOf decides. now is ms since 1970.
func fateOf(n *metastore.Inode, p metastore.Policy, now int64) fate {
	over := endOf(n, p)
	switch {
	case p.TTL == 0 || over > now:
		return stays
	case !n.Completed || n.Persistence == metastore.ToBePersisted:
		return waits
	case p.Action == metastore.ActionFree && n.Persistence != metastore.Persisted:
		return stays // what is cached is all there is of it
	case p.Action == metastore.ActionFree && over <= p.FreedUntil:
		return stays // it was freed, and is cached because somebody read it since
	}
	return goes
}

// endOf is when the time of a file is over, in ms since 1970.
func endOf(n *metastore.Inode, p metastore.Policy) int64 {
	return max(n.CreateTime, n.ModTime) + p.TTL
}

// expiry is one look through a namespace.
type expiry struct {
	*fileService
	mount metastore.Mount
	now   int64 // ms since 1970

	waiting int64 // when the time of the first that waits was over; 0 if none does
	mu      struct {
		sync.Mutex
		gone, failed int // files
		last         error
	}
}

// count takes note of files that went, or of one that did not.
func (x *expiry) count(gone int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.gone += gone
	if err != nil {
		x.mu.failed++
		x.mu.last = err
	}
}

func (s *fileService) expireIn(ctx context.Context, mount metastore.Mount) {
	r, err := s.store.Resolve(mount.Path)
	if err != nil || r.Inode == nil || r.Mount.ID != mount.ID {
		return // it was deleted meanwhile
	}
	x := &expiry{fileService: s, mount: mount, now: s.now().UnixMilli()}
	err = x.below(ctx, r.Inode.ID, r.Path)
	if err == nil {
		err = x.noteFreed(ctx)
	}
	if ctx.Err() != nil {
		return // the next leader looks, too
	}
	if err := errors.Join(err, x.mu.last); err != nil {
		s.log.Warn("files whose time is over are still there", "namespace", mount.Path, "action", mount.Policy.Action, "failures", max(1, x.mu.failed), "err", err)
	}
	if x.mu.gone > 0 {
		s.log.Info("the time of files was over", "namespace", mount.Path, "action", mount.Policy.Action, "files", x.mu.gone)
	}
}

// below goes through a directory and all below it but what is in deeper mounts, a page at a time.
func (x *expiry) below(ctx context.Context, dir int64, p string) error {
	for after := ""; ctx.Err() == nil; {
		children, err := x.store.List(dir, after, loadPage)
		if errnoOf(err) == syscall.ENOENT || err == nil && len(children) == 0 {
			return ctx.Err() // it may have been removed meanwhile
		}
		if err != nil {
			return err
		}
		after = children[len(children)-1].Name
		var over []metastore.Inode
		for i := range children {
			n := &children[i]
			switch {
			case n.Dir && n.MountID == 0:
				if err := x.below(ctx, n.ID, child(p, n.Name)); err != nil {
					return err
				}
			case n.Dir:
			default:
				switch fateOf(n, x.mount.Policy, x.now) {
				case goes:
					over = append(over, *n)
				case waits:
					x.wait(endOf(n, x.mount.Policy))
				}
			}
		}
		if err := x.end(ctx, p, over); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (x *expiry) wait(end int64) {
	if x.waiting == 0 || end < x.waiting {
		x.waiting = end
	}
}

// end does to files of a directory what the namespace says.
func (x *expiry) end(ctx context.Context, p string, files []metastore.Inode) error {
	if len(files) == 0 {
		return nil
	}
	if x.mount.Policy.Action == metastore.ActionFree {
		ids := make([]int64, len(files))
		for i := range files {
			ids[i] = files[i].ID
		}
		err := x.registry.free(ctx, p, ids)
		if err == nil {
			x.count(len(files), nil)
		}
		return err
	}
	removals := new(errgroup.Group)
	removals.SetLimit(expireAtOnce)
	for i := range files {
		at := child(p, files[i].Name)
		removals.Go(func() error {
			removed, err := x.remove(ctx, at, files[i].ID)
			if removed {
				x.count(1, nil)
			} else {
				x.count(0, err)
			}
			return nil // others may go
		})
	}
	return removals.Wait()
}

// remove removes a file, if it is still the one whose time is over. Before it removes anything from the under file system it
// looks whether somebody has changed it there: then its time begins anew.
func (x *expiry) remove(ctx context.Context, p string, id int64) (removed bool, err error) {
	c := metastore.Delete{Header: x.head(nil), Path: p, IfID: id, GoosefsOnly: x.mount.Policy.Action == metastore.ActionDeleteOnlyGoosefs}
	if !c.GoosefsOnly {
		if _, err := x.loader.stat(ctx, p, 0); err != nil {
			return false, err
		}
	}
	change, err := x.changes.begin(ctx, p)
	if err != nil {
		return false, err
	}
	defer x.changes.end(change)
	if err := x.linearize(ctx); err != nil { // somebody may have taken the promise back by now
		return false, err
	}
	r, err := x.store.Resolve(p)
	if err != nil || r.Inode == nil || r.Inode.ID != id || !samePromise(r.Mount, x.mount) || fateOf(r.Inode, r.Mount.Policy, x.now) != goes {
		return false, err // it was changed, removed or moved meanwhile, or another time was set
	}
	if !c.GoosefsOnly {
		if err := x.removeThrough(ctx, c, false); err != nil {
			return false, err
		}
	}
	_, err = x.propose(ctx, c, p)
	if errno := errnoOf(err); errno == syscall.ENOENT || errno == syscall.ESTALE {
		return false, nil
	}
	return err == nil, err
}

// samePromise says whether a namespace still is the one that it was, and says the same of how long files live.
func samePromise(now, was metastore.Mount) bool {
	return now.ID == was.ID && now.Policy.TTL == was.Policy.TTL && now.Policy.Action == was.Policy.Action
}

// noteFreed has the namespace remember until when its files were freed, so that what somebody caches again afterwards stays.
// What waits is looked at again.
func (x *expiry) noteFreed(ctx context.Context) error {
	until := x.now
	if x.waiting != 0 {
		until = min(until, x.waiting-1)
	}
	if x.mount.Policy.Action != metastore.ActionFree || x.mu.gone == 0 || until <= x.mount.Policy.FreedUntil {
		return nil
	}
	name, _ := x.mount.Namespace()
	_, err := x.propose(ctx, metastore.SetNamespace{Header: x.head(nil), Name: name, TTL: &x.mount.Policy.TTL, FreedUntil: &until})
	if errno := errnoOf(err); errno == syscall.ESTALE || errno == syscall.ENOENT {
		return nil // it was changed meanwhile, and is looked at again
	}
	return err
}
