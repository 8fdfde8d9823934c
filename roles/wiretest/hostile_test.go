package wiretest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// besieged is a stand whose log may not speak of a panic, and that has to be well afterwards.
func besieged(t testing.TB) *stand {
	t.Helper()
	var log struct {
		sync.Mutex
		bytes.Buffer
	}
	write := writerFunc(func(p []byte) (int, error) {
		log.Lock()
		defer log.Unlock()
		return log.Write(p)
	})
	s := newStand(t, rolestest.Options{Log: slog.New(slog.NewTextHandler(write, &slog.HandlerOptions{Level: slog.LevelError}))})
	data := bytesOf(2*blockSize + 100)
	s.put("well", data)
	t.Cleanup(func() {
		log.Lock()
		defer log.Unlock()
		if strings.Contains(log.String(), "panic") {
			t.Error(log.String())
		}
	})
	return s
}

// well wants that names and bytes are answered as ever.
func (s *stand) well(when string) {
	s.t.Helper()
	info := s.stat("/well")
	if got, err := s.read(0, info, 2, 0, 100, nil); err != nil || string(got) != string(bytesOf(2*blockSize + 100)[2*blockSize:]) {
		s.t.Fatalf("%s: %d bytes, %v", when, len(got), err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// raw is a codec of messages that are bytes already.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// method is a call of a service.
type method struct {
	conn                   *grpc.ClientConn
	name                   string // as gRPC has it
	short                  string
	toStream, answerStream bool
}

// methods are all calls of the services that GooseFS's clients know, where they are.
func (s *stand) methods() (all []method) {
	leader, worker := s.Conn(s.Leader()), s.WorkerConn(0)
	for _, f := range []protoreflect.FileDescriptor{pb.File_grpc_file_system_master_proto, pb.File_grpc_worker_manager_master_proto, pb.File_grpc_metric_master_proto, pb.File_grpc_version_proto, pb.File_grpc_block_worker_proto} {
		for i := range f.Services().Len() {
			service := f.Services().Get(i)
			conn := leader
			if service.Name() == "BlockWorker" {
				conn = worker
			}
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				all = append(all, method{conn, fmt.Sprintf("/%s/%s", service.FullName(), m.Name()), string(m.Name()), m.IsStreamingClient(), m.IsStreamingServer()})
			}
		}
	}
	return all
}

// call sends messages that are bytes already, and waits for the status.
func (m method) call(ctx context.Context, messages ...[]byte) error {
	ctx, cancel := context.WithTimeout(ctx, rolestest.Patience)
	defer cancel()
	stream, err := m.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, m.name, grpc.ForceCodecV2(raw{}))
	if err != nil {
		return err
	}
	for _, b := range messages {
		if err := stream.SendMsg(&b); err != nil && err != io.EOF {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		var answer []byte
		if err := stream.RecvMsg(&answer); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// What is not built says so by its name; nothing is unknown that GooseFS's services have.
func TestUnimplemented(t *testing.T) {
	s := besieged(t)
	built := 0
	for _, m := range s.methods() {
		if strings.Contains(m.name, "MasterWorkerService") || strings.Contains(m.name, "JobService") {
			continue // of GooseFS's own workers
		}
		err := m.call(t.Context(), nil)
		if status.Code(err) != codes.Unimplemented {
			built++
			continue
		}
		if text := status.Convert(err).Message(); !strings.Contains(strings.ToLower(text), strings.ToLower(m.short)) {
			t.Errorf("%s: %q", m.name, text)
		}
	}
	if built < 25 {
		t.Errorf("only %d calls are built", built)
	}
	s.well("afterwards")
}

// Bytes that are no message, or less than one, end a call, and nothing else.
func TestBrokenMessages(t *testing.T) {
	s := besieged(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	whole, err := proto.Marshal(&pb.GetStatusPRequest{Path: proto.String("/well"), Options: &pb.GetStatusPOptions{AccessMode: pb.Bits_READ.Enum()}})
	must(t, err)
	for _, m := range s.methods() {
		for _, b := range [][]byte{whole[:len(whole)/2], {0xff}, {0x0a}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, bytes.Repeat([]byte{0x0b}, 5000)} {
			if err := m.call(t.Context(), b); err == nil {
				t.Errorf("%s takes % x", m.name, b[:min(len(b), 10)])
			}
		}
		for range 20 {
			b := make([]byte, rnd.IntN(200))
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			_ = m.call(t.Context(), b, b) // some are messages
		}
	}
	s.well("afterwards")
}

// A message that is larger than any may be is refused before it is held in memory.
func TestOversizedMessages(t *testing.T) {
	s := besieged(t)
	huge := make([]byte, 81<<20)
	for _, m := range s.methods() {
		if m.short != "GetStatus" && m.short != "MetricsHeartbeat" && m.short != "ReadBlock" && m.short != "CheckBlocks" {
			continue
		}
		want(t, m.name, m.call(t.Context(), huge), codes.ResourceExhausted, "")
	}
	path := "/" + strings.Repeat("x", 10<<20)
	_, err := s.files.GetStatus(t.Context(), &pb.GetStatusPRequest{Path: &path})
	want(t, "a path of 10 MiB", err, codes.InvalidArgument, "longer than 4096")
	paths := make([]string, 100_000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/none/%d", i)
	}
	reply, err := s.files.GetStatusBatch(t.Context(), &pb.GetStatusBatchPRequest{Paths: paths})
	if err != nil || len(reply.GetFailedPaths()) != len(paths) {
		t.Errorf("a large batch: %d of %d, %v", len(reply.GetFailedPaths()), len(paths), err)
	}
	s.well("afterwards")
}

// Paths that lead elsewhere, or are not paths, are refused by every call that takes one, and change nothing.
func TestHostilePaths(t *testing.T) {
	s := besieged(t)
	ctx := t.Context()
	calls := map[string]func(path string) error{
		"GetStatus": func(p string) error {
			_, err := s.files.GetStatus(ctx, &pb.GetStatusPRequest{Path: &p})
			return err
		},
		"ListStatus":      func(p string) error { _, _, err := s.list(p); return err },
		"CreateDirectory": func(p string) error { return s.mkdir(p, true) },
		"CreateFile": func(p string) error {
			_, err := s.files.CreateFile(ctx, &pb.CreateFilePRequest{Path: &p, Options: &pb.CreateFilePOptions{Recursive: proto.Bool(true)}})
			return err
		},
		"CompleteFile": func(p string) error {
			_, err := s.files.CompleteFile(ctx, &pb.CompleteFilePRequest{Path: &p})
			return err
		},
		"Remove":      func(p string) error { return s.remove(p, true) },
		"Rename from": func(p string) error { return s.rename(p, "/there") },
		"Rename to":   func(p string) error { return s.rename("/well", p) },
		"SetAttribute": func(p string) error {
			_, err := s.files.SetAttribute(ctx, &pb.SetAttributePRequest{Path: &p})
			return err
		},
		"Free": func(p string) error { _, err := s.files.Free(ctx, &pb.FreePRequest{Path: &p}); return err },
		"Mount": func(p string) error {
			_, err := s.files.Mount(ctx, &pb.MountPRequest{GoosefsPath: &p, UfsPath: proto.String(t.TempDir())})
			return err
		},
		"Unmount": func(p string) error {
			_, err := s.files.Unmount(ctx, &pb.UnmountPRequest{GoosefsPath: &p})
			return err
		},
	}
	for what, path := range map[string]string{
		"nothing": "", "relative": "a/b", "up": "/..", "up and out": "/../../etc/passwd", "up in the middle": "/a/../../b", "up at the end": "/a/..",
		"NUL": "/a\x00b", "a long name": "/" + strings.Repeat("n", 4<<10), "10,000 parts": strings.Repeat("/d", 10_000), "a long part": "/a/" + strings.Repeat("ä", 200),
	} {
		for name, call := range calls {
			want(t, name+" "+what, call(path), codes.InvalidArgument, "")
		}
	}
	for what, path := range map[string]string{"not UTF-8": "/a\xff", "a control character": "/a\nb"} {
		for _, name := range []string{"CreateDirectory", "CreateFile", "Rename to"} {
			if err := calls[name](path); err == nil {
				t.Errorf("%s makes a path that is %s", name, what)
			}
		}
	}
	entries, _, err := s.list("/")
	if err != nil || len(entries) != 1 {
		t.Errorf("now there is %v, %v", entries, err)
	}
	s.well("afterwards")
}

// Messages of a stream in an order that makes no sense end it, or are passed over.
func TestWrongOrder(t *testing.T) {
	s := besieged(t)
	info := s.stat("/well")
	ack, err := proto.Marshal(&pb.ReadRequest{OffsetReceived: proto.Int64(100)})
	must(t, err)
	ask, err := proto.Marshal(&pb.ReadRequest{BlockId: &info.GetBlockIds()[0], Length: proto.Int64(10)})
	must(t, err)
	lend, err := proto.Marshal(&pb.OpenLocalBlockRequest{BlockId: &info.GetBlockIds()[0]})
	must(t, err)
	for _, m := range s.methods() {
		switch m.short {
		case "ReadBlock":
			want(t, "no message", m.call(t.Context()), codes.InvalidArgument, "")
			want(t, "an acknowledgement first", m.call(t.Context(), ack), codes.InvalidArgument, "")
			must(t, m.call(t.Context(), ask, ask, ack, ask))
			if err := m.call(t.Context(), ask, []byte{0xff}); err != nil && status.Code(err) != codes.Internal {
				t.Errorf("a question, and bytes that are no message, which end what has not ended yet: %v", err)
			}
		case "OpenLocalBlock":
			want(t, "no message", m.call(t.Context()), codes.InvalidArgument, "")
			if err := m.call(t.Context(), lend, lend, lend); err != nil && status.Code(err) != codes.NotFound {
				t.Errorf("three questions: %v", err)
			}
		}
	}
	s.well("afterwards")
}

// What is cached of one file is not had by a block id of another, whatever the client says of it.
func TestBlocksOfOthers(t *testing.T) {
	s := besieged(t)
	s.put("small", []byte("small"))
	small := s.stat("/small")
	s.well("before")
	claims := func(r *pb.ReadRequest) { // that it is the other file
		r.OpenUfsBlockOptions = &pb.OpenUfsBlockOptions{UfsPath: s.stat("/well").UfsPath, OffsetInFile: proto.Int64(0), BlockSize: proto.Int64(blockSize), FileLength: proto.Int64(2 * blockSize), MountId: small.MountId}
	}
	if got, err := s.read(0, small, 0, 0, 5, claims); err != nil || string(got) != "small" {
		t.Errorf("%q, %v", got, err)
	}
	_, err := s.read(0, small, 0, 0, 6, claims)
	want(t, "more than the file has", err, codes.OutOfRange, "")
	for _, path := range []string{"/etc/passwd", s.Root + "/../x", "file:///etc/passwd"} {
		elsewhere := func(r *pb.ReadRequest) { r.OpenUfsBlockOptions.UfsPath, r.BlockId = &path, proto.Int64(1<<40) }
		got, err := s.read(0, small, 0, 0, 5, elsewhere)
		if err == nil || len(got) > 0 {
			t.Errorf("a worker reads %s for a client: %q", path, got)
		}
	}
	s.well("afterwards")
}

// Streams that are opened and left alone, or asked for bytes that nobody takes, hold little memory, and are in nobody's way.
func TestManyStreams(t *testing.T) {
	const streams = 1000
	s := besieged(t)
	s.well("before")
	block := s.stat("/well").GetBlockIds()[0]
	_, err := s.read(0, s.stat("/well"), 0, 0, blockSize, nil)
	must(t, err)
	s.awaitCached(0, map[int64]int64{block: blockSize})
	before := heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, open := range map[string]func(pb.BlockWorkerClient) (grpc.ClientStream, error){
		"silent": func(w pb.BlockWorkerClient) (grpc.ClientStream, error) { return w.ReadBlock(ctx) },
		"not read": func(w pb.BlockWorkerClient) (grpc.ClientStream, error) {
			stream, err := w.ReadBlock(ctx)
			if err == nil {
				err = stream.Send(&pb.ReadRequest{BlockId: &block, Length: proto.Int64(blockSize)})
			}
			return stream, err
		},
		"locks": func(w pb.BlockWorkerClient) (grpc.ClientStream, error) {
			stream, err := w.OpenLocalBlock(ctx)
			if err == nil {
				err = stream.Send(&pb.OpenLocalBlockRequest{BlockId: &block})
			}
			return stream, err
		},
	} {
		conns := []pb.BlockWorkerClient{s.narrow(), s.narrow()}
		for i := range streams {
			if _, err := open(conns[i%2]); err != nil {
				t.Fatalf("%s, stream %d: %v", name, i, err)
			}
		}
		s.well(name)
	}
	time.Sleep(200 * time.Millisecond) // for what the worker would send
	if grown := heap() - before; grown > 600<<20 {
		t.Errorf("%d MiB more are held", grown>>20)
	}
	cancel()
	s.well("afterwards")
}

// narrow is a connection to the worker that takes little of a stream before somebody reads it, so that what is held is held there.
func (s *stand) narrow() pb.BlockWorkerClient {
	s.t.Helper()
	conn, err := wire.Dial(s.Net.Host("client"), rolestest.WorkerName(0)+":9203", grpc.WithInitialWindowSize(64<<10))
	must(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	return pb.NewBlockWorkerClient(conn)
}

// heap is how many bytes are in use.
func heap() int64 {
	for range 3 { // pools let go of what nobody takes at the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
