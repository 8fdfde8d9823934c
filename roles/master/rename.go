package master

import (
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// Rename moves a path, in the under file system first if it is there.
func (s *fileService) Rename(ctx context.Context, req *pb.RenamePRequest) (*pb.RenamePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	max := s.freshness(req.GetOptions().GetCommonOptions())
	src, err := s.loader.stat(ctx, req.GetPath(), max)
	if err != nil {
		return nil, err
	}
	dst, err := s.loader.stat(ctx, req.GetDstPath(), max)
	if err != nil {
		return nil, err
	}
	if movable(src, dst) {
		if err := s.moveObject(ctx, src, dst); err != nil {
			return nil, err
		}
	}
	_, err = s.propose(ctx, metastore.Rename{Header: s.head(req.GetOptions().GetCommonOptions()), Src: req.GetPath(), Dst: req.GetDstPath()}, req.GetPath(), req.GetDstPath())
	return &pb.RenamePResponse{}, err
}

// movable says whether there is something to move in the under file system, and the namespace will take the move.
func movable(src, dst metastore.Resolution) bool {
	return src.Inode != nil && src.Inode.MountID == 0 && src.Inode.Persistence == metastore.Persisted &&
		src.Mount.ID != 0 && src.Mount.ID == dst.Mount.ID && !src.Mount.ReadOnly &&
		dst.Inode == nil && dst.Deepest.Dir && dst.DeepestPath == path.Dir(dst.Path) &&
		dst.Path != src.Path && !within(dst.Path, src.Path)
}

// within says whether p lies below dir.
func within(p, dir string) bool {
	return len(p) > len(dir) && p[:len(dir)] == dir && p[len(dir)] == '/'
}

func (s *fileService) moveObject(ctx context.Context, from, to metastore.Resolution) error {
	src, err := s.sources.of(from.Mount)
	if err != nil {
		return err
	}
	return src.change(ctx, func(ctx context.Context, u ufs.UFS) error {
		if err := makeParents(ctx, u, path.Dir(to.Rel)); err != nil {
			return err
		}
		err := u.Rename(ctx, from.Rel, to.Rel)
		if errnoOf(err) == syscall.ENOENT {
			// The first try of this call got this far: what was to be moved is there.
			if _, there := u.Stat(ctx, to.Rel); there == nil {
				return nil
			}
		}
		return err
	})
}
