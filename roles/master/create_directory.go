package master

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// CreateDirectory makes a directory. The namespace decides whose it is, so it comes first there, as one that is only
// here; then it is made in the under file system, if it is to be written through. A master that fails in between
// leaves a directory that the same call, made again, completes.
func (s *fileService) CreateDirectory(ctx context.Context, req *pb.CreateDirectoryPRequest) (*pb.CreateDirectoryPResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	if err := nameable("mkdir", req.GetPath()); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	create := metastore.CreateDirectory{
		Header: s.headOf(ctx, o.GetCommonOptions()), Path: req.GetPath(), Mode: modeOf(o.GetMode()),
		Recursive: o.GetRecursive(), AllowExists: o.GetAllowExists(),
	}
	max := asKnown
	if !s.operations.applied(create.OpID, s.now()) {
		max = s.freshness(create.Path, o.GetCommonOptions()) // one that is only in the under file system so far is in the way as well
	}
	r, err := s.loader.stat(ctx, create.Path, max)
	if err != nil {
		return nil, err
	}
	result, err := s.proposeNew(ctx, create, create.Path, missingPaths(r)...)
	if err != nil {
		return nil, err
	}
	if through(o.GetWriteType()) {
		err = s.makeThrough(ctx, result, create.OpID)
	}
	return &pb.CreateDirectoryPResponse{}, err
}

// missingPaths are r's path and those above it that are not known: what a recursive creation makes.
func missingPaths(r metastore.Resolution) (paths []string) {
	for p := r.Path; p != r.DeepestPath; p = path.Dir(p) {
		paths = append(paths, p)
	}
	return paths
}

// makeThrough makes a new directory of the namespace in the under file system too. If that will not have it, the
// directory is taken away again; parents that were made with it stay.
func (s *fileService) makeThrough(ctx context.Context, made *metastore.Result, op metastore.OpID) error {
	x, err := s.changes.begin(ctx, made.Path)
	if err != nil {
		return err
	}
	defer s.changes.end(x)
	if why := s.operations.refusal(op); why != nil {
		return why
	}
	n, p, err := s.store.Get(made.Inode.ID)
	if errnoOf(err) == syscall.ENOENT {
		return nil // it was made, and has been removed since
	}
	if err != nil || p != made.Path || n.Persistence == metastore.Persisted {
		return err // moved since, or complete
	}
	r, err := s.store.Resolve(p)
	if err != nil || r.Mount.ID == 0 {
		return err
	}
	if err := s.makeDirectory(ctx, r, ufsMode(&n)); err != nil {
		if ctx.Err() != nil {
			return err // the caller left: perhaps to ask again
		}
		s.operations.refuse(op, err, s.now())
		_, undone := s.propose(ctx, metastore.Delete{Header: s.head(nil), Path: p, IfID: n.ID}, p)
		if undone != nil {
			s.log.Warn("a directory that its under file system refuses stays in the namespace", "path", p, "err", undone)
		}
		return err
	}
	persisted := metastore.Persisted
	_, err = s.propose(ctx, metastore.SetAttribute{Header: s.head(nil), Path: p, IfID: n.ID, Persistence: &persisted})
	return err
}

func (s *fileService) makeDirectory(ctx context.Context, r metastore.Resolution, mode fs.FileMode) error {
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return err
	}
	return src.call(ctx, func(ctx context.Context, u ufs.UFS) error {
		// Parents that are only in the namespace so far come into being with it.
		if err := ufs.MkdirAll(ctx, u, ufs.Parent(r.Rel)); err != nil {
			return err
		}
		return ufs.EnsureDir(ctx, u, r.Rel, cmp.Or(mode.Perm(), 0o755))
	})
}
