package client

import (
	"context"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Stat gives what the masters know of path. What they do not know yet they look up in the under file system.
func (f *FS) Stat(ctx context.Context, path string, o StatOptions) (Info, error) {
	req := &pb.GetStatusPRequest{Path: &path, Options: &pb.GetStatusPOptions{CommonOptions: o.common()}}
	return lead(ctx, f, "stat", path, func(ctx context.Context, conn *grpc.ClientConn) (Info, error) {
		resp, err := pb.NewFileSystemMasterClientServiceClient(conn).GetStatus(ctx, req)
		if err != nil {
			return Info{}, err
		}
		return infoOf(resp.GetFileInfo()), nil
	})
}

func (o StatOptions) common() *pb.FileSystemMasterCommonPOptions {
	if !o.Sync {
		return nil
	}
	return &pb.FileSystemMasterCommonPOptions{SyncIntervalMs: proto.Int64(0)}
}
