package master

import (
	"context"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire"
	"goosefs/wire/pb"
)

// Free drops the cached bytes of a path on all workers.
func (s *fileService) Free(ctx context.Context, req *pb.FreePRequest) (*pb.FreePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	r, err := s.store.Resolve(req.GetPath())
	if err != nil {
		return nil, err
	}
	if r.Inode == nil {
		return nil, r.Absent("free")
	}
	if r.Inode.Children > 0 && !req.GetOptions().GetRecursive() {
		return nil, &metastore.Error{
			Text: "Cannot free directory " + r.Path + " which is not empty. Please set the \"recursive\" flag of free operation to true.",
			Err:  pathErr("free", r.Path, syscall.ENOTEMPTY),
		}
	}
	files, err := s.persistedFiles(ctx, *r.Inode, r.Path, nil)
	if err != nil {
		return nil, err
	}
	t, err := s.leads()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	err = s.registry.free(ctx, r.Path, files)
	if err != nil && t.ctx.Err() != nil {
		err = wire.NotLeader(s.leaderAddress()) // the next leader has to wait for workers that this one does not hear of
	}
	return &pb.FreePResponse{}, err
}

// persistedFiles are the files at and below n that lose nothing when their blocks go. An unpersisted file that was
// named itself is refused; those below a directory are passed over.
func (s *fileService) persistedFiles(ctx context.Context, n metastore.Inode, p string, files []int64) ([]int64, error) {
	if !n.Dir {
		if n.Persistence != metastore.Persisted {
			return nil, &metastore.Error{Text: "Cannot free file " + p + " which is not persisted", Err: pathErr("free", p, syscall.EBUSY)}
		}
		return append(files, n.ID), nil
	}
	for after := ""; ; {
		children, err := s.store.List(n.ID, after, loadPage)
		if err != nil || len(children) == 0 {
			return files, err
		}
		for _, c := range children {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if c.Dir || c.Persistence == metastore.Persisted {
				if files, err = s.persistedFiles(ctx, c, child(p, c.Name), files); err != nil {
					return nil, err
				}
			}
		}
		after = children[len(children)-1].Name
	}
}
