package master

import (
	"context"

	"goosefs/wire/pb"
)

// CheckAccess says whether the caller has rights of a path. Where permissions are not obeyed, everybody has all of what is
// there; where they are, they are judged for every call (authorize.go).
func (s *fileService) CheckAccess(ctx context.Context, req *pb.CheckAccessPRequest) (*pb.CheckAccessPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	r, err := s.loader.stat(ctx, req.GetPath(), s.freshness(req.GetPath(), req.GetOptions().GetCommonOptions()))
	if err == nil && r.Inode == nil {
		err = r.Absent("access")
	}
	return &pb.CheckAccessPResponse{}, err
}
