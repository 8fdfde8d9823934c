package master

import (
	"context"
	"syscall"

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
	session := &session{orders: make(chan *clusterpb.WorkerOrders, 256)}
	received := make(chan error, 1)
	var worker int64
	s.wg.Go(func() { received <- s.receive(stream, session, &worker) })
	for {
		select {
		case o := <-session.orders:
			if err := stream.Send(o); err != nil {
				return <-received
			}
		case err := <-received:
			if worker != 0 {
				s.registry.leave(worker, session)
			}
			return err
		case <-s.ctx.Done():
			return syscall.EAGAIN
		}
	}
}

func (s *workersService) receive(stream grpc.BidiStreamingServer[clusterpb.WorkerReport, clusterpb.WorkerOrders], session *session, worker *int64) error {
	for {
		report, err := stream.Recv()
		if err != nil {
			return err
		}
		if report.GetWorkerId() <= 0 || *worker != 0 && *worker != report.GetWorkerId() {
			return pathError("report", report.GetHost(), syscall.EINVAL)
		}
		if *worker == 0 {
			s.log.Info("worker reports", "worker", report.GetHost(), "id", report.GetWorkerId())
		}
		*worker = report.GetWorkerId()
		s.dropOrphans(session, s.registry.report(session, report, s.now()))
	}
}

// dropOrphans has a worker drop those files that the namespace does not know any more. Only a leader knows for sure.
func (s *workersService) dropOrphans(session *session, files []int64) {
	if role, _ := s.raft.Watch(); !role.Leading {
		return
	}
	var orphans []int64
	for _, id := range files {
		if _, _, err := s.store.Get(id); errnoOf(err) == syscall.ENOENT {
			orphans = append(orphans, id)
		}
	}
	if len(orphans) > 0 {
		session.send(&clusterpb.WorkerOrders{FreeFiles: orphans})
	}
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
		return nil, pathError("source", path, syscall.ESTALE)
	}
	return &clusterpb.FileSource{
		FileId: n.ID, Path: path, Ufs: r.Mount.UFS, Options: s.sources.with(r.Mount.Options), Name: r.Rel, MountId: r.Mount.ID,
		Version: n.Version, Length: n.Length, BlockSize: n.BlockSize, Persisted: persisted(n),
	}, nil
}
