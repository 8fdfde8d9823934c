package master

import (
	"context"

	"goosefs/metastore"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// Our own clients may ask any master for what is known ([wire.Known]). A master that does not lead asks the leader how
// far the log has come, waits until it has applied as much, and answers: nobody can tell its answer from the leader's.
// What needs a look into an under file system, which is the leader's to do, it sends there.

// catchUp returns when the store of this master, leading or not, has all that anybody was told before the call.
func (m *Master) catchUp(ctx context.Context) error {
	if _, err := m.leads(); err == nil {
		return m.linearize(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, m.options.Election)
	defer cancel()
	if err := m.raft.ReadIndex(ctx); err != nil {
		return wire.NotLeader(m.leaderAddress()) // there is none, or no way to it: clients look for another master
	}
	return nil
}

// resolveKnown resolves a path. ok is false if its under file system would have to be asked first.
func (s *fileService) resolveKnown(p string, o *pb.GetStatusPOptions) (r metastore.Resolution, ok bool, err error) {
	if r, err = s.store.Resolve(p); err != nil {
		return r, true, err
	}
	if o == nil {
		o = &pb.GetStatusPOptions{}
	}
	ok = r.Mount.ID != 0 && decideStat(r, s.loadFreshness(p, o.LoadMetadataType, o.CommonOptions), s.now()) == known
	return r, ok, nil
}

func (s *fileService) knownStatus(ctx context.Context, req *pb.GetStatusPRequest) (*pb.GetStatusPResponse, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	r, ok, err := s.resolveKnown(req.GetPath(), req.GetOptions())
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, wire.NotLeader(s.leaderAddress())
	case r.Inode == nil:
		return nil, r.Absent("stat")
	}
	if err := resolvable(r, req.GetOptions()); err != nil {
		return nil, err
	}
	return &pb.GetStatusPResponse{FileInfo: s.fileInfo(r.Inode, r.Path, r.Mount, r.UFSPath)}, nil
}

// knownStatusBatch names all paths that it cannot tell of, be it that they do not exist.
func (s *fileService) knownStatusBatch(ctx context.Context, req *pb.GetStatusBatchPRequest) (*pb.GetStatusBatchPResponse, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	reply := &pb.GetStatusBatchPResponse{}
	for _, p := range req.GetPaths() {
		r, ok, err := s.resolveKnown(p, req.GetOptions())
		if err != nil || !ok || r.Inode == nil {
			reply.FailedPaths = append(reply.FailedPaths, p)
			continue
		}
		reply.FileInfos = append(reply.FileInfos, s.fileInfo(r.Inode, r.Path, r.Mount, r.UFSPath))
	}
	return reply, nil
}

func (s *fileService) knownList(ctx context.Context, req *pb.ListStatusPRequest, stream grpc.ServerStreamingServer[pb.ListStatusPResponse]) error {
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	o := req.GetOptions()
	if o == nil {
		o = &pb.ListStatusPOptions{}
	}
	max := s.loadFreshness(req.GetPath(), o.LoadMetadataType, o.CommonOptions)
	r, err := s.store.Resolve(req.GetPath()) // first, so that nothing is listed in vain
	switch {
	case err != nil:
		return err
	case r.Mount.ID == 0 || !settled(r, max, s.now()):
		return wire.NotLeader(s.leaderAddress())
	case r.Inode == nil:
		return r.Absent("list")
	case o.GetLoadMetadataOnly():
		return nil
	}
	l, err := s.store.Listing(req.GetPath())
	switch {
	case err != nil:
		return err
	case l.Mount.ID == 0 || !settled(l.Resolution, max, s.now()):
		return wire.NotLeader(s.leaderAddress())
	}
	return s.sendList(&l, stream.Send)
}
