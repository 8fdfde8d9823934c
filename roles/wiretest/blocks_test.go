package wiretest

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// A worker sends exactly the bytes that were asked for, cached or not, whichever way the client asks.
func TestReadBlock(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(2*blockSize + blockSize/2)
	s.put("f", data)
	info := s.stat("/f")
	for way, edit := range map[string]func(*pb.ReadRequest){
		"in order":             nil,
		"at a place":           func(r *pb.ReadRequest) { r.PrefetchWindow, r.PositionShort = nil, proto.Bool(true) },
		"without a word":       func(r *pb.ReadRequest) { r.PrefetchWindow = nil },
		"in large chunks":      func(r *pb.ReadRequest) { r.ChunkSize = proto.Int64(64 << 20) },
		"in small chunks":      func(r *pb.ReadRequest) { r.ChunkSize = proto.Int64(1000) },
		"with no chunk size":   func(r *pb.ReadRequest) { r.ChunkSize = nil },
		"not to be kept":       func(r *pb.ReadRequest) { r.OpenUfsBlockOptions.NoCache = proto.Bool(true) },
		"with no source named": func(r *pb.ReadRequest) { r.OpenUfsBlockOptions = nil },
	} {
		for _, c := range []struct{ index, off, n int64 }{
			{0, 0, blockSize}, {0, 0, 1}, {0, blockSize - 1, 1}, {1, 100, 300_000}, {2, 0, blockSize / 2}, {2, blockSize/2 - 1, 1}, {1, 0, 0}, {2, blockSize / 2, 0},
		} {
			at := c.index*blockSize + c.off
			got, err := s.read(0, info, c.index, c.off, c.n, edit)
			if err != nil || string(got) != string(data[at:at+c.n]) {
				t.Errorf("%s, %d bytes at %d of block %d: %d bytes, %v", way, c.n, c.off, c.index, len(got), err)
			}
		}
	}
}

func TestReadBlockRefuses(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("f", bytesOf(blockSize+10))
	info := s.stat("/f")
	for what, c := range map[string]struct {
		index, off, n int64
		code          codes.Code
	}{
		"beyond the block":      {0, blockSize, 1, codes.OutOfRange},
		"over its end":          {0, blockSize - 1, 2, codes.OutOfRange},
		"over the last's end":   {1, 9, 2, codes.OutOfRange},
		"a block too many":      {2, 0, 1, codes.OutOfRange},
		"an offset below 0":     {0, -1, 1, codes.InvalidArgument},
		"a length below 0":      {0, 0, -1, codes.InvalidArgument},
		"an offset of all bits": {0, 1<<63 - 1, 1, codes.OutOfRange},
		"a length of all bits":  {0, 1, 1<<63 - 1, codes.OutOfRange},
	} {
		got, err := s.read(0, info, c.index, c.off, c.n, nil)
		want(t, what, err, c.code, "")
		if len(got) > 0 {
			t.Errorf("%s: %d bytes came before", what, len(got))
		}
	}
	// A block that nobody ever heard of fails at once; that it does not exist is another class to clients.
	began := time.Now()
	_, err := s.readRequest(0, &pb.ReadRequest{BlockId: proto.Int64(9_999_999_999), Offset: proto.Int64(0), Length: proto.Int64(1), PositionShort: proto.Bool(true)})
	want(t, "an unknown block", err, codes.FailedPrecondition, "does not exist")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, block := range []int64{0, -1, -1 << 63} {
		_, err := s.readRequest(0, &pb.ReadRequest{BlockId: &block, Length: proto.Int64(1)})
		want(t, "no block", err, codes.InvalidArgument, "")
	}
}

// A client that has what it wanted leaves in the middle. What was fetched for it stays, and the worker goes on.
func TestReadBlockLeftEarly(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(blockSize)
	s.put("f", data)
	info := s.stat("/f")
	block := info.GetBlockIds()[0]
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := s.blocks[0].ReadBlock(ctx)
		must(t, err)
		must(t, stream.Send(&pb.ReadRequest{BlockId: &block, Length: proto.Int64(blockSize), ChunkSize: proto.Int64(4096)}))
		part, err := stream.Recv()
		if err != nil || string(part.GetChunk().GetData()) != string(data[:4096]) {
			t.Fatalf("%d bytes, %v", len(part.GetChunk().GetData()), err)
		}
		cancel()
	}
	if got, err := s.read(0, info, 0, 0, blockSize, nil); err != nil || string(got) != string(data) {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
}

// A client that sends no acknowledgement, or closes its half at once, gets all the same bytes.
func TestReadBlockWithoutAcknowledgements(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(blockSize)
	s.put("f", data)
	stream, err := s.blocks[0].ReadBlock(t.Context())
	must(t, err)
	must(t, stream.Send(&pb.ReadRequest{BlockId: &s.stat("/f").GetBlockIds()[0], Length: proto.Int64(blockSize), ChunkSize: proto.Int64(10_000)}))
	must(t, stream.CloseSend())
	var got []byte
	for {
		part, err := stream.Recv()
		if err == io.EOF {
			break
		}
		must(t, err)
		got = append(got, part.GetChunk().GetData()...)
	}
	if string(got) != string(data) {
		t.Errorf("%d bytes", len(got))
	}
}

func (s *stand) checkBlocks(i int, blocks ...int64) map[int64]int64 {
	s.t.Helper()
	reply, err := s.blocks[i].CheckBlocks(s.t.Context(), &pb.CheckBlocksRequest{BlockIds: blocks})
	must(s.t, err)
	return reply.GetBlockCachedBytes()
}

// CheckBlocks tells what is cached, in bytes, and leaves out what is not.
func TestCheckBlocks(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	s.put("f", bytesOf(blockSize+10))
	info := s.stat("/f")
	ids := info.GetBlockIds()
	if cached := s.checkBlocks(0, append(ids, 0, -1, 9_999_999_999)...); len(cached) != 0 {
		t.Errorf("before: %v", cached)
	}
	for i, n := range []int64{blockSize, 10} {
		_, err := s.read(0, info, int64(i), 0, n, nil)
		must(t, err)
	}
	s.awaitCached(0, map[int64]int64{ids[0]: blockSize, ids[1]: 10})
	_, err := s.files.Free(t.Context(), &pb.FreePRequest{Path: proto.String("/f")})
	must(t, err)
	if cached := s.checkBlocks(0, ids...); len(cached) != 0 {
		t.Errorf("after it was freed: %v", cached)
	}
	if s.stat("/f").GetInGooseFSPercentage() != 0 {
		t.Error("the master thinks that it is cached")
	}
	_, err = s.files.Free(t.Context(), &pb.FreePRequest{Path: proto.String("/none")})
	want(t, "free nothing", err, codes.NotFound, "")
}

// awaitCached waits until a worker keeps so many bytes of blocks: they go to its disk beside the reader.
func (s *stand) awaitCached(i int, wanted map[int64]int64) {
	s.t.Helper()
	for end := time.Now().Add(rolestest.Patience); ; time.Sleep(5 * time.Millisecond) {
		missing := int64(0)
		for block, n := range wanted {
			missing += n - s.checkBlocks(i, block)[block]
		}
		if missing == 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%d bytes are not cached", missing)
		}
	}
}

// lend is OpenLocalBlock: the path, and the end of the lock.
func (s *stand) lend(i int, block, size int64) (reply *pb.OpenLocalBlockResponse, unlock func(), err error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	stream, err := s.blocks[i].OpenLocalBlock(ctx)
	must(s.t, err)
	must(s.t, stream.Send(&pb.OpenLocalBlockRequest{BlockId: &block, BlockSize: &size}))
	reply, err = stream.Recv()
	return reply, func() {
		must(s.t, stream.CloseSend())
		if _, err := stream.Recv(); err != io.EOF {
			s.t.Errorf("the end of the lock: %v", err)
		}
	}, err
}

// A cached block that begins its file is lent as a file: who holds it keeps its bytes, whatever happens to the file.
func TestOpenLocalBlock(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(blockSize + 10)
	s.put("f", data)
	info := s.stat("/f")
	ids := info.GetBlockIds()
	_, _, err := s.lend(0, ids[0], blockSize)
	want(t, "what is not cached", err, codes.NotFound, "")
	for i, n := range []int64{blockSize, 10} {
		_, err := s.read(0, info, int64(i), 0, n, nil)
		must(t, err)
	}
	s.awaitCached(0, map[int64]int64{ids[0]: blockSize, ids[1]: 10})
	_, _, err = s.lend(0, ids[1], 10)
	want(t, "a block within its file", err, codes.NotFound, "")
	_, _, err = s.lend(0, 0, 10)
	want(t, "no block", err, codes.InvalidArgument, "")

	reply, unlock, err := s.lend(0, ids[0], blockSize)
	must(t, err)
	f, err := os.Open(reply.GetPath())
	must(t, err)
	defer f.Close()
	got := make([]byte, blockSize)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != string(data[:blockSize]) || reply.GetBlockSize() != blockSize {
		t.Errorf("lent %v: %v", reply, err)
	}
	// Freed, it leaves the cache at once, and not the holder.
	_, err = s.files.Free(t.Context(), &pb.FreePRequest{Path: proto.String("/f")})
	must(t, err)
	if cached := s.checkBlocks(0, ids...); len(cached) != 0 {
		t.Errorf("the lock holds what is free: %v", cached)
	}
	clear(got)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != string(data[:blockSize]) {
		t.Errorf("the holder's bytes are others: %v", err)
	}
	unlock()
}

// Each block that a client wrote is lent, be it within its file, not complete yet, or known again after a restart only from the
// worker's disk. Who holds it keeps its bytes when the file is removed.
func TestOpenLocalBlockWritten(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(2*blockSize + 10)
	w, err := s.Client().CreateFile(t.Context(), "/f", client.CreateOptions{Type: client.MustCache})
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	ids := []int64{w.Info().ID &^ (1<<24 - 1), w.Info().ID&^(1<<24-1) + 1, w.Info().ID&^(1<<24-1) + 2}
	s.awaitCached(0, map[int64]int64{ids[0]: blockSize, ids[1]: blockSize})
	check := func(when string) (held *os.File) {
		t.Helper()
		for i, block := range ids {
			part := data[i*blockSize : min((i+1)*blockSize, len(data))]
			if s.checkBlocks(0, block)[block] == 0 {
				_, _, err := s.lend(0, block, int64(len(part)))
				want(t, when+", a block that is not written", err, codes.NotFound, "")
				continue
			}
			reply, unlock, err := s.lend(0, block, int64(len(part)))
			must(t, err)
			got, err := os.ReadFile(reply.GetPath())
			if err != nil || string(got) != string(part) || reply.GetBlockSize() != int64(len(part)) {
				t.Errorf("%s, block %d: %d bytes in %v: %v", when, i, len(got), reply, err)
			}
			if i == 1 {
				held, err = os.Open(reply.GetPath())
				must(t, err)
				t.Cleanup(func() { held.Close() })
				continue
			}
			unlock()
		}
		return held
	}
	check("while it is written")
	must(t, w.Close())
	check("complete")
	s.StopWorker(0)
	s.StartWorker(0)
	s.WaitForWorkers(1)
	s.blocks[0] = pb.NewBlockWorkerClient(s.WorkerConn(0))
	held := check("after a restart")
	must(t, s.remove("/f", false))
	s.awaitGone(0, ids...)
	got := make([]byte, blockSize)
	if _, err := held.ReadAt(got, 0); err != nil || string(got) != string(data[blockSize:2*blockSize]) {
		t.Errorf("the holder's bytes are others: %v", err)
	}
	_, _, err = s.lend(0, ids[0], blockSize)
	want(t, "what is gone", err, codes.NotFound, "")
}

// awaitGone waits until a worker keeps nothing of blocks.
func (s *stand) awaitGone(i int, blocks ...int64) {
	s.t.Helper()
	for end := time.Now().Add(rolestest.Patience); len(s.checkBlocks(i, blocks...)) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("blocks stay cached")
		}
	}
}

// A block is lent while what is written of it is whole, also after the worker was started anew and knows its bytes only from
// its disk.
func TestOpenLocalBlockAfterARestart(t *testing.T) {
	s := newStand(t, rolestest.Options{})
	data := bytesOf(700_000)
	s.put("f", data)
	info := s.stat("/f")
	_, err := s.read(0, info, 0, 0, int64(len(data)), nil)
	must(t, err)
	s.awaitCached(0, map[int64]int64{info.GetBlockIds()[0]: int64(len(data))})
	s.StopWorker(0)
	s.StartWorker(0)
	s.WaitForWorkers(1)
	s.blocks[0] = pb.NewBlockWorkerClient(s.WorkerConn(0))
	reply, unlock, err := s.lend(0, info.GetBlockIds()[0], int64(len(data)))
	must(t, err)
	got, err := os.ReadFile(reply.GetPath())
	if err != nil || string(got) != string(data) || reply.GetBlockSize() != int64(len(data)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	unlock()
}
