package write

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// readBlock is a bare ReadBlock: what came, whatever the end was.
func readBlock(ctx context.Context, t testing.TB, w pb.BlockWorkerClient, req *pb.ReadRequest) (got []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, rolestest.Patience)
	defer cancel()
	s, err := w.ReadBlock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(req); err != nil {
		t.Fatal(err)
	}
	for {
		part, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if n := len(part.GetChunk().GetData()); req.GetChunkSize() > 0 && int64(n) > req.GetChunkSize() {
			t.Errorf("a frame of %d bytes, chunks are of %d", n, req.GetChunkSize())
		}
		got = append(got, part.GetChunk().GetData()...)
	}
}

// holderOf is the number of the worker that holds a block.
func holderOf(t testing.TB, f *client.FS, path string, block int) int {
	t.Helper()
	for i := range 9 {
		for _, l := range stat(t, f, path).Blocks[block].Locations {
			if l.Cached() && l.Host == rolestest.WorkerName(i) {
				return i
			}
		}
	}
	t.Fatalf("nobody holds block %d of %s", block, path)
	return -1
}

// Whichever worker is asked for a block that one of them holds, and that is nowhere else, sends it: in order or at a place,
// by as many readers at once as there may be, and keeps nothing of it.
func TestAnyWorkerIsAsked(t *testing.T) {
	c, sick := startMoody(t, rolestest.Options{Masters: 3, Workers: 3, BlockSize: blockSize})
	sick.Store(true)
	f := c.Client()
	data := randomBytes(1, 3*blockSize+100)
	put(t, f, "/cached", data, client.CreateOptions{Type: client.MustCache})
	put(t, f, "/queued", data, client.CreateOptions{Type: client.AsyncThrough})
	for _, path := range []string{"/cached", "/queued"} {
		for i, block := range stat(t, f, path).Blocks {
			part := data[block.Offset : block.Offset+block.Length]
			for n := range c.Workers {
				w := worker(t, c, n)
				for what, req := range map[string]*pb.ReadRequest{
					"all":           {Length: &block.Length, ChunkSize: proto.Int64(mib), PrefetchWindow: proto.Int32(8)},
					"in pieces":     {Length: &block.Length, ChunkSize: proto.Int64(1000)},
					"from 50 on":    {Offset: proto.Int64(50), Length: proto.Int64(block.Length - 50)},
					"some bytes":    {Offset: proto.Int64(50), Length: proto.Int64(20), PositionShort: proto.Bool(true)},
					"the last byte": {Offset: proto.Int64(block.Length - 1), Length: proto.Int64(1), PositionShort: proto.Bool(true)},
				} {
					req.BlockId = &block.ID
					got, err := readBlock(t.Context(), t, w, req)
					if want := part[req.GetOffset() : req.GetOffset()+req.GetLength()]; err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s, block %d of worker %d, %s: %d bytes of %d, %v", path, i, n, what, len(got), len(want), err)
					}
				}
				for what, req := range map[string]*pb.ReadRequest{
					"behind its end":   {Offset: &block.Length, Length: proto.Int64(1)},
					"over its end":     {Offset: proto.Int64(block.Length - 1), Length: proto.Int64(2)},
					"before its start": {Offset: proto.Int64(-1), Length: proto.Int64(1)},
				} {
					req.BlockId = &block.ID
					got, err := readBlock(t.Context(), t, w, req)
					if code := status.Code(err); len(got) > 0 || code != codes.OutOfRange && code != codes.InvalidArgument {
						t.Errorf("%s, block %d of worker %d, %s: %d bytes, %v", path, i, n, what, len(got), err)
					}
				}
				cached, err := w.CheckBlocks(t.Context(), &pb.CheckBlocksRequest{BlockIds: []int64{block.ID}})
				if want := map[bool]int64{true: block.Length}[holderOf(t, f, path, i) == n]; err != nil || cached.GetBlockCachedBytes()[block.ID] != want {
					t.Errorf("%s, block %d: worker %d holds %v, want %d; %v", path, i, n, cached, want, err)
				}
			}
		}
	}
	block := stat(t, f, "/cached").Blocks[0]
	w := worker(t, c, (holderOf(t, f, "/cached", 0)+1)%3)
	ends := make(chan error)
	const readers = 100
	for range readers {
		go func() {
			got, err := readBlock(t.Context(), t, w, &pb.ReadRequest{BlockId: &block.ID, Length: &block.Length})
			if err == nil && !bytes.Equal(got, data[:block.Length]) {
				err = errors.New("other bytes")
			}
			ends <- err
		}()
	}
	for range readers {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// What is passed on is passed on once: two workers that take each other for the holder do not ask each other for ever. A worker
// that holds the block and cannot be reached, or is gone, is named, soon.
func TestNoWorkerCanHelp(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 3, BlockSize: blockSize})
	f := c.Client()
	data := randomBytes(1, blockSize)
	put(t, f, "/f", data, client.CreateOptions{Type: client.MustCache})
	holder := holderOf(t, f, "/f", 0)
	name, asked := rolestest.WorkerName(holder)+":9203", (holder+1)%3
	block := stat(t, f, "/f").Blocks[0]
	refused := func(ctx context.Context, when, words string) {
		t.Helper()
		began := time.Now()
		got, err := readBlock(ctx, t, worker(t, c, asked), &pb.ReadRequest{BlockId: &block.ID, Length: &block.Length})
		text := strings.ToLower(status.Convert(err).Message())
		if status.Code(err) != codes.Internal || !strings.Contains(text, words) || len(got) > 0 {
			t.Errorf("%s: %d bytes, %v, want %q", when, len(got), err, words)
		}
		for _, word := range []string{"fallback", "falling back", "fall back"} { // official clients read something else into them
			if strings.Contains(text, word) {
				t.Errorf("%s: %s", when, text)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: told after %v", when, took)
		}
	}
	refused(wire.Relaying(t.Context()), "it was passed on already", "block 0 of /f is not on this worker")

	c.Net.Cut(rolestest.WorkerName(asked), rolestest.WorkerName(holder))
	refused(t.Context(), "the holder cannot be reached", "block 0 of /f cannot be read: "+name+", which holds it, does not send it")
	c.Net.Heal(rolestest.WorkerName(asked), rolestest.WorkerName(holder))
	eventually(t, "it can be reached again", func() bool {
		got, err := readBlock(t.Context(), t, worker(t, c, asked), &pb.ReadRequest{BlockId: &block.ID, Length: &block.Length})
		return err == nil && bytes.Equal(got, data)
	})
	c.StopWorker(holder)
	c.WaitForWorkers(2)
	refused(t.Context(), "the holder is gone", "block 0 of /f cannot be read now: its worker "+name+" was last heard of")
}

// A client that leaves in the middle, or takes nothing, holds nobody up, neither here nor there.
func TestRelayLeftEarly(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Masters: 1, Workers: 2, BlockSize: 16 * mib})
	f := c.Client()
	data := randomBytes(1, 16*mib)
	put(t, f, "/f", data, client.CreateOptions{Type: client.MustCache})
	w := worker(t, c, 1-holderOf(t, f, "/f", 0))
	block := stat(t, f, "/f").Blocks[0]
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := w.ReadBlock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(&pb.ReadRequest{BlockId: &block.ID, Length: &block.Length, ChunkSize: proto.Int64(4096)}); err != nil {
			t.Fatal(err)
		}
		part, err := s.Recv()
		if err != nil || !slices.Equal(part.GetChunk().GetData(), data[:4096]) {
			t.Fatalf("%d bytes, %v", len(part.GetChunk().GetData()), err)
		}
		cancel()
	}
	got, err := readBlock(t.Context(), t, w, &pb.ReadRequest{BlockId: &block.ID, Length: &block.Length})
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
}
