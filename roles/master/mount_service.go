package master

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"
	"syscall"
	"time"

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
	return &pb.MountPResponse{}, s.mount(ctx, metastore.AddMount{
		Header: s.headOf(ctx, o.GetCommonOptions()), Path: req.GetGoosefsPath(), UFS: req.GetUfsPath(),
		ReadOnly: o.GetReadOnly(), Shared: o.GetShared(), Options: o.GetProperties(),
	})
}

func (s *fileService) mount(ctx context.Context, mount metastore.AddMount) error {
	if !s.operations.applied(mount.OpID, s.now()) {
		kind, err := s.probe(ctx, mount)
		if err != nil {
			return err
		}
		mount.ReadOnly = mount.ReadOnly || readOnlyKind(kind)
		// A mount may hide a directory, if that is empty.
		r, err := s.loader.stat(ctx, mount.Path, s.freshness(mount.Path, nil))
		if err == nil {
			_, err = s.loader.list(ctx, r, s.freshness(mount.Path, nil))
		}
		if err != nil {
			return err
		}
	}
	_, err := s.propose(ctx, mount, clean(mount.Path))
	return err
}

// probe looks whether the root of a mount to be can be read.
func (s *fileService) probe(ctx context.Context, mount metastore.AddMount) (kind string, err error) {
	src := s.sources.new(metastore.Mount{Path: mount.Path, UFS: mount.UFS, Options: mount.Options})
	defer src.close()
	if err = src.connect(); err == nil {
		err = src.call(ctx, func(ctx context.Context, u ufs.UFS) error {
			info, err := u.Stat(ctx, "")
			if err == nil && !info.Dir {
				return pathErr("mount", mount.UFS, syscall.ENOTDIR)
			}
			return err
		})
	}
	if err != nil && ctx.Err() == nil {
		err = &metastore.Error{
			Text: fmt.Sprintf("cannot mount %s at %s: %v", mount.UFS, mount.Path, err),
			Err:  pathErr("mount", mount.Path, cmp.Or(errnoOf(err), syscall.EIO)),
		}
	}
	return src.kind, err
}

// Unmount takes a mount away, and the blocks of what was below it.
func (s *fileService) Unmount(ctx context.Context, req *pb.UnmountPRequest) (*pb.UnmountPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	return &pb.UnmountPResponse{}, s.unmount(ctx, metastore.RemoveMount{Header: s.head(req.GetOptions().GetCommonOptions()), Path: req.GetGoosefsPath()})
}

func (s *fileService) unmount(ctx context.Context, remove metastore.RemoveMount) error {
	result, err := s.propose(ctx, remove, clean(remove.Path))
	if err != nil {
		return err
	}
	s.sources.forget(result.Mount.ID)
	return nil
}

// UpdateMount changes the options of a mount.
func (s *fileService) UpdateMount(ctx context.Context, req *pb.UpdateMountPRequest) (*pb.UpdateMountPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	o := req.GetOptions()
	_, err := s.propose(ctx, metastore.UpdateMount{
		Header: s.head(o.GetCommonOptions()), Path: req.GetGoosefsPath(), ReadOnly: o.GetReadOnly(), Shared: o.GetShared(), Options: o.GetProperties(),
	}, clean(req.GetGoosefsPath()))
	return &pb.UpdateMountPResponse{}, err
}

// capacityLimit is how long the list of mounts waits for an under file system to say how large it is.
const capacityLimit = 2 * time.Second

// GetMountTable lists all mounts by path. Their under file systems are asked all at once.
func (s *fileService) GetMountTable(ctx context.Context, _ *pb.GetMountTablePRequest) (*pb.GetMountTablePResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	mounts := s.store.Mounts()
	infos := make([]*pb.MountPointInfo, len(mounts))
	var asked sync.WaitGroup
	for i, m := range mounts {
		asked.Go(func() { infos[i] = s.mountInfo(ctx, m) })
	}
	asked.Wait()
	table := &pb.GetMountTablePResponse{MountPoints: make(map[string]*pb.MountPointInfo)}
	for i, m := range mounts {
		table.MountPoints[m.Path] = infos[i]
	}
	return table, nil
}

// shownOptions are the options of a mount, without the values of those that are secret.
func shownOptions(m metastore.Mount) map[string]string {
	if len(m.Secrets) == 0 {
		return m.Options
	}
	shown := maps.Clone(m.Options)
	for _, name := range m.Secrets {
		shown[name] = "******"
	}
	return shown
}

func (s *fileService) mountInfo(ctx context.Context, m metastore.Mount) *pb.MountPointInfo {
	info := &pb.MountPointInfo{
		UfsUri: &m.UFS, UfsType: proto.String("unknown"), UfsCapacityBytes: proto.Int64(-1), UfsUsedBytes: proto.Int64(-1),
		ReadOnly: &m.ReadOnly, Shared: &m.Shared, Properties: shownOptions(m), MountId: &m.ID,
	}
	src, err := s.sources.of(m)
	if err != nil {
		return info
	}
	info.UfsType = &src.kind
	err = src.callFor(ctx, capacityLimit, func(ctx context.Context, u ufs.UFS) error {
		c, able := u.(ufs.Capacity)
		if !able {
			return nil
		}
		total, used, err := c.Capacity(ctx)
		if err == nil {
			info.UfsCapacityBytes, info.UfsUsedBytes = &total, &used
		}
		return err
	})
	if err != nil {
		s.log.Debug("capacity unknown", "ufs", m.UFS, "err", err)
	}
	return info
}
