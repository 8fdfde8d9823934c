package master

import (
	"context"
	"strings"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/clusterpb"
)

// Destination tells a worker where a file that a client writes through goes: its staged name. A client names the place
// itself, so it must be that of a file which was created to be written through and is not complete.
func (s *workersService) Destination(ctx context.Context, req *clusterpb.DestinationRequest) (*clusterpb.FileSource, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	mount, known := metastore.Mount{}, false
	for _, m := range s.store.Mounts() {
		if m.ID == req.GetMountId() {
			mount, known = m, true
		}
	}
	rel, inside := strings.CutPrefix(req.GetUfsPath(), trimSlash(mount.UFS)+"/")
	if !known || !inside {
		return nil, notWritten(req.GetUfsPath())
	}
	r, err := s.store.Resolve(child(mount.Path, rel))
	if err != nil {
		return nil, err
	}
	if r.Mount.ID != mount.ID || r.UFSPath != req.GetUfsPath() || !unwritten(r) || r.Mount.ReadOnly {
		return nil, notWritten(req.GetUfsPath())
	}
	return &clusterpb.FileSource{
		FileId: r.Inode.ID, Path: r.Path, Ufs: r.Mount.UFS, Options: s.sources.with(r.Mount.Options), Name: ufs.Staged(r.Rel, r.Inode.ID), MountId: r.Mount.ID,
		BlockSize: r.Inode.BlockSize, Mode: uint32(ufsMode(r.Inode)), Writing: true, Through: true,
	}, nil
}

func notWritten(place string) error {
	return &metastore.Error{
		Text: "Nobody writes " + place + ": create a file there first, with CACHE_THROUGH or THROUGH",
		Err:  pathErr("write", place, syscall.EPERM),
	}
}
