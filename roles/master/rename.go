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
//
// What is known of the two paths is enough: the under file system says for itself that the one is not there or the
// other is. A look at them here would find what a first try of this call, on a master that failed, has left behind,
// and take it for somebody else's.
func (s *fileService) Rename(ctx context.Context, req *pb.RenamePRequest) (*pb.RenamePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	if err := nameable("rename", req.GetDstPath()); err != nil {
		return nil, err
	}
	rename := metastore.Rename{Header: s.head(req.GetOptions().GetCommonOptions()), Src: req.GetPath(), Dst: req.GetDstPath()}
	if !s.operations.applied(rename.OpID, s.now()) {
		if _, err := s.loader.stat(ctx, rename.Src, anyAge); err != nil {
			return nil, err
		}
		if _, err := s.loader.stat(ctx, path.Dir(clean(rename.Dst)), anyAge); err != nil {
			return nil, err
		}
	}
	x, err := s.changes.begin(ctx, clean(rename.Src), clean(rename.Dst))
	if err != nil {
		return nil, err
	}
	defer s.changes.end(x)
	if !s.operations.applied(rename.OpID, s.now()) {
		if rename.Version, err = s.moveThrough(ctx, rename); err != nil {
			return nil, err
		}
	}
	_, err = s.propose(ctx, rename, clean(rename.Src), clean(rename.Dst))
	return &pb.RenamePResponse{}, err
}

// moveThrough moves an object in the under file system, if there is one and the namespace will take the move. It returns what
// the version of a file is called there afterwards; empty: as before.
func (s *fileService) moveThrough(ctx context.Context, c metastore.Rename) (version string, err error) {
	from, to, err := s.ends(c)
	if err != nil || !movable(from, to) {
		return "", err
	}
	if again, err := s.surely(ctx, c.OpID); !again {
		return "", err
	}
	if from, to, err = s.ends(c); err != nil || !movable(from, to) {
		return "", err
	}
	src, err := s.sources.of(from.Mount)
	if err != nil {
		return "", err
	}
	err = src.callFor(ctx, listLimit, func(ctx context.Context, u ufs.UFS) error {
		if err := ufs.MkdirAll(ctx, u, ufs.Parent(to.Rel)); err != nil {
			return err
		}
		version, err = move(ctx, u, from, to)
		return err
	})
	if errnoOf(err) == syscall.EEXIST {
		text := to.Path + " already exists in the under file system"
		return "", &metastore.Error{Text: text, Err: pathErr("rename", to.Path, syscall.EEXIST)}
	}
	return version, err
}

// move moves an object in its under file system.
func move(ctx context.Context, u ufs.UFS, from, to metastore.Resolution) (version string, err error) {
	if m, able := u.(ufs.Mover); able && !from.Inode.Dir && from.Inode.Version != "" {
		info, err := m.Move(ctx, from.Rel, to.Rel, ufs.Version(from.Inode.Version))
		if errnoOf(err) != syscall.ESTALE {
			return string(info.Version), err
		}
		// It is another file by now, which the next look finds out. It has the name, so it is what is to be moved.
	}
	err = u.Rename(ctx, from.Rel, to.Rel)
	if errnoOf(err) == syscall.ENOENT {
		// The first try of this call got this far: what was to be moved is there.
		if info, there := u.Stat(ctx, to.Rel); there == nil && info.Dir == from.Inode.Dir {
			return "", nil
		}
	}
	return "", err
}

// ends resolves both paths of a move.
func (s *fileService) ends(c metastore.Rename) (from, to metastore.Resolution, err error) {
	if from, err = s.store.Resolve(c.Src); err == nil {
		to, err = s.store.Resolve(c.Dst)
	}
	return from, to, err
}

// movable says whether there is something to move in the under file system, and the namespace will take the move. If
// not, the under file system is left alone, and the command says why not.
func movable(src, dst metastore.Resolution) bool {
	return src.Inode != nil && src.Inode.MountID == 0 && src.Inode.Persistence == metastore.Persisted &&
		src.Mount.ID != 0 && src.Mount.ID == dst.Mount.ID && !src.Mount.ReadOnly &&
		dst.Inode == nil && dst.Deepest.Dir && dst.DeepestPath == path.Dir(dst.Path) &&
		dst.Path != src.Path && !within(dst.Path, src.Path)
}
