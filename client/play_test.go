package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// play is a cluster of actors: masters and workers that do what the test says.
type play struct {
	t       testing.TB
	net     *wire.Memory
	masters []*actor
	workers []*prompter
	stops   []func()
}

func newPlay(t testing.TB, masters, workers int) *play {
	p := &play{t: t, net: wire.NewMemory()}
	t.Cleanup(func() {
		for _, stop := range p.stops {
			stop()
		}
	})
	for i := range masters {
		m := &actor{play: p, addr: fmt.Sprintf("m%d:9200", i)}
		p.masters = append(p.masters, m)
		m.start()
	}
	for i := range workers {
		w := &prompter{name: fmt.Sprintf("w%d", i)}
		p.workers = append(p.workers, w)
		p.serve(w.name, 9203, func(s *grpc.Server) { pb.RegisterBlockWorkerServer(s, w) })
	}
	return p
}

// serve starts a server, and returns what stops it. That also happens at the end.
func (p *play) serve(host string, port int, register func(*grpc.Server)) (stop func()) {
	p.t.Helper()
	l, err := p.net.Host(host).Listen(wire.HostPort(host, port))
	if err != nil {
		p.t.Fatal(err)
	}
	s, done := wire.NewServer(slog.New(slog.DiscardHandler)), make(chan struct{})
	register(s)
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	stop = sync.OnceFunc(func() {
		s.Stop()
		<-done
	})
	p.stops = append(p.stops, stop)
	return stop
}

// client is a client with the masters in order, and little patience.
func (p *play) client(change ...func(*Config)) *FS {
	p.t.Helper()
	c := Config{Network: p.net.Host("client"), RetryFor: 5 * time.Second, RefusedFor: 300 * time.Millisecond, RetryPause: 5 * time.Millisecond,
		RetryPauseMax: 50 * time.Millisecond, ReadRetryFor: time.Second}
	for i := range max(1, len(p.masters)) {
		c.Masters = append(c.Masters, fmt.Sprintf("m%d:9200", i))
	}
	for _, change := range change {
		change(&c)
	}
	f, err := New(c)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { f.Close() })
	return f
}

// lead makes master i the leader, and lets the others know.
func (p *play) lead(i int) {
	for j, m := range p.masters {
		m.mu.Lock()
		m.mu.leading, m.mu.hint = i == j, p.masters[i].addr
		m.mu.Unlock()
	}
}

// actor is a master.
type actor struct {
	pb.UnimplementedFileSystemMasterClientServiceServer
	clusterpb.UnimplementedClusterServer
	*play
	addr string
	stop func()

	mu struct {
		sync.Mutex
		leading bool
		hint    string
		silent  bool                            // takes calls and does not answer
		answer  func(op string, call any) error // of the leader; nil: all is well
		calls   []string
		ops     []string // operation ids
		synced  int      // GetStatus that compare with the source
		missing map[string]bool
		first   []*pb.FileInfo                          // what it lists in place of the first entry
		batch   func(*pb.GetStatusBatchPResponse) error // how a batch ends; nil: well
	}
}

func (m *actor) start() {
	host := m.addr[:len(m.addr)-len(":9200")]
	m.stop = m.serve(host, 9200, func(s *grpc.Server) {
		pb.RegisterFileSystemMasterClientServiceServer(s, m)
		clusterpb.RegisterClusterServer(s, m)
	})
}

// take notes a call, and says how it ends.
func (m *actor) take(ctx context.Context, op string, call any, o *pb.FileSystemMasterCommonPOptions) error {
	m.mu.Lock()
	m.mu.calls = append(m.mu.calls, op)
	if id := o.GetOperationId(); id != nil {
		m.mu.ops = append(m.mu.ops, fmt.Sprint(id.GetMostSignificantBits(), id.GetLeastSignificantBits()))
	}
	if o != nil && o.SyncIntervalMs != nil && o.GetSyncIntervalMs() == 0 {
		m.mu.synced++
	}
	silent, leading, hint, answer := m.mu.silent, m.mu.leading, m.mu.hint, m.mu.answer
	m.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
	if !leading {
		return wire.NotLeader(hint)
	}
	if answer != nil {
		return answer(op, call)
	}
	return nil
}

func (m *actor) did() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.mu.calls...)
}

func (m *actor) set(do func(m *actor)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do(m)
}

func (m *actor) GetStatus(ctx context.Context, req *pb.GetStatusPRequest) (*pb.GetStatusPResponse, error) {
	if err := m.take(ctx, "stat", req, req.GetOptions().GetCommonOptions()); err != nil {
		return nil, err
	}
	return &pb.GetStatusPResponse{FileInfo: &pb.FileInfo{Path: req.Path, FileId: proto.Int64(1<<24 | blockMask)}}, nil
}

// GetStatusBatch is answered by any master, if it is asked for what is known.
func (m *actor) GetStatusBatch(ctx context.Context, req *pb.GetStatusBatchPRequest) (*pb.GetStatusBatchPResponse, error) {
	if err := m.take(ctx, "batch", req, nil); err != nil && (ctx.Err() != nil || !wire.AsksForKnown(ctx)) {
		return nil, err
	}
	reply := &pb.GetStatusBatchPResponse{}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range req.GetPaths() {
		if m.mu.missing[p] {
			reply.FailedPaths = append(reply.FailedPaths, p)
		} else {
			reply.FileInfos = append(reply.FileInfos, &pb.FileInfo{Path: &p, FileId: proto.Int64(1<<24 | blockMask)})
		}
	}
	if m.mu.batch != nil {
		return reply, m.mu.batch(reply)
	}
	return reply, nil
}

func (m *actor) CreateDirectory(ctx context.Context, req *pb.CreateDirectoryPRequest) (*pb.CreateDirectoryPResponse, error) {
	return &pb.CreateDirectoryPResponse{}, m.take(ctx, "mkdir", req, req.GetOptions().GetCommonOptions())
}

func (m *actor) listsFirst() []*pb.FileInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mu.first)
}

// ListStatus lists f000 to f099 in pages of ten.
func (m *actor) ListStatus(req *pb.ListStatusPRequest, stream grpc.ServerStreamingServer[pb.ListStatusPResponse]) error {
	for i := range 10 {
		if err := m.take(stream.Context(), fmt.Sprint("list ", i), req, nil); err != nil {
			return err
		}
		page := &pb.ListStatusPResponse{}
		for j := range 10 {
			if first := m.listsFirst(); i+j == 0 && len(first) > 0 {
				page.FileInfos = first
				continue
			}
			page.FileInfos = append(page.FileInfos, &pb.FileInfo{Name: proto.String(fmt.Sprintf("f%02d%d", i, j))})
		}
		if err := stream.Send(page); err != nil {
			return err
		}
	}
	return nil
}

func (m *actor) Status(ctx context.Context, _ *clusterpb.StatusRequest) (*clusterpb.ClusterStatus, error) {
	m.mu.Lock()
	silent, hint := m.mu.silent, m.mu.hint
	m.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &clusterpb.ClusterStatus{AnsweredBy: m.addr, Leader: hint}, nil
}

func (m *actor) ListWorkers(ctx context.Context, req *clusterpb.ListWorkersRequest) (*clusterpb.WorkerList, error) {
	if err := m.take(ctx, "workers", req, nil); err != nil {
		return nil, err
	}
	list := &clusterpb.WorkerList{}
	for i, w := range m.workers {
		list.Workers = append(list.Workers, &clusterpb.WorkerStatus{WorkerId: int64(i + 1), Host: w.name, RpcPort: 9203, Live: true})
	}
	return list, nil
}

// prompter is a worker. It says what the test tells it to say.
type prompter struct {
	pb.UnimplementedBlockWorkerServer
	name string

	mu struct {
		sync.Mutex
		data  []byte // of the file
		reads []string
		asked []*pb.ReadRequest
		do    func(req *pb.ReadRequest, stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]) error
		load  func(req *pb.SyncCacheRequest) error
	}
}

const playBlock = 4 << 20 // size of a block

// ReadBlock says what the test said, or else the bytes.
func (w *prompter) ReadBlock(stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	w.mu.Lock()
	off := (req.GetBlockId()&blockMask)*playBlock + req.GetOffset()
	w.mu.reads = append(w.mu.reads, fmt.Sprintf("%d+%d", off, req.GetLength()))
	w.mu.asked = append(w.mu.asked, req)
	do, data := w.mu.do, w.mu.data
	w.mu.Unlock()
	if do != nil {
		return do(req, stream)
	}
	return say(stream, data[off:off+req.GetLength()])
}

func (w *prompter) SyncCache(_ context.Context, req *pb.SyncCacheRequest) (*pb.SyncCacheResponse, error) {
	w.mu.Lock()
	w.mu.reads = append(w.mu.reads, fmt.Sprintf("load %d+%d", (req.GetBlockId()&blockMask)*playBlock+req.GetOffset(), req.GetLength()))
	load := w.mu.load
	w.mu.Unlock()
	if load != nil {
		return &pb.SyncCacheResponse{}, load(req)
	}
	return &pb.SyncCacheResponse{}, nil
}

func say(stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse], data []byte) error {
	for len(data) > 0 {
		n := min(len(data), 256<<10)
		if err := stream.Send(&pb.ReadResponse{Chunk: &pb.Chunk{Data: data[:n]}}); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (w *prompter) set(do func(w *prompter)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(w)
}

func (w *prompter) did() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.mu.reads...)
}

// file makes a file that all workers know, whose blocks are said to be on the workers in order, and opens it.
func (p *play) file(f *FS, size int64) ([]byte, *File) {
	data := make([]byte, size)
	rand.Read(data)
	info := Info{Path: "/f", ID: 1<<24 | blockMask, Length: size, BlockSize: playBlock}
	for _, w := range p.workers {
		w.set(func(w *prompter) { w.mu.data = data })
	}
	for i := range (size + playBlock - 1) / playBlock {
		b := Block{ID: 1<<24 | i, Offset: i * playBlock, Length: min(playBlock, size-i*playBlock)}
		for j, w := range p.workers {
			b.Locations = append(b.Locations, Location{WorkerID: int64(j + 1), Host: w.name, Port: 9203})
		}
		info.Blocks = append(info.Blocks, b)
	}
	x := f.OpenInfo(info)
	p.t.Cleanup(func() { x.Close() })
	return data, x
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}

func eventually(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
