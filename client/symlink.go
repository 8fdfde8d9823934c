package client

import (
	"context"
	"fmt"
	"io/fs"
	"syscall"

	"goosefs/wire/pb"
)

// SymlinkOptions: Recursive makes parents too. Mode is 0777 by default.
type SymlinkOptions struct {
	Recursive bool
	Mode      uint32
}

// Symlink makes a symbolic link at path, which must not exist. Its target is kept as it is given, and need not exist.
// Neither masters nor an [FS] follow links: [FS.Stat] and [FS.List] tell of the link itself, and a path through one
// fails with ENOTDIR. It is in the cluster only, never in an under file system.
func (f *FS) Symlink(ctx context.Context, target, path string, o SymlinkOptions) error {
	req := &pb.CreateSymlinkPRequest{Link: &path, Options: &pb.CreateSymlinkPOptions{
		Target: &target, CreateParent: &o.Recursive, CommonOptions: newOperation(),
	}}
	if o.Mode != 0 {
		req.Options.Mode = modeOf(o.Mode)
	}
	return change(ctx, f, "symlink", path, func(ctx context.Context, c pb.FileSystemMasterClientServiceClient) error {
		_, err := c.CreateSymlink(ctx, req)
		return err
	})
}

// linkError is the error of an operation on a link that wants a file's bytes.
func linkError(op, path, target string) error {
	return &linkedError{at: &fs.PathError{Op: op, Path: path, Err: syscall.EINVAL}, target: target}
}

// linkedError has words for people, and operation, path and errno for programs.
type linkedError struct {
	at     *fs.PathError
	target string
}

func (e *linkedError) Error() string {
	return fmt.Sprintf("%s is a symbolic link to %s and has no bytes: name what it leads to", e.at.Path, e.target)
}
func (e *linkedError) Unwrap() error { return e.at }
