package master

import (
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// Remove removes a path, in the under file system first unless told not to, and its blocks.
func (s *fileService) Remove(ctx context.Context, req *pb.DeletePRequest) (*pb.DeletePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	r, err := s.loader.stat(ctx, req.GetPath(), s.freshness(o.GetCommonOptions()))
	if err != nil {
		return nil, err
	}
	remove := metastore.Delete{Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Recursive: o.GetRecursive(), GoosefsOnly: o.GetGoosefsOnly()}
	if !remove.GoosefsOnly && removable(r) {
		if r, err = s.loader.list(ctx, r, freshness(s.options.SyncInterval)); err != nil {
			return nil, err
		}
		if r.Inode != nil && (!r.Inode.Dir || remove.Recursive || r.Inode.Children == 0) {
			if err := s.removeObject(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	result, err := s.propose(ctx, remove, req.GetPath())
	if err != nil {
		return nil, err
	}
	s.reap(ctx, result)
	return &pb.DeletePResponse{}, nil
}

// removable says whether there is something to remove in the under file system, and the namespace will take it.
// A tree with mounts in it is refused by the command.
func removable(r metastore.Resolution) bool {
	return r.Inode != nil && r.Mount.ID != 0 && !r.Mount.ReadOnly && r.Inode.Persistence == metastore.Persisted && r.Inode.MountID == 0
}

func (s *fileService) removeObject(ctx context.Context, r metastore.Resolution) error {
	for _, m := range s.store.Mounts() {
		if r.Inode.Dir && len(m.Path) > len(r.Path) && m.Path[:len(r.Path)] == r.Path && m.Path[len(r.Path)] == '/' {
			return nil // the command refuses
		}
	}
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return err
	}
	return src.change(ctx, func(ctx context.Context, u ufs.UFS) error { return removeTree(ctx, u, r.Rel, r.Inode.Dir) })
}

// removeTree removes an object, or a directory and all below it. What is gone already is fine.
func removeTree(ctx context.Context, u ufs.UFS, name string, dir bool) error {
	if dir {
		var children []ufs.Info
		for info, err := range u.List(ctx, name) {
			if errnoOf(err) == syscall.ENOENT {
				return nil
			}
			if err != nil {
				return err
			}
			children = append(children, info)
		}
		for _, c := range children {
			if err := removeTree(ctx, u, path.Join(name, c.Name), c.Dir); err != nil {
				return err
			}
		}
	}
	if err := u.Remove(ctx, name); err != nil && errnoOf(err) != syscall.ENOENT {
		return err
	}
	return nil
}

// reap finishes the removal of a large tree, piece by piece.
func (m *Master) reap(ctx context.Context, result *metastore.Result) {
	for result.Unreaped {
		var err error
		if result, err = m.propose(ctx, metastore.Reap{Header: m.head(nil)}); err != nil {
			return // the next leader goes on
		}
	}
}
