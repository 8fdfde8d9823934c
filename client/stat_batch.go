package client

import (
	"context"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// StatBatch is [FS.Stat] of many paths in one call. It gives those that exist, in the order of paths, and the names of
// the others.
func (f *FS) StatBatch(ctx context.Context, paths []string, o StatOptions) (infos []Info, failed []string, err error) {
	if len(paths) == 0 {
		return nil, nil, nil
	}
	req := &pb.GetStatusBatchPRequest{Paths: paths, Options: &pb.GetStatusPOptions{CommonOptions: o.common()}}
	resp, err := lead(ctx, f, "stat", paths[0], func(ctx context.Context, conn *grpc.ClientConn) (*pb.GetStatusBatchPResponse, error) {
		return pb.NewFileSystemMasterClientServiceClient(conn).GetStatusBatch(ctx, req)
	})
	for _, p := range resp.GetFileInfos() {
		infos = append(infos, infoOf(p))
	}
	return infos, resp.GetFailedPaths(), err
}
