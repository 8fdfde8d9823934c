package master

import (
	"context"
	"fmt"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"
)

// RemoveBlocks drops blocks of a file whose writing is given up; the file stays, and is not complete. Blocks that nobody
// has are no mistake. Those of a complete file that is nowhere else are refused: remove the file.
func (s *fileService) RemoveBlocks(ctx context.Context, req *pb.RemoveBlocksPRequest) (*pb.RemoveBlocksPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	for _, block := range req.GetBlockIds() {
		if block <= 0 {
			return nil, pathErr("remove", fmt.Sprint("block ", block), syscall.EINVAL)
		}
		n, p, err := s.store.Get(fileOf(block))
		if errnoOf(err) == syscall.ENOENT {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n.Completed && n.Persistence != metastore.Persisted {
			return nil, &metastore.Error{
				Text: fmt.Sprintf("Cannot remove block %d: it is of %s, which is complete and nowhere else", block, p),
				Err:  pathErr("remove", p, syscall.EBUSY),
			}
		}
	}
	err := s.registry.carryOut(ctx, &clusterpb.WorkerOrders{FreeBlocks: req.GetBlockIds()})
	return &pb.RemoveBlocksPResponse{}, err
}
