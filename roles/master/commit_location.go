package master

import (
	"context"
	"fmt"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"
)

// CommitLocation hears where a client has written a block of a file. Workers report for themselves what they hold, before
// they tell the client that the block is there, so there is nothing to note: what a client says is only checked.
func (s *fileService) CommitLocation(ctx context.Context, req *pb.CommitLocationPRequest) (*pb.CommitLocationPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	r, err := s.store.Resolve(req.GetPath())
	switch {
	case err != nil:
		return nil, err
	case r.Inode == nil:
		return nil, r.Absent("write")
	case r.Inode.Dir:
		return nil, &metastore.Error{Text: r.Path + " has no blocks: it is no file", Err: pathErr("write", r.Path, syscall.EINVAL)}
	case req.InodeId != nil && req.GetInodeId() != r.Inode.ID:
		return nil, pathErr("write", r.Path, syscall.ESTALE)
	case req.BlockId != nil && fileOf(req.GetBlockId()) != r.Inode.ID:
		return nil, &metastore.Error{Text: fmt.Sprintf("Block %d is not of %s", req.GetBlockId(), r.Path), Err: pathErr("write", r.Path, syscall.EINVAL)}
	}
	return &pb.CommitLocationPResponse{}, nil
}
