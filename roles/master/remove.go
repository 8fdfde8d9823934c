package master

import (
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// Remove removes a path, in the under file system first unless told not to, and its blocks. As with [Rename] what is
// known of the path is enough; of a directory all that is below it is looked up.
func (s *fileService) Remove(ctx context.Context, req *pb.DeletePRequest) (*pb.DeletePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	remove := metastore.Delete{Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Recursive: o.GetRecursive(), GoosefsOnly: o.GetGoosefsOnly()}
	through := !remove.GoosefsOnly
	if through && !s.operations.applied(remove.OpID, s.now()) {
		r, err := s.loader.stat(ctx, remove.Path, anyAge)
		if err == nil && s.removable(r) {
			err = s.loader.readTree(ctx, r, remove.Recursive)
		}
		if err != nil {
			return nil, err
		}
	}
	x, err := s.changes.begin(ctx, clean(remove.Path))
	if err != nil {
		return nil, err
	}
	defer s.changes.end(x)
	if through && !s.operations.applied(remove.OpID, s.now()) {
		if err := s.removeThrough(ctx, remove, o.GetUnchecked()); err != nil {
			return nil, err
		}
	}
	was, err := s.store.Resolve(remove.Path)
	if err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, remove, clean(remove.Path))
	if err != nil {
		return nil, err
	}
	if staged(was) && was.Inode.ID == result.Inode.ID {
		s.dropStaged(ctx, was.Mount, ufs.Staged(was.Rel, was.Inode.ID))
	}
	return &pb.DeletePResponse{}, nil
}

// removable says whether there is something to remove in the under file system, and the namespace will take it. If
// not, the under file system is left alone, and the command says why not.
func (s *fileService) removable(r metastore.Resolution) bool {
	if r.Inode == nil || r.Mount.ID == 0 || r.Mount.ReadOnly || r.Inode.Persistence != metastore.Persisted || r.Inode.MountID != 0 {
		return false
	}
	for _, m := range s.store.Mounts() {
		if within(m.Path, r.Path) {
			return false
		}
	}
	return true
}

// readTree makes sure that what is below r is known: one level, or all.
func (l *loader) readTree(ctx context.Context, r metastore.Resolution, all bool) error {
	r, err := l.list(ctx, r, anyAge)
	if err != nil || r.Inode == nil || !r.Inode.Dir || !all {
		return err
	}
	for after := ""; ; {
		children, err := l.store.List(r.Inode.ID, after, loadPage)
		if err != nil || len(children) == 0 {
			return err
		}
		for _, c := range children {
			if !c.Dir || c.Persistence != metastore.Persisted {
				continue
			}
			below, err := l.store.Resolve(child(r.Path, c.Name))
			if err == nil {
				err = l.readTree(ctx, below, all)
			}
			if err != nil {
				return err
			}
		}
		after = children[len(children)-1].Name
	}
}

// removeThrough removes a path in the under file system. What the namespace does not know there is in the way, unless
// unchecked: nobody may lose a file that he was never shown.
func (s *fileService) removeThrough(ctx context.Context, c metastore.Delete, unchecked bool) error {
	r, err := s.store.Resolve(c.Path)
	if err != nil || !s.removable(r) || r.Inode.Children > 0 && !c.Recursive {
		return err
	}
	if again, err := s.surely(ctx, c.OpID); !again {
		return err
	}
	r, err = s.store.Resolve(c.Path)
	if err != nil || !s.removable(r) || r.Inode.Children > 0 && !c.Recursive {
		return err
	}
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return err
	}
	removal := removal{store: s.store, unchecked: unchecked}
	err = src.callFor(ctx, listLimit, func(ctx context.Context, u ufs.UFS) error {
		removal.ufs = u
		if err := removal.plan(ctx, removalStep{path: r.Path, name: r.Rel, dir: r.Inode.Dir, inode: r.Inode}); err != nil {
			return err
		}
		return removal.execute(ctx)
	})
	if err != nil {
		s.admit(removal.steps[:removal.done])
	}
	return err
}

// admit tells the namespace of objects that are gone from the under file system though their removal as a whole failed.
func (s *fileService) admit(gone []removalStep) {
	t, err := s.leads()
	if err != nil {
		return // the next look finds out
	}
	for _, g := range gone {
		if g.inode == nil {
			continue
		}
		dir, err := s.store.Resolve(path.Dir(g.path))
		if err == nil && dir.Inode != nil {
			gone := []metastore.Gone{{Name: path.Base(g.path), ID: g.inode.ID}}
			err = s.loader.load(t.ctx, dir, metastore.LoadEntries{Header: s.head(nil), Gone: gone}, g.path)
		}
		if err != nil {
			s.log.Warn("a file that was removed stays in the namespace", "path", g.path, "err", err)
			return
		}
	}
}

// removal is the removal of an object, or a directory with all below it, from an under file system. It is planned as a
// whole first, so that what is in the way is found before anything is gone.
type removal struct {
	store     *metastore.Store
	ufs       ufs.UFS
	unchecked bool
	steps     []removalStep // children before parents
	done      int           // steps
}

type removalStep struct {
	path  string // in the namespace
	name  string // in the under file system
	dir   bool
	inode *metastore.Inode // nil: the namespace does not know it
}

// plan adds the removal of what step says, and of all below it.
func (m *removal) plan(ctx context.Context, step removalStep) error {
	if step.inode == nil && !m.unchecked {
		return &metastore.Error{
			Text: "UFS dir not in sync. Sync UFS, or delete with unchecked flag. Not known: " + step.path,
			Err:  pathErr("delete", step.path, syscall.EBUSY),
		}
	}
	if step.dir {
		for info, err := range m.ufs.List(ctx, step.name) {
			if errnoOf(err) == syscall.ENOENT {
				return nil // gone already, which is fine
			}
			if err != nil {
				return err
			}
			below, err := m.store.Resolve(child(step.path, info.Name))
			if err != nil {
				return err
			}
			err = m.plan(ctx, removalStep{path: below.Path, name: path.Join(step.name, info.Name), dir: info.Dir, inode: below.Inode})
			if err != nil {
				return err
			}
		}
	}
	m.steps = append(m.steps, step)
	return nil
}

// execute removes what was planned. What is gone already is fine.
func (m *removal) execute(ctx context.Context) error {
	for _, step := range m.steps {
		if err := m.ufs.Remove(ctx, step.name); err != nil && errnoOf(err) != syscall.ENOENT {
			return err
		}
		m.done++
	}
	return nil
}
