package master

import (
	"context"
	"syscall"

	"goosefs/metastore"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// fileService is GooseFS's service about files for clients. Each operation has a file of its own. What is not built
// answers UNIMPLEMENTED by name.
type fileService struct {
	pb.UnimplementedFileSystemMasterClientServiceServer
	*Master
}

// GetStatus answers what path is.
func (s *fileService) GetStatus(ctx context.Context, req *pb.GetStatusPRequest) (*pb.GetStatusPResponse, error) {
	if err := s.linearize(ctx); err != nil {
		return nil, err
	}
	r, err := s.loader.stat(ctx, req.GetPath(), s.freshness(req.GetOptions().GetCommonOptions()))
	if err != nil {
		return nil, err
	}
	if r.Inode == nil {
		return nil, notExist("stat", r.Path)
	}
	return &pb.GetStatusPResponse{FileInfo: s.fileInfo(*r.Inode, r.Path, r.Mount, r.UFSPath)}, nil
}

// listPage is how many entries one message of a listing has: official clients take at most 4 MiB.
const listPage = 500

// ListStatus streams the children of a directory, by name; a file lists itself.
func (s *fileService) ListStatus(req *pb.ListStatusPRequest, stream grpc.ServerStreamingServer[pb.ListStatusPResponse]) error {
	ctx := stream.Context()
	if err := s.linearize(ctx); err != nil {
		return err
	}
	max := s.freshness(req.GetOptions().GetCommonOptions())
	if req.GetOptions().GetLoadMetadataType() == pb.LoadMetadataPType_ALWAYS {
		max = 0
	}
	// Only the listing itself need be fresh: it brings its entries along.
	r, err := s.loader.stat(ctx, req.GetPath(), freshness(s.options.SyncInterval))
	if err != nil {
		return err
	}
	if r.Inode == nil {
		return notExist("list", r.Path)
	}
	if !r.Inode.Dir {
		return stream.Send(&pb.ListStatusPResponse{FileInfos: []*pb.FileInfo{s.fileInfo(*r.Inode, r.Path, r.Mount, r.UFSPath)}})
	}
	if r, err = s.loader.list(ctx, r, max); err != nil {
		return err
	}
	if r.Inode == nil {
		return notExist("list", r.Path)
	}
	if req.GetOptions().GetLoadMetadataOnly() {
		return nil
	}
	for after := ""; ; {
		children, err := s.store.List(r.Inode.ID, after, listPage)
		if err != nil || len(children) == 0 {
			return err
		}
		page := &pb.ListStatusPResponse{}
		for _, n := range children {
			page.FileInfos = append(page.FileInfos, s.childInfo(r, n))
		}
		if err := stream.Send(page); err != nil {
			return err
		}
		after = children[len(children)-1].Name
	}
}

// freshness is what the options of a call demand, or else the configuration.
func (m *Master) freshness(o *pb.FileSystemMasterCommonPOptions) freshness {
	if o != nil && o.SyncIntervalMs != nil {
		return freshness(millis(o.GetSyncIntervalMs()))
	}
	return freshness(m.options.SyncInterval)
}

func notExist(op, path string) error {
	return &metastore.Error{Text: `Path "` + path + `" does not exist.`, Err: pathErr(op, path, syscall.ENOENT)}
}
