package master

import (
	"context"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// workersService is what workers call.
type workersService struct {
	clusterpb.UnimplementedWorkersServer
	*Master
}

// Report takes a worker's reports for as long as it lives, and hands it its orders.
func (s *workersService) Report(stream grpc.BidiStreamingServer[clusterpb.WorkerReport, clusterpb.WorkerOrders]) error {
	session := newSession()
	defer s.registry.leave(session)
	received := make(chan error, 1)
	s.wg.Go(func() { received <- s.receive(stream, session) }) // ends with the stream
	for {
		select {
		case o := <-session.orders:
			if err := stream.Send(o); err != nil {
				return err
			}
		case <-session.wake:
			if err := stream.Send(s.registry.news(session)); err != nil {
				return err
			}
		case err := <-received:
			return err
		case <-s.ctx.Done():
			return wire.NotLeader("")
		}
	}
}

func (s *workersService) receive(stream grpc.BidiStreamingServer[clusterpb.WorkerReport, clusterpb.WorkerOrders], session *session) error {
	for worker := int64(0); ; {
		report, err := stream.Recv()
		if err != nil {
			return err
		}
		if report.GetWorkerId() <= 0 || worker != 0 && worker != report.GetWorkerId() {
			return pathErr("report", report.GetHost(), syscall.EINVAL)
		}
		if id := clusterName(s.identity.ClusterID); report.GetClusterId() != id {
			return pathErr("report", "cluster "+report.GetClusterId()+" to a master of cluster "+id, syscall.EPERM)
		}
		if worker == 0 {
			worker = report.GetWorkerId()
			s.log.Info("worker reports", "worker", report.GetHost(), "id", worker)
		}
		files, kept := s.registry.report(session, report, s.now())
		s.dropOrphans(stream.Context(), session, files)
		s.registry.letGoOne(session, s.needless(kept))
	}
}

// dropOrphans has a worker drop those of files that the namespace does not know any more. Only a leader knows for
// sure, and only after a majority said that it still leads: another leader may have made the file.
func (m *Master) dropOrphans(ctx context.Context, session *session, files []int64) {
	unknown := m.unknown(files)
	if len(unknown) == 0 || m.linearize(ctx) != nil {
		return
	}
	m.registry.orderOne(session, m.unknown(unknown))
}

// unknown are those of files that are not in the namespace.
func (m *Master) unknown(files []int64) (unknown []int64) {
	for _, id := range files {
		if _, _, err := m.store.Get(id); errnoOf(err) == syscall.ENOENT {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// needless are those of files that are in the under file system: no worker need keep them. That stays so, so whoever knows
// it may say it.
func (m *Master) needless(files []int64) (needless []int64) {
	for _, id := range files {
		if n, _, err := m.store.Get(id); err == nil && n.Completed && n.Persistence == metastore.Persisted {
			needless = append(needless, id)
		}
	}
	return needless
}

// Source tells where the bytes of a file come from.
func (s *workersService) Source(ctx context.Context, req *clusterpb.SourceRequest) (*clusterpb.FileSource, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	n, path, err := s.store.Get(req.GetFileId())
	if err != nil {
		return nil, err
	}
	r, err := s.store.Resolve(path)
	if err != nil {
		return nil, err
	}
	if n.Dir || r.Inode == nil || r.Inode.ID != n.ID {
		return nil, pathErr("source", path, syscall.ESTALE)
	}
	if n.Symlink != "" {
		return nil, linkError("source", path, n.Symlink)
	}
	return &clusterpb.FileSource{
		FileId: n.ID, Path: path, Ufs: r.Mount.UFS, Options: s.sources.with(r.Mount.Options), Name: r.Rel, MountId: r.Mount.ID,
		Version: n.Version, Length: n.Length, BlockSize: n.BlockSize, Persisted: persisted(n),
		Mode: uint32(ufsMode(&n)), Writing: !n.Completed, Through: !n.Completed && n.Persistence == metastore.ToBePersisted,
	}, nil
}
