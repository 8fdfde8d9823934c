package worker

import (
	"context"

	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// permissions keep calls that take away what others cached, or may have written nowhere else, for superusers, if
// permissions are obeyed. Whoever is called by a name may read and write blocks: the masters have told him which.
func (o Options) permissions() []grpc.ServerOption {
	if !o.Permissions {
		return nil
	}
	supers := auth.Superusers{User: o.Login.User, Group: o.Supergroup, Groups: o.Auth.Groups}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		id, _ := auth.Of(ctx)
		if administrates(info.FullMethod) && !supers.Has(id.User) {
			return nil, status.Error(codes.PermissionDenied, supers.Refusal(id.User, info.FullMethod))
		}
		return handler(ctx, req)
	})}
}

func administrates(method string) bool {
	switch method {
	case pb.BlockWorker_RemoveBlock_FullMethodName, pb.BlockWorker_MoveBlock_FullMethodName, pb.BlockWorker_FreeWorker_FullMethodName, pb.BlockWorker_ClearMetrics_FullMethodName:
		return true
	}
	return false
}
