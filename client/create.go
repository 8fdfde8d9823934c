package client

import (
	"context"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// CreateOptions of a new file.
type CreateOptions struct {
	Recursive bool      // make parents too
	Type      WriteType // where its bytes go; by default as the namespace that it is in says
	Default   WriteType // where they go if there is no Type and the namespace says nothing; MustCache by default
	BlockSize int64     // bytes; the masters' by default, who make whole multiples of 64 KiB of it
	Mode      uint32    // 0666 less the umask by default
}

// Create makes a file that is not complete, which must not exist. [FS.Complete] ends its writing.
func (f *FS) Create(ctx context.Context, path string, o CreateOptions) (Info, error) {
	kind, err := f.writeType(ctx, path, o)
	if err != nil {
		return Info{}, err
	}
	return f.create(ctx, path, kind, o)
}

func (f *FS) create(ctx context.Context, path string, kind WriteType, o CreateOptions) (Info, error) {
	if o.Mode == 0 {
		o.Mode = 0o666 &^ f.cfg.Umask
	}
	write := pb.WritePType(kind)
	req := &pb.CreateFilePRequest{Path: &path, Options: &pb.CreateFilePOptions{
		Recursive: &o.Recursive, Mode: modeOf(o.Mode), WriteType: &write, CommonOptions: newOperation(),
	}}
	if o.BlockSize != 0 {
		req.Options.BlockSizeBytes = &o.BlockSize
	}
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
	return f.complete(ctx, path, length, false)
}

// complete also has the file persisted in the background, if persist says so.
func (f *FS) complete(ctx context.Context, path string, length int64, persist bool) error {
	req := &pb.CompleteFilePRequest{Path: &path, Options: &pb.CompleteFilePOptions{UfsLength: proto.Int64(length), CommonOptions: newOperation()}}
	if persist {
		req.Options.AsyncPersistOptions = &pb.ScheduleAsyncPersistencePOptions{}
	}
	return change(ctx, f, "complete", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CompleteFile(ctx, req)
		return err
	})
}
