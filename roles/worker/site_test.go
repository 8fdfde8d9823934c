package worker

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
	"goosefs/ufs/mem"
	"goosefs/wire"
	"goosefs/wire/clusterpb"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// site is a true worker whose masters and source are the test's.
type site struct {
	t       testing.TB
	net     *wire.Memory
	dir     string
	options Options
	mem     *mem.UFS
	source  *counted
	files   *directory
	masters []*listener
	worker  *Worker
}

func newSite(t testing.TB, masters int, o Options) *site {
	t.Helper()
	s := &site{t: t, net: wire.NewMemory(), dir: t.TempDir(), mem: mem.New(), files: newDirectory()}
	s.source = &counted{UFS: s.mem}
	for _, name := range []string{"m0", "m1", "m2"}[:masters] {
		m := &listener{t: t, net: s.net, name: name, files: s.files, orders: make(chan *clusterpb.WorkerOrders, 8)}
		m.mu.blocks, m.mu.changed = make(map[int64]int64), make(chan struct{})
		m.start()
		s.masters = append(s.masters, m)
		o.Masters = append(o.Masters, m.addr())
	}
	o.Host, o.Port, o.Network = "worker", 9203, s.net.Host("worker")
	if o.Cache.Tiers == nil {
		o.Cache.Tiers = []blockcache.Tier{{Alias: "SSD", Dirs: []blockcache.Dir{{Path: filepath.Join(s.dir, "tier"), Quota: 64 << 20}}}}
	}
	if o.Report == 0 {
		o.Report = time.Hour // reports are made when something happens
	}
	o.OpenUFS = func(string, map[string]string) (ufs.UFS, string, error) { return s.source, "mem", nil }
	s.options = o
	s.startWorker()
	t.Cleanup(func() {
		s.stopWorker()
		for _, m := range s.masters {
			m.stop()
		}
	})
	return s
}

func (s *site) startWorker() {
	s.t.Helper()
	var err error
	if s.worker, err = Start(s.options); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) stopWorker() {
	if s.worker != nil {
		if err := s.worker.Close(); err != nil {
			s.t.Error(err)
		}
		s.worker = nil
	}
}

// put makes a file in the source, and registers it.
func (s *site) put(id int64, name string, data []byte) int64 {
	s.mem.Put(name, data)
	s.files.add(id, name, s.mem, 4*mib)
	return id << 24
}

// client is a connection of a program that reads.
func (s *site) client(options ...grpc.DialOption) pb.BlockWorkerClient {
	s.t.Helper()
	conn, err := wire.Dial(s.net.Host("client"), "worker:9203", options...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return pb.NewBlockWorkerClient(conn)
}

// read is what a client gets for one request. It half-closes at once.
func read(ctx context.Context, c pb.BlockWorkerClient, req *pb.ReadRequest) (data []byte, frames int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.ReadBlock(ctx)
	if err != nil {
		return nil, 0, err
	}
	if err := stream.Send(req); err != nil && err != io.EOF {
		return nil, 0, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, 0, err
	}
	for {
		resp, err := stream.Recv()
		if err == io.EOF {
			return data, frames, nil
		}
		if err != nil {
			return data, frames, wire.FromStatus("read", "block", err)
		}
		data, frames = append(data, resp.GetChunk().GetData()...), frames+1
	}
}

// listener is a master that only listens to reports, and answers where files come from.
type listener struct {
	clusterpb.UnimplementedWorkersServer
	clusterpb.UnimplementedClusterServer
	t      testing.TB
	net    *wire.Memory
	name   string
	files  *directory
	server *grpc.Server
	done   chan struct{}
	orders chan *clusterpb.WorkerOrders

	mu struct {
		sync.Mutex
		blocks  map[int64]int64 // what the worker says it holds
		last    *clusterpb.WorkerReport
		cluster string
		leader  string
		met     int // how often it was asked that
		resets  int
		changed chan struct{} // closed and replaced with each report
	}
}

func (l *listener) addr() string { return l.name + ":9200" }

func (l *listener) start() {
	l.t.Helper()
	on, err := l.net.Host(l.name).Listen(l.addr())
	if err != nil {
		l.t.Fatal(err)
	}
	server, done := wire.NewServer(slog.New(slog.DiscardHandler)), make(chan struct{})
	l.server, l.done = server, done
	clusterpb.RegisterWorkersServer(server, l)
	clusterpb.RegisterClusterServer(server, l)
	go func() {
		defer close(done)
		server.Serve(on)
	}()
}

func (l *listener) stop() {
	l.server.Stop()
	<-l.done
}

func (l *listener) Status(context.Context, *clusterpb.StatusRequest) (*clusterpb.ClusterStatus, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.met++
	return &clusterpb.ClusterStatus{ClusterId: l.mu.cluster, Leader: l.mu.leader}, nil
}

func (l *listener) Source(ctx context.Context, req *clusterpb.SourceRequest) (*clusterpb.FileSource, error) {
	f, err := l.files.Source(ctx, req.GetFileId())
	return f, wire.Status(err)
}

func (l *listener) Report(stream grpc.BidiStreamingServer[clusterpb.WorkerReport, clusterpb.WorkerOrders]) error {
	received, tickets := make(chan error, 1), make(chan uint64, 1000)
	go func() {
		for told := uint64(0); ; {
			r, err := stream.Recv()
			if err != nil {
				received <- err
				return
			}
			l.mu.Lock()
			cluster := l.mu.cluster
			l.mu.Unlock()
			if r.GetClusterId() != cluster {
				received <- wire.Status(&fs.PathError{Op: "report", Path: r.GetClusterId(), Err: syscall.EPERM})
				return
			}
			l.take(r)
			if r.GetTicket() > told {
				told = r.GetTicket()
				tickets <- told
			}
		}
	}()
	for {
		select {
		case o := <-l.orders:
			if err := stream.Send(o); err != nil {
				return err
			}
		case told := <-tickets:
			if err := stream.Send(&clusterpb.WorkerOrders{Told: told}); err != nil {
				return err
			}
		case err := <-received:
			return err
		}
	}
}

func (l *listener) take(r *clusterpb.WorkerReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.GetReset_() {
		clear(l.mu.blocks)
		l.mu.resets++
	}
	for _, c := range r.GetChanges() {
		if l.mu.blocks[c.GetBlockId()] = c.GetBytes(); c.GetBytes() == 0 {
			delete(l.mu.blocks, c.GetBlockId())
		}
	}
	l.mu.last = r
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
}

// until waits for reports until what the master knows is true.
func (l *listener) until(what string, true func() bool) {
	l.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		l.mu.Lock()
		ok, changed := true(), l.mu.changed
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			l.t.Fatalf("%s never heard that %s", l.name, what)
		}
	}
}
