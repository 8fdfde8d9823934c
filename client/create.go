package client

import (
	"context"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// CreateOptions of a new file.
type CreateOptions struct {
	Recursive bool   // make parents too
	Through   bool   // it is to be in the under file system when it is complete; else it is only in the cache
	Mode      uint32 // 0666 less the umask by default
}

// Create makes a file that is not complete, which must not exist. [FS.Complete] ends its writing.
func (f *FS) Create(ctx context.Context, path string, o CreateOptions) (Info, error) {
	if o.Mode == 0 {
		o.Mode = 0o666 &^ f.cfg.Umask
	}
	write := pb.WritePType_MUST_CACHE
	if o.Through {
		write = pb.WritePType_CACHE_THROUGH
	}
	req := &pb.CreateFilePRequest{Path: &path, Options: &pb.CreateFilePOptions{
		Recursive: &o.Recursive, Mode: modeOf(o.Mode), WriteType: &write, CommonOptions: newOperation(),
	}}
	return lead(ctx, f, "create", path, func(ctx context.Context, conn *grpc.ClientConn) (Info, error) {
		resp, err := pb.NewFileSystemMasterClientServiceClient(conn).CreateFile(ctx, req)
		if err != nil {
			return Info{}, err
		}
		return infoOf(resp.GetFileInfo()), nil
	})
}

// Complete gives a file that [FS.Create] made its length: from now on it can be read.
func (f *FS) Complete(ctx context.Context, path string, length int64) error {
	req := &pb.CompleteFilePRequest{Path: &path, Options: &pb.CompleteFilePOptions{UfsLength: proto.Int64(length), CommonOptions: newOperation()}}
	return change(ctx, f, "complete", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CompleteFile(ctx, req)
		return err
	})
}
