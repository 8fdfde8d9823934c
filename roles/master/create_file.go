package master

import (
	"cmp"
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// CreateFile makes an incomplete file. Its bytes, if any, go to workers.
func (s *fileService) CreateFile(ctx context.Context, req *pb.CreateFilePRequest) (*pb.CreateFilePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	if err := nameable("create", req.GetPath()); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	create := metastore.CreateFile{
		Header: s.headOf(ctx, o.GetCommonOptions()), Path: req.GetPath(), Mode: modeOf(o.GetMode()),
		BlockSize: cmp.Or(o.GetBlockSizeBytes(), s.options.BlockSize), Recursive: o.GetRecursive(), Persisted: through(o.GetWriteType()),
	}
	max := asKnown
	if !s.operations.applied(create.OpID, s.now()) {
		// A file that is only in the under file system so far is in the way as well. One that will be written there must
		// not replace it, so then what is known is not enough.
		max = s.freshness(o.GetCommonOptions())
		if create.Persisted {
			max = 0
		}
	}
	r, err := s.loader.stat(ctx, create.Path, max)
	if err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, create, missingPaths(r)...)
	if err != nil {
		return nil, err
	}
	r, err = s.store.Resolve(result.Path)
	if err != nil {
		return nil, err
	}
	return &pb.CreateFilePResponse{FileInfo: s.fileInfo(&result.Inode, result.Path, r.Mount, r.UFSPath)}, nil
}

// through says whether a write type puts the file into the under file system before it is complete.
func through(t pb.WritePType) bool {
	return t == pb.WritePType_CACHE_THROUGH || t == pb.WritePType_THROUGH
}

// CompleteFile gives a file its length; from now on it can be read. One that was to go to the under file system must
// be there by now; an empty one is put there here, for no worker ever heard of it.
func (s *fileService) CompleteFile(ctx context.Context, req *pb.CompleteFilePRequest) (*pb.CompleteFilePResponse, error) {
	if _, err := s.leads(); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	complete := metastore.CompleteFile{
		Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Length: o.GetUfsLength(), Persistence: metastore.NotPersisted,
	}
	x, err := s.changes.begin(ctx, clean(complete.Path))
	if err != nil {
		return nil, err
	}
	defer s.changes.end(x)
	r, err := s.store.Resolve(complete.Path)
	if err == nil && unwritten(r) {
		// What is done there cannot be undone by the log: be sure to lead, and look again.
		if err = s.linearize(ctx); err == nil {
			r, err = s.store.Resolve(complete.Path)
		}
	}
	if err != nil {
		return nil, err
	}
	if unwritten(r) {
		info, err := s.throughObject(ctx, r, complete.Length)
		if err != nil {
			return nil, err
		}
		complete.Persistence, complete.Version, complete.Weak = metastore.Persisted, string(info.Version), info.Weak
	}
	_, err = s.propose(ctx, complete, clean(complete.Path))
	return &pb.CompleteFilePResponse{}, err
}

// unwritten says whether a file is to be in its under file system when it is complete.
func unwritten(r metastore.Resolution) bool {
	return r.Inode != nil && !r.Inode.Completed && r.Inode.Persistence == metastore.ToBePersisted && r.Mount.ID != 0
}

// throughObject is the object that a file written through has become.
func (s *fileService) throughObject(ctx context.Context, r metastore.Resolution, length int64) (info ufs.Info, err error) {
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return info, err
	}
	err = src.call(ctx, func(ctx context.Context, u ufs.UFS) error {
		if length > 0 {
			info, err = u.Stat(ctx, r.Rel)
			return err
		}
		if err := makeParents(ctx, u, path.Dir(r.Rel)); err != nil {
			return err
		}
		w, err := u.Create(ctx, r.Rel, 0o644)
		if err != nil {
			return err
		}
		info, err = w.Commit(ctx)
		return err
	})
	if err == nil && info.Size != length {
		return info, pathErr("complete", r.Path, syscall.EIO)
	}
	return info, err
}
