package master

import (
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// CreateDirectory makes a directory; one that is written through is made in the under file system first.
func (s *fileService) CreateDirectory(ctx context.Context, req *pb.CreateDirectoryPRequest) (*pb.CreateDirectoryPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	r, err := s.loader.stat(ctx, req.GetPath(), s.freshness(o.GetCommonOptions()))
	if err != nil {
		return nil, err
	}
	create := metastore.CreateDirectory{
		Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Mode: modeOf(o.GetMode()),
		Recursive: o.GetRecursive(), AllowExists: o.GetAllowExists(), Persisted: through(o.GetWriteType()),
	}
	if create.Persisted && possible(r, create.Recursive) {
		if err := s.makeDirectory(ctx, r, create.Recursive); err != nil {
			return nil, err
		}
	}
	_, err = s.propose(ctx, create, req.GetPath())
	return &pb.CreateDirectoryPResponse{}, err
}

// possible says whether the namespace will take the directory. If not, the under file system is left alone, and the
// command says why not.
func possible(r metastore.Resolution, recursive bool) bool {
	return r.Inode == nil && r.Deepest.Dir && r.Mount.ID != 0 && !r.Mount.ReadOnly && (recursive || r.DeepestPath == path.Dir(r.Path))
}

func (s *fileService) makeDirectory(ctx context.Context, r metastore.Resolution, recursive bool) error {
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return err
	}
	return src.change(ctx, func(ctx context.Context, u ufs.UFS) error {
		// Parents that are only in the namespace so far come into being with it.
		if err := makeParents(ctx, u, path.Dir(r.Rel)); err != nil {
			return err
		}
		err := u.Mkdir(ctx, r.Rel, 0o755)
		if errnoOf(err) == syscall.EEXIST {
			return nil // the first try of this call, or somebody else: the same directory
		}
		return err
	})
}
