package fuse

import (
	"context"
	"syscall"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// The attempts to change something. All answer EROFS; without these methods go-fuse would answer some of them with
// ENOTSUP, and some with success.

func (n *node) Setattr(context.Context, gofusefs.FileHandle, *gofuse.SetAttrIn, *gofuse.AttrOut) syscall.Errno {
	return syscall.EROFS
}

func (n *node) Setxattr(context.Context, string, []byte, uint32) syscall.Errno { return syscall.EROFS }

func (n *node) Removexattr(context.Context, string) syscall.Errno { return syscall.EROFS }

func (n *dirNode) Create(context.Context, string, uint32, uint32, *gofuse.EntryOut) (*gofusefs.Inode, gofusefs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EROFS
}

func (n *dirNode) Tmpfile(context.Context, uint32, uint32, *gofuse.EntryOut) (*gofusefs.Inode, gofusefs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EROFS
}

func (n *dirNode) Mkdir(context.Context, string, uint32, *gofuse.EntryOut) (*gofusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (n *dirNode) Mknod(context.Context, string, uint32, uint32, *gofuse.EntryOut) (*gofusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (n *dirNode) Symlink(context.Context, string, string, *gofuse.EntryOut) (*gofusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (n *dirNode) Link(context.Context, gofusefs.InodeEmbedder, string, *gofuse.EntryOut) (*gofusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

func (n *dirNode) Unlink(context.Context, string) syscall.Errno { return syscall.EROFS }

func (n *dirNode) Rmdir(context.Context, string) syscall.Errno { return syscall.EROFS }

func (n *dirNode) Rename(context.Context, string, gofusefs.InodeEmbedder, string, uint32) syscall.Errno {
	return syscall.EROFS
}

var (
	_ gofusefs.NodeSetattrer     = (*fileNode)(nil)
	_ gofusefs.NodeSetxattrer    = (*fileNode)(nil)
	_ gofusefs.NodeRemovexattrer = (*fileNode)(nil)
	_ gofusefs.NodeCreater       = (*dirNode)(nil)
	_ gofusefs.NodeTmpfiler      = (*dirNode)(nil)
	_ gofusefs.NodeMkdirer       = (*dirNode)(nil)
	_ gofusefs.NodeMknoder       = (*dirNode)(nil)
	_ gofusefs.NodeSymlinker     = (*dirNode)(nil)
	_ gofusefs.NodeLinker        = (*dirNode)(nil)
	_ gofusefs.NodeUnlinker      = (*dirNode)(nil)
	_ gofusefs.NodeRmdirer       = (*dirNode)(nil)
	_ gofusefs.NodeRenamer       = (*dirNode)(nil)
)
