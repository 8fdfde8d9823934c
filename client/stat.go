package client

import (
	"context"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Stat gives what the masters know of path. What they do not know yet they look up in the under file system.
//
// Calls at the same time share messages, and are spread over the masters, see [statFlights].
func (f *FS) Stat(ctx context.Context, path string, o StatOptions) (Info, error) {
	if !o.asKnown() {
		return f.statAlone(ctx, path, o)
	}
	return f.stats.do(ctx, path)
}

// statAlone asks the leader for one path.
func (f *FS) statAlone(ctx context.Context, path string, o StatOptions) (Info, error) {
	req := &pb.GetStatusPRequest{Path: &path, Options: &pb.GetStatusPOptions{CommonOptions: o.common()}}
	return lead(ctx, f, "stat", path, func(ctx context.Context, conn *grpc.ClientConn) (Info, error) {
		resp, err := pb.NewFileSystemMasterClientServiceClient(conn).GetStatus(ctx, req)
		if err != nil {
			return Info{}, err
		}
		return infoOf(resp.GetFileInfo()), nil
	})
}

// StatBatch is [FS.Stat] of many paths in one call. It gives those that exist, in the order of paths, and the names of
// the others.
func (f *FS) StatBatch(ctx context.Context, paths []string, o StatOptions) (infos []Info, failed []string, err error) {
	if len(paths) == 0 {
		return nil, nil, nil
	}
	resp, err := lead(ctx, f, "stat", paths[0], func(ctx context.Context, conn *grpc.ClientConn) (*pb.GetStatusBatchPResponse, error) {
		return statBatch(ctx, conn, paths, o)
	})
	for _, p := range resp.GetFileInfos() {
		infos = append(infos, infoOf(p))
	}
	return infos, resp.GetFailedPaths(), err
}

func statBatch(ctx context.Context, conn *grpc.ClientConn, paths []string, o StatOptions) (*pb.GetStatusBatchPResponse, error) {
	req := &pb.GetStatusBatchPRequest{Paths: paths, Options: &pb.GetStatusPOptions{CommonOptions: o.common()}}
	return pb.NewFileSystemMasterClientServiceClient(conn).GetStatusBatch(ctx, req)
}

func (o StatOptions) common() *pb.FileSystemMasterCommonPOptions {
	switch {
	case o.Sync:
		return &pb.FileSystemMasterCommonPOptions{SyncIntervalMs: proto.Int64(0)}
	case o.MaxAge > 0:
		return &pb.FileSystemMasterCommonPOptions{SyncIntervalMs: proto.Int64(max(1, o.MaxAge.Milliseconds()))}
	}
	return nil
}

// known asks one of the masters, leading or not, for what is known, see [wire.Known]. ok is false if that master cannot
// say: then the leader is to be asked, by [lead].
func known[T any](ctx context.Context, f *FS, op, path string, call func(context.Context, *grpc.ClientConn) (T, error)) (reply T, ok bool, err error) {
	addr := f.masters.any()
	within, cancel := context.WithTimeout(wire.Known(ctx), f.cfg.SuspectAfter)
	defer cancel()
	reply, err = attempt(within, f.masters, addr, call)
	if err == nil {
		return reply, true, nil
	}
	// The master sees the deadline too, and may say so before the clock here does.
	if elsewhere(err) || within.Err() != nil || status.Code(err) == codes.DeadlineExceeded {
		if _, standby := wire.LeaderHint(err); !standby {
			f.masters.avoid(addr)
		}
		return reply, false, nil
	}
	return reply, true, wire.FromStatus(op, path, err)
}
