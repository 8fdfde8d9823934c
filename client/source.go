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
