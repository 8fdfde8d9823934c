package master

import (
	"context"
	"math"
	"time"

	"goosefs/metastore"
	"goosefs/wire"
	"goosefs/wire/pb"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// fileService is GooseFS's service about files for clients. Each operation has a file of its own. What is not built
// answers UNIMPLEMENTED by name.
type fileService struct {
	pb.UnimplementedFileSystemMasterClientServiceServer
	*Master
}

// GetStatus answers what path is.
func (s *fileService) GetStatus(ctx context.Context, req *pb.GetStatusPRequest) (*pb.GetStatusPResponse, error) {
	if wire.AsksForKnown(ctx) {
		return s.knownStatus(ctx, req)
	}
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	info, err := s.status(ctx, req.GetPath(), req.GetOptions())
	if err != nil {
		return nil, err
	}
	withACL(info)
	return &pb.GetStatusPResponse{FileInfo: info}, nil
}

func (s *fileService) status(ctx context.Context, p string, o *pb.GetStatusPOptions) (*pb.FileInfo, error) {
	if o == nil {
		o = &pb.GetStatusPOptions{}
	}
	r, err := s.loader.stat(ctx, p, s.loadFreshness(p, o.LoadMetadataType, o.CommonOptions))
	if err != nil {
		return nil, err
	}
	if r.Inode == nil {
		return nil, r.Absent("stat")
	}
	if err := resolvable(r, o); err != nil {
		return nil, err
	}
	return s.fileInfo(r.Inode, r.Path, r.Mount, r.UFSPath), nil
}

// batchAtOnce is how many paths of one batch are looked up at the same time.
const batchAtOnce = 16

// GetStatusBatch answers what several paths are, in their order. Those that cannot be told are named instead.
func (s *fileService) GetStatusBatch(ctx context.Context, req *pb.GetStatusBatchPRequest) (*pb.GetStatusBatchPResponse, error) {
	if wire.AsksForKnown(ctx) {
		return s.knownStatusBatch(ctx, req)
	}
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	infos := make([]*pb.FileInfo, len(req.GetPaths()))
	lookups := new(errgroup.Group)
	lookups.SetLimit(batchAtOnce)
	for i, p := range req.GetPaths() {
		lookups.Go(func() error {
			info, err := s.status(ctx, p, req.GetOptions())
			if _, elsewhere := wire.LeaderHint(err); elsewhere || ctx.Err() != nil {
				return err
			}
			infos[i] = info
			return nil
		})
	}
	if err := lookups.Wait(); err != nil {
		return nil, err
	}
	reply := &pb.GetStatusBatchPResponse{}
	for i, info := range infos {
		if info == nil {
			reply.FailedPaths = append(reply.FailedPaths, req.GetPaths()[i])
		} else {
			reply.FileInfos = append(reply.FileInfos, info)
		}
	}
	return reply, nil
}

// ListStatus streams the children of a directory, by name, all of one state; a file lists itself.
func (s *fileService) ListStatus(req *pb.ListStatusPRequest, stream grpc.ServerStreamingServer[pb.ListStatusPResponse]) error {
	ctx := stream.Context()
	if wire.AsksForKnown(ctx) {
		return s.knownList(ctx, req, stream)
	}
	if err := s.linearize(ctx); err != nil {
		return err
	}
	o := req.GetOptions()
	if o == nil {
		o = &pb.ListStatusPOptions{}
	}
	max := s.loadFreshness(req.GetPath(), o.LoadMetadataType, o.CommonOptions)
	if o.GetLoadMetadataOnly() {
		_, r, err := s.loader.refresh(ctx, req.GetPath(), max)
		if err == nil && r.Inode == nil {
			err = r.Absent("list")
		}
		return err
	}
	l, err := s.loader.listing(ctx, req.GetPath(), max)
	if err != nil {
		return err
	}
	return s.sendList(&l, stream.Send)
}

// sendList sends the children of a directory, or a file.
func (s *fileService) sendList(l *metastore.Listing, send func(*pb.ListStatusPResponse) error) error {
	if l.Inode == nil {
		return l.Absent("list")
	}
	pages := &pages{send: send}
	if !l.Inode.Dir {
		if err := pages.add(s.fileInfo(l.Inode, l.Path, l.Mount, l.UFSPath)); err != nil {
			return err
		}
	}
	for i := range l.Children {
		if err := pages.add(s.childInfo(l, &l.Children[i])); err != nil {
			return err
		}
	}
	return pages.flush()
}

// pageEntries bounds the entries of one message of a listing, besides its bytes.
const pageEntries = 1000

// pages gathers a listing into messages that clients take.
type pages struct {
	send func(*pb.ListStatusPResponse) error
	page pb.ListStatusPResponse
	size int
}

func (p *pages) add(info *pb.FileInfo) error {
	size := proto.Size(info)
	if len(p.page.FileInfos) == pageEntries || p.size+size > wire.MaxReply {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.page.FileInfos = append(p.page.FileInfos, info)
	p.size += size
	return nil
}

func (p *pages) flush() error {
	if len(p.page.FileInfos) == 0 {
		return nil
	}
	full := &pb.ListStatusPResponse{FileInfos: p.page.FileInfos}
	p.page.FileInfos, p.size = nil, 0
	return p.send(full)
}

// loadFreshness is what the options of a call that reads p demand: load, if it is set, and common.
func (m *Master) loadFreshness(p string, load *pb.LoadMetadataPType, common *pb.FileSystemMasterCommonPOptions) freshness {
	switch {
	case load != nil && *load == pb.LoadMetadataPType_NEVER:
		return asKnown
	case load != nil && *load == pb.LoadMetadataPType_ALWAYS:
		return 0
	}
	return m.freshness(p, common)
}

// freshness is what the options of a call about p demand, or else the policy of its namespace, or else the configuration.
func (m *Master) freshness(p string, o *pb.FileSystemMasterCommonPOptions) freshness {
	if o == nil || o.SyncIntervalMs == nil {
		if m.store.MountAt(p).Policy.Read.Consistent() {
			return 0
		}
		return freshness(m.options.SyncInterval)
	}
	ms := o.GetSyncIntervalMs()
	if ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return anyAge
	}
	return freshness(time.Duration(ms) * time.Millisecond)
}
