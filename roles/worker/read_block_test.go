package worker

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"math"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

func randomBytes(n int64) []byte {
	data := make([]byte, n)
	rand.Read(data)
	return data
}

func request(block, off, n int64) *pb.ReadRequest {
	return &pb.ReadRequest{BlockId: &block, Offset: &off, Length: &n}
}

// Every way to ask for bytes gives just those bytes, cold and warm.
func TestReadBlock(t *testing.T) {
	s := newSite(t, 1, Options{FillRange: mib})
	data := randomBytes(9*mib + 5)
	block := s.put(1, "f", data) // three blocks of 4 MiB
	empty := s.put(2, "empty", nil)
	c := s.client()
	for _, r := range []struct {
		name                   string
		block, off, n          int64
		chunk                  int64
		exact, prefetch, store bool
		want                   []byte
	}{
		{name: "a whole block", block: block, n: 4 * mib, want: data[:4*mib]},
		{name: "the last, short one", block: block + 2, n: mib + 5, want: data[8*mib:]},
		{name: "its last byte", block: block + 2, off: mib + 4, n: 1, want: data[len(data)-1:]},
		{name: "nothing", block: block, off: 7, want: nil},
		{name: "nothing at its end", block: block, off: 4 * mib, want: nil},
		{name: "some in the middle", block: block + 1, off: 100, n: 200_000, exact: true, want: data[4*mib+100:][:200_000]},
		{name: "with read-ahead", block: block + 1, off: mib, n: mib, prefetch: true, want: data[5*mib : 6*mib]},
		{name: "in small messages", block: block, off: 1, n: 1000, chunk: 300, want: data[1:1001]},
		{name: "in messages of a size that is none", block: block, n: 3 * mib, chunk: -1, want: data[:3*mib]},
		{name: "in messages larger than allowed", block: block, n: 3 * mib, chunk: math.MaxInt64, want: data[:3*mib]},
		{name: "an empty file", block: empty, want: nil},
	} {
		for _, when := range []string{"cold", "warm"} {
			req := request(r.block, r.off, r.n)
			req.ChunkSize = &r.chunk
			req.PositionShort = &r.exact
			if r.prefetch {
				req.PrefetchWindow = proto.Int32(8)
			}
			got, frames, err := read(t.Context(), c, req)
			if err != nil || !bytes.Equal(got, r.want) {
				t.Errorf("%s, %s: %d bytes, %v", r.name, when, len(got), err)
			}
			if r.chunk == 300 && frames != 4 {
				t.Errorf("%s: %d messages", r.name, frames)
			}
		}
		s.worker.cache.Drop(block | blockMask)
	}
}

// Requests that no honest client sends.
func TestHostileRequests(t *testing.T) {
	s := newSite(t, 1, Options{})
	block := s.put(1, "f", randomBytes(5*mib))
	c := s.client()
	for _, r := range []struct {
		name  string
		req   *pb.ReadRequest
		errno syscall.Errno
	}{
		{"nothing at all", &pb.ReadRequest{}, syscall.EINVAL},
		{"block 0", request(0, 0, 1), syscall.EINVAL},
		{"a negative block", request(-5, 0, 1), syscall.EINVAL},
		{"a negative offset", request(block, -1, 1), syscall.EINVAL},
		{"a negative length", request(block, 0, -1), syscall.EINVAL},
		{"the most negative of all", request(block, math.MinInt64, math.MinInt64), syscall.EINVAL},
		{"beyond the block", request(block, 0, 4*mib+1), syscall.ERANGE},
		{"beyond the short block", request(block+1, 1, mib), syscall.ERANGE},
		{"an offset beyond", request(block, 5*mib, 0), syscall.ERANGE},
		{"a sum that overflows", request(block, math.MaxInt64, math.MaxInt64), syscall.ERANGE},
		{"a block behind the last", request(block+2, 0, 1), syscall.ERANGE},
		{"the last id of the file", request(block|blockMask, 0, 1), syscall.ERANGE},
		{"a file nobody knows", request(9999999999, 0, 1), syscall.ESTALE},
		{"the last block of all", request(math.MaxInt64, 0, 1), syscall.ESTALE},
	} {
		t.Run(r.name, func(t *testing.T) {
			data, _, err := read(t.Context(), c, r.req)
			mustFail(t, err, r.errno)
			if len(data) > 0 {
				t.Errorf("and %d bytes came", len(data))
			}
			if _, err := c.SyncCache(t.Context(), &pb.SyncCacheRequest{BlockId: r.req.BlockId, Offset: r.req.Offset, Length: proto.Int64(max(1, r.req.GetLength()))}); err == nil && r.errno != syscall.EINVAL {
				t.Error("but it can be cached")
			}
		})
	}
	// Lengths and places that clients give are not believed.
	req := request(block, 0, 4*mib)
	req.OpenUfsBlockOptions = &pb.OpenUfsBlockOptions{UfsPath: proto.String("file:///etc/passwd"), FileLength: proto.Int64(1 << 50), BlockSize: proto.Int64(1), OffsetInFile: proto.Int64(-9)}
	if data, _, err := read(t.Context(), c, req); err != nil || int64(len(data)) != 4*mib {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	stream, err := c.ReadBlock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stream.CloseSend()
	_, err = stream.Recv()
	mustFail(t, wire.FromStatus("read", "", err), syscall.EINVAL)
}

// A client that acknowledges every message, and thousands of times, is served like any other.
func TestAcknowledgements(t *testing.T) {
	s := newSite(t, 1, Options{})
	data := randomBytes(4 * mib)
	block := s.put(1, "f", data)
	stream, err := s.client().ReadBlock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := request(block, 0, 4*mib)
	req.ChunkSize = proto.Int64(64 << 10)
	if err := stream.Send(req); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for int64(len(got)) < 4*mib {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, resp.GetChunk().GetData()...)
		for range 100 {
			if err := stream.Send(&pb.ReadRequest{OffsetReceived: proto.Int64(int64(len(got)))}); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(got, data) {
		t.Error("wrong bytes")
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Error(err)
	}
}

// A client that goes away once it has enough costs nothing but what was under way, which is kept.
func TestClientLeaves(t *testing.T) {
	s := newSite(t, 1, Options{FillRange: mib})
	block := s.put(1, "f", randomBytes(4*mib))
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := s.client().ReadBlock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(request(block, 0, 4*mib)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	eventually(t, func() bool { return s.worker.cache.CachedBytes(block|blockMask) >= mib }, func() string { return "nothing is kept" })
	s.stopWorker() // does not wait for the client
}

// While a source is slow, the client hears that the worker is well. A worker that stops says so in a way that has the
// client ask another.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1, Options{})
		block := s.put(1, "f", randomBytes(mib))
		s.source.UFS = hung{s.mem}
		stream, err := s.client().ReadBlock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(request(block, 0, mib)); err != nil {
			t.Fatal(err)
		}
		began, beats := time.Now(), 0
		for {
			resp, err := stream.Recv()
			if err != nil {
				mustFail(t, wire.FromStatus("read", "", err), syscall.EIO, "hung:/f")
				break
			}
			if len(resp.GetChunk().GetData()) > 0 {
				t.Fatal("bytes out of nowhere")
			}
			beats++
		}
		if took := time.Since(began); took > 26*time.Second || beats < 4 || beats > 5 {
			t.Errorf("%d heartbeats in %v", beats, took)
		}
	})
}

// What is cached is read while no master answers; what is not fails in time, and works again with the masters.
func TestNoMasters(t *testing.T) {
	s := newSite(t, 1, Options{})
	data := randomBytes(2 * mib)
	block := s.put(1, "f", data)
	c := s.client()
	if _, _, err := read(t.Context(), c, request(block, 0, mib)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.worker.cache.CachedBytes(block|blockMask) == mib }, func() string { return "not cached" })
	s.stopWorker()
	s.masters[0].stop()
	s.startWorker() // knows of the file only what its disk says
	if got, _, err := read(t.Context(), c, request(block, 0, mib)); err != nil || !bytes.Equal(got, data[:mib]) {
		t.Fatal(err)
	}
	_, _, err := read(t.Context(), c, request(block, 0, 2*mib))
	mustFail(t, err, syscall.ETIMEDOUT, "cannot ask where file")
	s.masters[0].start()
	if got, _, err := read(t.Context(), c, request(block, 0, 2*mib)); err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
}

// A client may want its bytes not to be kept.
func TestNoCache(t *testing.T) {
	s := newSite(t, 1, Options{})
	data := randomBytes(mib)
	block := s.put(1, "f", data)
	req := request(block, 0, mib)
	req.OpenUfsBlockOptions = &pb.OpenUfsBlockOptions{NoCache: proto.Bool(true)}
	if got, _, err := read(t.Context(), s.client(), req); err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
	if n := s.worker.cache.CachedBytes(block | blockMask); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}
