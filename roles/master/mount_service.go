package master

import (
	"context"
	"fmt"
	"syscall"

	"goosefs/metastore"
	"goosefs/ufs"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// Mount makes an under file system appear at a path. It must be there and be readable.
func (s *fileService) Mount(ctx context.Context, req *pb.MountPRequest) (*pb.MountPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	mount := metastore.AddMount{
		Header: s.head(o.GetCommonOptions()), Path: req.GetGoosefsPath(), UFS: req.GetUfsPath(),
		ReadOnly: o.GetReadOnly(), Shared: o.GetShared(), Options: o.GetProperties(),
	}
	src, err := s.sources.connect(metastore.Mount{Path: mount.Path, UFS: mount.UFS, Options: mount.Options})
	if err != nil {
		return nil, err
	}
	defer src.close()
	if src.kind == "web" {
		mount.ReadOnly = true
	}
	err = src.call(ctx, sourceCall, func(ctx context.Context, u ufs.UFS) error {
		info, err := u.Stat(ctx, "")
		if err == nil && !info.Dir {
			return pathError("mount", mount.UFS, syscall.ENOTDIR)
		}
		return err
	})
	if err != nil {
		return nil, &metastore.Error{Text: fmt.Sprintf("cannot mount %s at %s: %v", mount.UFS, mount.Path, err), Err: pathErr("mount", mount.Path, errnoOr(err, syscall.EIO))}
	}
	if _, err = s.loader.stat(ctx, mount.Path, freshness(s.options.SyncInterval)); err != nil {
		return nil, err
	}
	_, err = s.propose(ctx, mount, mount.Path)
	return &pb.MountPResponse{}, err
}

// Unmount takes a mount away, and the blocks of what was below it.
func (s *fileService) Unmount(ctx context.Context, req *pb.UnmountPRequest) (*pb.UnmountPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, metastore.RemoveMount{Header: s.head(req.GetOptions().GetCommonOptions()), Path: req.GetGoosefsPath()}, req.GetGoosefsPath())
	if err != nil {
		return nil, err
	}
	s.reap(ctx, result)
	return &pb.UnmountPResponse{}, nil
}

// UpdateMount changes the options of a mount.
func (s *fileService) UpdateMount(ctx context.Context, req *pb.UpdateMountPRequest) (*pb.UpdateMountPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	_, err := s.propose(ctx, metastore.UpdateMount{
		Header: s.head(o.GetCommonOptions()), Path: req.GetGoosefsPath(), ReadOnly: o.GetReadOnly(), Shared: o.GetShared(), Options: o.GetProperties(),
	}, req.GetGoosefsPath())
	return &pb.UpdateMountPResponse{}, err
}

// GetMountTable lists all mounts by path.
func (s *fileService) GetMountTable(ctx context.Context, _ *pb.GetMountTablePRequest) (*pb.GetMountTablePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	table := &pb.GetMountTablePResponse{MountPoints: make(map[string]*pb.MountPointInfo)}
	for _, m := range s.store.Mounts() {
		info := &pb.MountPointInfo{
			UfsUri: &m.UFS, UfsType: proto.String(s.sources.kindOf(m)), UfsCapacityBytes: proto.Int64(-1), UfsUsedBytes: proto.Int64(-1),
			ReadOnly: &m.ReadOnly, Shared: &m.Shared, Properties: m.Options, MountId: &m.ID,
		}
		if total, used, ok := s.capacity(ctx, m); ok {
			info.UfsCapacityBytes, info.UfsUsedBytes = &total, &used
		}
		table.MountPoints[m.Path] = info
	}
	return table, nil
}

// capacity asks an under file system that knows its size.
func (s *fileService) capacity(ctx context.Context, m metastore.Mount) (total, used int64, ok bool) {
	src, err := s.sources.of(m)
	if err != nil {
		return 0, 0, false
	}
	c, able := src.ufs.(ufs.Capacity)
	if !able {
		return 0, 0, false
	}
	err = src.call(ctx, sourceCall, func(ctx context.Context, _ ufs.UFS) error {
		total, used, err = c.Capacity(ctx)
		return err
	})
	return total, used, err == nil
}
