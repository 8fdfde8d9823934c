package client

import (
	"context"

	"goosefs/wire/pb"
)

// Chmod changes the permission bits of path as the masters have them. The under file system keeps its own.
func (f *FS) Chmod(ctx context.Context, path string, mode uint32) error {
	req := &pb.SetAttributePRequest{Path: &path, Options: &pb.SetAttributePOptions{Mode: modeOf(mode), CommonOptions: newOperation()}}
	return change(ctx, f, "chmod", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.SetAttribute(ctx, req)
		return err
	})
}
