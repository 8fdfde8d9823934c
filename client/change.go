package client

import (
	"context"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// change runs a call that answers nothing but that it was done.
func change(ctx context.Context, f *FS, op, path string, call func(context.Context, pb.FileSystemMasterClientServiceClient) error) error {
	_, err := lead(ctx, f, op, path, func(ctx context.Context, conn *grpc.ClientConn) (struct{}, error) {
		return struct{}{}, call(ctx, pb.NewFileSystemMasterClientServiceClient(conn))
	})
	return err
}

// Mkdir makes the directory path, here and, unless o.CacheOnly, in the under file system.
func (f *FS) Mkdir(ctx context.Context, path string, o MkdirOptions) error {
	if o.Mode == 0 {
		o.Mode = 0o777 &^ f.cfg.Umask
	}
	write := pb.WritePType_CACHE_THROUGH
	if o.CacheOnly {
		write = pb.WritePType_MUST_CACHE
	}
	req := &pb.CreateDirectoryPRequest{Path: &path, Options: &pb.CreateDirectoryPOptions{
		Recursive: &o.Recursive, AllowExists: &o.AllowExists, Mode: modeOf(o.Mode),
		WriteType: &write, CommonOptions: newOperation(),
	}}
	return change(ctx, f, "mkdir", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CreateDirectory(ctx, req)
		return err
	})
}

// Touch makes an empty file at path, which must not exist: as its namespace says, and else here and in the under file
// system.
func (f *FS) Touch(ctx context.Context, path string) error {
	kind, err := f.writeType(ctx, path, CreateOptions{Default: CacheThrough})
	if err != nil {
		return err
	}
	create := &pb.CreateFilePRequest{Path: &path, Options: &pb.CreateFilePOptions{
		Recursive: proto.Bool(true), Mode: modeOf(0o666 &^ f.cfg.Umask), WriteType: pb.WritePType(kind).Enum(), CommonOptions: newOperation(),
	}}
	err = change(ctx, f, "touch", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CreateFile(ctx, create)
		return err
	})
	if err != nil {
		return err
	}
	complete := &pb.CompleteFilePRequest{Path: &path, Options: &pb.CompleteFilePOptions{UfsLength: proto.Int64(0), CommonOptions: newOperation()}}
	if kind == AsyncThrough {
		complete.Options.AsyncPersistOptions = &pb.ScheduleAsyncPersistencePOptions{}
	}
	return change(ctx, f, "touch", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CompleteFile(ctx, complete)
		return err
	})
}

// Remove removes path from the cache and, unless o.CacheOnly, from the under file system.
func (f *FS) Remove(ctx context.Context, path string, o RemoveOptions) error {
	req := &pb.DeletePRequest{Path: &path, Options: &pb.DeletePOptions{
		Recursive: &o.Recursive, GoosefsOnly: &o.CacheOnly, Unchecked: &o.Unchecked, CommonOptions: newOperation(),
	}}
	return change(ctx, f, "remove", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.Remove(ctx, req)
		return err
	})
}

// Rename moves src to dst, which must not exist.
func (f *FS) Rename(ctx context.Context, src, dst string) error {
	req := &pb.RenamePRequest{Path: &src, DstPath: &dst, Options: &pb.RenamePOptions{CommonOptions: newOperation()}}
	return change(ctx, f, "rename", src, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.Rename(ctx, req)
		return err
	})
}

// Free drops the bytes of path from all workers. Names, attributes and the under file system stay. It returns when no
// live worker holds any of it.
func (f *FS) Free(ctx context.Context, path string, recursive bool) error {
	req := &pb.FreePRequest{Path: &path, Options: &pb.FreePOptions{Recursive: &recursive, Forced: proto.Bool(true), CommonOptions: newOperation()}}
	return change(ctx, f, "free", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.Free(ctx, req)
		return err
	})
}
