package worker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// A frame is on the wire what protobuf makes of the same bytes, and it gives its buffer back once.
func TestFrames(t *testing.T) {
	for _, n := range []int{1, 127, 128, 5000, 16383, 16384, wire.MaxFrame} {
		data := randomBytes(int64(n))
		want, err := proto.Marshal(&pb.ReadResponse{Chunk: &pb.Chunk{Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		pool := new(poisoned)
		buf := pool.Get(wire.MaxFrame)
		*buf = (*buf)[:copy(*buf, data)]
		got, err := newFrames().Marshal(frame{mem.NewBuffer(buf, pool)})
		if err != nil || !bytes.Equal(got.Materialize(), want) {
			t.Errorf("%d bytes: %d, %v", n, got.Len(), err)
		}
		got.Free()
		if out := pool.out.Load(); out != 0 {
			t.Errorf("%d bytes: %d buffers are out", n, out)
		}
	}
}

// poisoned is a pool that spoils what it gets back and never gives it out again, and counts.
type poisoned struct {
	out, most atomic.Int64 // buffers that did not come back
	held      atomic.Int64 // that somebody still refers to
}

func (p *poisoned) Get(n int) *[]byte {
	p.held.Add(1)
	out := p.out.Add(1)
	for most := p.most.Load(); out > most && !p.most.CompareAndSwap(most, out); {
		most = p.most.Load()
	}
	buf := make([]byte, n, max(n, 2048)) // gRPC does not give back what is smaller
	runtime.AddCleanup(&buf[:1][0], func(held *atomic.Int64) { held.Add(-1) }, &p.held)
	return &buf
}

func (p *poisoned) Put(buf *[]byte) {
	full := (*buf)[:cap(*buf)]
	for i := range full {
		full[i] = 0xdb
	}
	p.out.Add(-1)
}

// No byte of a buffer that went back to the pool is sent, in messages of any size, and all buffers go back. Those of a
// client that leaves in the middle may stay out, for gRPC drops some; but nobody holds them.
func TestBuffersOfStreams(t *testing.T) {
	s := newSite(t, 1, Options{})
	pool := new(poisoned)
	s.worker.frames = &frameBuffers{BufferPool: pool}
	data := randomBytes(4 * mib)
	block := s.put(1, "f", data)
	c := s.client()
	for _, size := range []int64{300, 64 << 10, 1 << 20} {
		req := request(block, 0, 4*mib)
		req.ChunkSize = &size
		if got, _, err := read(t.Context(), c, req); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("in messages of %d bytes: %d bytes, %v", size, len(got), err)
		}
	}
	eventually(t, func() bool { return pool.out.Load() == 0 }, func() string { return fmt.Sprintf("%d buffers are out", pool.out.Load()) })
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := c.ReadBlock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(request(block, 0, 4*mib)); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if got := resp.GetChunk().GetData(); err != nil || !bytes.Equal(got, data[:len(got)]) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		cancel()
	}
	eventually(t, func() bool { runtime.GC(); return pool.held.Load() == 0 }, func() string { return fmt.Sprintf("%d buffers are held", pool.held.Load()) })
}

// A client that does not read what it asked for holds back the worker, which holds a few buffers for it and no more.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const files, buffersEach = 5, 3
		s := newSite(t, 1, Options{})
		pool := new(poisoned)
		s.worker.frames = &frameBuffers{BufferPool: pool}
		data := randomBytes(4 * mib)
		c := s.client(grpc.WithInitialWindowSize(64 << 10)) // as official clients have
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var streams []readClient
		for id := range int64(files) {
			stream, err := c.ReadBlock(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(request(s.put(id+1, fmt.Sprint(id), data), 0, 4*mib)); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, stream)
		}
		synctest.Wait() // until nothing moves any more
		if out := pool.out.Load(); out < files || out > buffersEach*files {
			t.Errorf("%d buffers are out for %d streams", out, files)
		}
		for _, stream := range streams {
			var got []byte
			for int64(len(got)) < 4*mib {
				resp, err := stream.Recv()
				if err != nil {
					t.Fatalf("after %d bytes: %v", len(got), err)
				}
				got = append(got, resp.GetChunk().GetData()...)
			}
			if !bytes.Equal(got, data) {
				t.Error("wrong bytes")
			}
		}
	})
}

type readClient = grpc.BidiStreamingClient[pb.ReadRequest, pb.ReadResponse]

// The more bytes clients do not take, the smaller are the frames; what comes back, or is lost, counts no more.
func TestFrameBuffers(t *testing.T) {
	b := newFrameBuffers()
	type lent struct {
		buf  *[]byte
		pool mem.BufferPool
	}
	var taken []lent
	for held := 0; held < 300<<20; {
		buf, pool := b.lend(1 << 30)
		want := 64 << 10
		switch {
		case held < 128<<20:
			want = 1 << 20
		case held < 192<<20:
			want = 256 << 10
		}
		if len(*buf) != want {
			t.Fatalf("%d bytes are held, and the next frame has %d", held, len(*buf))
		}
		taken = append(taken, lent{buf, pool})
		held += cap(*buf)
	}
	if buf, pool := b.lend(100); len(*buf) != 100 || pool != mem.BufferPool(b) {
		t.Errorf("a small one: %d bytes", len(*buf))
	}
	for _, l := range taken[:100] {
		*l.buf = (*l.buf)[:7] // a frame may be shorter than its buffer
		l.pool.Put(l.buf)
	}
	taken = nil // gRPC drops the others
	eventually(t, func() bool { runtime.GC(); return b.held.Load() == 0 }, func() string { return fmt.Sprintf("%d bytes are held", b.held.Load()) })
}
