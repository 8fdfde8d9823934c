package master

import (
	"context"
	"path"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"
)

// CreateFile makes an incomplete file. Its bytes, if any, go to workers.
func (s *fileService) CreateFile(ctx context.Context, req *pb.CreateFilePRequest) (*pb.CreateFilePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	// A file that is only in the under file system so far is in the way as well.
	if _, err := s.loader.stat(ctx, req.GetPath(), s.freshness(req.GetOptions().GetCommonOptions())); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	result, err := s.propose(ctx, metastore.CreateFile{
		Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Mode: modeOf(o.GetMode()),
		BlockSize: o.GetBlockSizeBytes(), Recursive: o.GetRecursive(), Persisted: through(o.GetWriteType()),
	}, req.GetPath())
	if err != nil {
		return nil, err
	}
	r, err := s.store.Resolve(result.Path)
	if err != nil {
		return nil, err
	}
	return &pb.CreateFilePResponse{FileInfo: s.fileInfo(result.Inode, result.Path, r.Mount, r.UFSPath)}, nil
}

// through says whether a write type puts the file into the under file system before it is complete.
func through(t pb.WritePType) bool {
	return t == pb.WritePType_CACHE_THROUGH || t == pb.WritePType_THROUGH
}

// CompleteFile gives a file its length; from now on it can be read. One that was to go to the under file system must
// be there by now; an empty one is put there here, for no worker ever heard of it.
func (s *fileService) CompleteFile(ctx context.Context, req *pb.CompleteFilePRequest) (*pb.CompleteFilePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	complete := metastore.CompleteFile{
		Header: s.head(o.GetCommonOptions()), Path: req.GetPath(), Length: o.GetUfsLength(), Persistence: metastore.NotPersisted,
	}
	r, err := s.store.Resolve(req.GetPath())
	if err != nil {
		return nil, err
	}
	if r.Inode != nil && !r.Inode.Completed && r.Inode.Persistence == metastore.ToBePersisted {
		info, err := s.throughObject(ctx, r, complete.Length)
		if err != nil {
			return nil, err
		}
		complete.Persistence, complete.Version, complete.Weak = metastore.Persisted, string(info.Version), info.Weak
	}
	_, err = s.propose(ctx, complete, req.GetPath())
	return &pb.CompleteFilePResponse{}, err
}

// throughObject is the object that a file written through has become.
func (s *fileService) throughObject(ctx context.Context, r metastore.Resolution, length int64) (info ufs.Info, err error) {
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return info, err
	}
	err = src.call(ctx, sourceCall, func(ctx context.Context, u ufs.UFS) error {
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
		return info, pathError("complete", r.Path, syscall.EIO)
	}
	return info, err
}

// makeParents makes dir and what is above it in the under file system, where missing.
func makeParents(ctx context.Context, u ufs.UFS, dir string) error {
	if dir == "." || dir == "" {
		return nil
	}
	info, err := u.Stat(ctx, dir)
	if err == nil && info.Dir {
		return nil
	}
	if err == nil {
		return pathError("mkdir", dir, syscall.ENOTDIR)
	}
	if errnoOf(err) != syscall.ENOENT {
		return err
	}
	if err := makeParents(ctx, u, path.Dir(dir)); err != nil {
		return err
	}
	if err := u.Mkdir(ctx, dir, 0o755); err != nil && errnoOf(err) != syscall.EEXIST {
		return err
	}
	return nil
}
