package client

import (
	"cmp"
	"context"
	"slices"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// Mount makes the under file system at the URI ufs appear at path.
func (f *FS) Mount(ctx context.Context, path, ufs string, o MountOptions) error {
	req := &pb.MountPRequest{GoosefsPath: &path, UfsPath: &ufs, Options: &pb.MountPOptions{
		ReadOnly: &o.ReadOnly, Shared: &o.Shared, Properties: o.Options, CommonOptions: newOperation(),
	}}
	return change(ctx, f, "mount", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.Mount(ctx, req)
		return err
	})
}

// Unmount takes the mount at path away. The under file system is not touched.
func (f *FS) Unmount(ctx context.Context, path string) error {
	req := &pb.UnmountPRequest{GoosefsPath: &path, Options: &pb.UnmountPOptions{CommonOptions: newOperation()}}
	return change(ctx, f, "unmount", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.Unmount(ctx, req)
		return err
	})
}

// Mounts is the mount table, by path.
func (f *FS) Mounts(ctx context.Context) ([]MountPoint, error) {
	return lead(ctx, f, "mounts", "/", func(ctx context.Context, conn *grpc.ClientConn) ([]MountPoint, error) {
		resp, err := pb.NewFileSystemMasterClientServiceClient(conn).GetMountTable(ctx, &pb.GetMountTablePRequest{})
		if err != nil {
			return nil, err
		}
		var mounts []MountPoint
		for path, p := range resp.GetMountPoints() {
			mounts = append(mounts, MountPoint{
				Path: path, UFS: p.GetUfsUri(), Type: p.GetUfsType(), Capacity: p.GetUfsCapacityBytes(), Used: p.GetUfsUsedBytes(),
				ReadOnly: p.GetReadOnly(), Shared: p.GetShared(), Options: p.GetProperties(), ID: p.GetMountId(),
			})
		}
		slices.SortFunc(mounts, func(a, b MountPoint) int { return cmp.Compare(a.Path, b.Path) })
		return mounts, nil
	})
}
