package fuse

import (
	"context"
	"syscall"

	gofusefs "github.com/hanwen/go-fuse/v2/fs"
)

// linkNode is a symbolic link. The kernel follows it: an absolute target is a path of this host, not of the cluster.
type linkNode struct{ node }

// Readlink gives what the link leads to.
func (n *linkNode) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	last, ok := n.remember()
	info := last.info
	if !ok {
		var err error
		if info, _, err = n.current(ctx); err != nil {
			return nil, n.m.failed("readlink", n.path(), err)
		}
	}
	return []byte(info.Symlink), 0
}

// Listxattr lists nothing: the kernel lets links have no attributes of users.
func (n *linkNode) Listxattr(context.Context, []byte) (uint32, syscall.Errno) { return 0, 0 }

var (
	_ gofusefs.NodeReadlinker  = (*linkNode)(nil)
	_ gofusefs.NodeListxattrer = (*linkNode)(nil)
)
