package master

import (
	"context"

	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// versionService is how clients of several masters find the leader.
type versionService struct {
	pb.UnimplementedServiceVersionClientServiceServer
	*Master
}

// serviceVersion is the version of the services that is told to clients.
const serviceVersion = 2

// GetServiceVersion answers on a leader that is ready. A standby says NOT_FOUND, which clients take for "not this one", unless
// they asked for any.
func (s *versionService) GetServiceVersion(_ context.Context, req *pb.GetServiceVersionPRequest) (*pb.GetServiceVersionPResponse, error) {
	if _, err := s.leads(); err != nil && !req.GetAllowedOnStandbyMasters() {
		return nil, status.Error(codes.NotFound, "this master is a standby")
	}
	return &pb.GetServiceVersionPResponse{Version: proto.Int64(serviceVersion)}, nil
}
