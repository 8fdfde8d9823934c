package wiretest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const blockSize = 1 << 20

// stand is a cluster over a folder, and connections to it.
type stand struct {
	*rolestest.Cluster
	t       testing.TB
	files   pb.FileSystemMasterClientServiceClient
	manager pb.WorkerManagerMasterClientServiceClient
	metrics pb.MetricsMasterClientServiceClient
	blocks  []pb.BlockWorkerClient
}

func newStand(t testing.TB, o rolestest.Options) *stand {
	t.Helper()
	if o.Masters == 0 {
		o.Masters = 1
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
	o.BlockSize = blockSize
	s := &stand{Cluster: rolestest.Start(t, o), t: t}
	leader := s.Conn(s.Leader())
	s.files = pb.NewFileSystemMasterClientServiceClient(leader)
	s.manager = pb.NewWorkerManagerMasterClientServiceClient(leader)
	s.metrics = pb.NewMetricsMasterClientServiceClient(leader)
	for i := range s.Workers {
		s.blocks = append(s.blocks, pb.NewBlockWorkerClient(s.WorkerConn(i)))
	}
	return s
}

// put writes a file into the folder that is /.
func (s *stand) put(name string, data []byte) {
	s.t.Helper()
	path := filepath.Join(s.Root, name)
	must(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(s.t, os.WriteFile(path, data, 0o644))
}

// has says whether the folder that is / has a name.
func (s *stand) has(name string) bool {
	_, err := os.Lstat(filepath.Join(s.Root, name))
	return err == nil
}

func (s *stand) stat(path string) *pb.FileInfo {
	s.t.Helper()
	reply, err := s.files.GetStatus(s.t.Context(), &pb.GetStatusPRequest{Path: &path, Options: &pb.GetStatusPOptions{}})
	must(s.t, err)
	return reply.GetFileInfo()
}

// list is ListStatus: the entries, and how many messages they came in.
func (s *stand) list(path string) (entries []*pb.FileInfo, pages int, err error) {
	s.t.Helper()
	stream, err := s.files.ListStatus(s.t.Context(), &pb.ListStatusPRequest{Path: &path, Options: &pb.ListStatusPOptions{}})
	must(s.t, err)
	for {
		page, err := stream.Recv()
		if err == io.EOF {
			return entries, pages, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if n := proto.Size(page); n >= 4<<20 {
			s.t.Errorf("a page of %d bytes: official clients take less than 4 MiB", n)
		}
		entries = append(entries, page.GetFileInfos()...)
		pages++
	}
}

func (s *stand) mkdir(path string, recursive bool) error {
	_, err := s.files.CreateDirectory(s.t.Context(), &pb.CreateDirectoryPRequest{Path: &path, Options: &pb.CreateDirectoryPOptions{
		Recursive: &recursive, AllowExists: proto.Bool(true), Mode: &pb.PMode{OwnerBits: pb.Bits_ALL.Enum(), GroupBits: pb.Bits_READ_EXECUTE.Enum(), OtherBits: pb.Bits_READ_EXECUTE.Enum()},
	}})
	return err
}

func (s *stand) remove(path string, recursive bool) error {
	_, err := s.files.Remove(s.t.Context(), &pb.DeletePRequest{Path: &path, Options: &pb.DeletePOptions{
		Recursive: &recursive, Unchecked: proto.Bool(false), GoosefsOnly: proto.Bool(false),
	}})
	return err
}

func (s *stand) rename(from, to string) error {
	_, err := s.files.Rename(s.t.Context(), &pb.RenamePRequest{Path: &from, DstPath: &to, Options: &pb.RenamePOptions{}})
	return err
}

// read is a ReadBlock of worker i that names its source as official clients do. It returns what came, whatever the end was.
func (s *stand) read(i int, info *pb.FileInfo, index, off, n int64, edit func(*pb.ReadRequest)) ([]byte, error) {
	s.t.Helper()
	block := info.GetFileId()&^(1<<24-1) | index
	req := &pb.ReadRequest{
		BlockId: &block, Offset: &off, Length: &n, ChunkSize: proto.Int64(256 << 10), PrefetchWindow: proto.Int32(8),
		OpenUfsBlockOptions: &pb.OpenUfsBlockOptions{
			UfsPath: info.UfsPath, OffsetInFile: proto.Int64(index * info.GetBlockSizeBytes()), BlockSize: info.BlockSizeBytes,
			MountId: info.MountId, NoCache: proto.Bool(!info.GetCacheable()), FileLength: info.Length, MaxUfsReadConcurrency: proto.Int32(8),
		},
	}
	if edit != nil {
		edit(req)
	}
	return s.readRequest(i, req)
}

func (s *stand) readRequest(i int, req *pb.ReadRequest) (got []byte, err error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), rolestest.Patience)
	defer cancel()
	stream, err := s.blocks[i].ReadBlock(ctx)
	must(s.t, err)
	must(s.t, stream.Send(req))
	for {
		part, err := stream.Recv()
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if n := len(part.GetChunk().GetData()); req.GetChunkSize() > 0 && int64(n) > req.GetChunkSize() {
			s.t.Errorf("a frame of %d bytes, chunks are of %d", n, req.GetChunkSize())
		}
		got = append(got, part.GetChunk().GetData()...)
		ack := &pb.ReadRequest{OffsetReceived: proto.Int64(req.GetOffset() + int64(len(got)))}
		if err := stream.Send(ack); err != nil && !errors.Is(err, io.EOF) {
			return got, err
		}
	}
}

// want wants a status: its code, and words that clients look for in its text.
func want(t testing.TB, what string, err error, code codes.Code, words string) {
	t.Helper()
	if s := status.Convert(err); s.Code() != code || !strings.Contains(s.Message(), words) {
		t.Errorf("%s: %v %q, want %v with %q", what, s.Code(), s.Message(), code, words)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bytesOf are n bytes that tell their place.
func bytesOf(n int) []byte {
	data := make([]byte, 0, n+32)
	for sum := sha256.Sum256([]byte{byte(n)}); len(data) < n; sum = sha256.Sum256(sum[:]) {
		data = append(data, sum[:]...)
	}
	return data[:n]
}
