package master

import (
	"cmp"
	"context"
	"fmt"
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
	if size := req.GetOptions().GetBlockSizeBytes(); size > maxBlock {
		return nil, &metastore.Error{Text: fmt.Sprintf("Invalid block size %d: at most %d", size, int64(maxBlock)), Err: pathErr("create", req.GetPath(), syscall.EINVAL)}
	}
	o := req.GetOptions()
	create := metastore.CreateFile{
		Header: s.headOf(ctx, o.GetCommonOptions()), Path: req.GetPath(), Mode: modeOf(o.GetMode()),
		BlockSize: wholeChunks(o.GetBlockSizeBytes(), s.options.BlockSize), Recursive: o.GetRecursive(), Persisted: through(o.GetWriteType()),
	}
	max := asKnown
	if !s.operations.applied(create.OpID, s.now()) {
		// A file that is only in the under file system so far is in the way as well. One that will be written there must
		// not replace it, so then what is known is not enough.
		max = s.freshness(create.Path, o.GetCommonOptions())
		if create.Persisted {
			max = 0
		}
	}
	r, err := s.loader.stat(ctx, create.Path, max)
	if err != nil {
		return nil, err
	}
	if create.Persisted {
		if err := s.makeAbove(ctx, r, create.Recursive); err != nil {
			return nil, err
		}
	}
	result, err := s.proposeNew(ctx, create, create.Path, missingPaths(r)...)
	if err != nil {
		return nil, err
	}
	r, err = s.store.Resolve(result.Path)
	if err != nil {
		return nil, err
	}
	return &pb.CreateFilePResponse{FileInfo: s.fileInfo(&result.Inode, result.Path, r.Mount, r.UFSPath)}, nil
}

// makeAbove makes the directories above r in the under file system that it has not got, for from now on they are called persisted.
func (s *fileService) makeAbove(ctx context.Context, r metastore.Resolution, recursive bool) error {
	missing := len(missingPaths(r)) - 1
	switch {
	case r.Inode != nil || r.Mount.ID == 0 || r.Mount.ReadOnly || !r.Deepest.Dir:
		return nil // the command says why not
	case missing > 0 && !recursive, missing == 0 && !onlyHere(r.Deepest):
		return nil
	}
	x, err := s.changes.beginHere(ctx, r.Path)
	if err != nil {
		return err
	}
	defer s.changes.end(x)
	src, err := s.sources.of(r.Mount)
	if err != nil {
		return err
	}
	err = src.call(ctx, func(ctx context.Context, u ufs.UFS) error { return ufs.MkdirAll(ctx, u, ufs.Parent(r.Rel)) })
	if err != nil {
		return fmt.Errorf("cannot make the folder of %s in the under file system: %w", r.Path, err)
	}
	return nil
}

// proposeNew proposes a command that makes p in the namespace, when nobody changes it in an under file system: what is being moved to
// that name is there before it is here, and would find the name taken.
func (s *fileService) proposeNew(ctx context.Context, c proposable, p string, paths ...string) (*metastore.Result, error) {
	x, err := s.changes.beginHere(ctx, clean(p))
	if err != nil {
		return nil, err
	}
	defer s.changes.end(x)
	return s.propose(ctx, c, paths...)
}

// blockUnit is what workers keep and check as one: a file's blocks are whole ones.
const blockUnit = 64 << 10

// wholeChunks is the block size of a new file for which a client wants one: a little more, if that is not whole units. Clients go by what
// they are answered. 0 is the default.
func wholeChunks(wanted, otherwise int64) int64 {
	wanted = cmp.Or(wanted, otherwise)
	if wanted <= 0 || wanted > maxBlock {
		return wanted // the command refuses what is negative
	}
	return (wanted + blockUnit - 1) / blockUnit * blockUnit
}

// maxBlock keeps arithmetic on blocks from overflowing.
const maxBlock = 1 << 50

// through says whether a write type puts the file into the under file system before it is complete.
func through(t pb.WritePType) bool {
	return t == pb.WritePType_CACHE_THROUGH || t == pb.WritePType_THROUGH
}
