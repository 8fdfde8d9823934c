package client

import (
	"context"
	"fmt"

	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// Source tells a worker where the bytes of a file id come from: the under file system, the object's name in it, and
// the version of it that the id stands for.
func (f *FS) Source(ctx context.Context, file int64) (*clusterpb.FileSource, error) {
	return lead(ctx, f, "source", fmt.Sprint(file), func(ctx context.Context, conn *grpc.ClientConn) (*clusterpb.FileSource, error) {
		return clusterpb.NewWorkersClient(conn).Source(ctx, &clusterpb.SourceRequest{FileId: file})
	})
}

// Destination tells a worker where a file goes that a client writes through to a place in the under file system of a mount.
func (f *FS) Destination(ctx context.Context, mount int64, place string) (*clusterpb.FileSource, error) {
	return lead(ctx, f, "write", place, func(ctx context.Context, conn *grpc.ClientConn) (*clusterpb.FileSource, error) {
		return clusterpb.NewWorkersClient(conn).Destination(ctx, &clusterpb.DestinationRequest{MountId: mount, UfsPath: place})
	})
}

// Persisted tells the masters what came of an order to a worker to persist a file.
func (f *FS) Persisted(ctx context.Context, what *clusterpb.PersistedRequest) error {
	_, err := lead(ctx, f, "persist", fmt.Sprint(what.GetFileId()), func(ctx context.Context, conn *grpc.ClientConn) (*clusterpb.PersistedReply, error) {
		return clusterpb.NewWorkersClient(conn).Persisted(ctx, what)
	})
	return err
}
