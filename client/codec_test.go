package client

import (
	"bytes"
	"testing"

	"goosefs/wire/pb"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// A frame takes what protobuf takes, however the message is cut into buffers, and refuses what protobuf refuses.
func FuzzFrames(f *testing.F) {
	for _, data := range [][]byte{nil, {1}, bytes.Repeat([]byte{7}, 300), bytes.Repeat([]byte{9}, 70_000)} {
		message, err := proto.Marshal(&pb.ReadResponse{Chunk: &pb.Chunk{Data: data}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message, 5)
		f.Add(append(message, 16, 1), 100)                 // a field of a later version
		f.Add(append(bytes.Clone(message), message...), 1) // the chunk twice: the later counts
		f.Add(message[:len(message)/2], 3)                 // cut off
	}
	f.Add([]byte{10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 10}, 2)
	f.Add([]byte{10, 6, 10, 9, 'a', 'b', 'c', 'd'}, 2) // the inner length goes beyond the outer
	f.Fuzz(func(t *testing.T, message []byte, cut int) {
		var want pb.ReadResponse
		wantErr := proto.Unmarshal(message, &want)
		var slices mem.BufferSlice
		cut = max(1, cut%1000)
		for rest := message; len(rest) > 0; rest = rest[min(cut, len(rest)):] {
			slices = append(slices, mem.SliceBuffer(rest[:min(cut, len(rest))]))
		}
		buf := make([]byte, 100_000)
		for _, to := range []sink{&filling{buf}, stretchOf(60_000, len(buf)-60_000)} {
			f := frame{to: to}
			if err := newFrames().Unmarshal(slices, &f); err != nil {
				t.Fatal(err)
			}
			got := buf[:len(buf)-to.room()]
			if s, ok := to.(*testStretch); ok {
				got = s.bytes()
			}
			if (f.err != nil) != (wantErr != nil) || f.err == nil && !bytes.Equal(got, want.GetChunk().GetData()) {
				t.Fatalf("%x: %d bytes, %v; want %d, %v", message[:min(20, len(message))], len(got), f.err, len(want.GetChunk().GetData()), wantErr)
			}
		}
		if n := len(want.GetChunk().GetData()); wantErr == nil && n > 0 {
			for _, to := range []sink{&filling{buf[:n-1]}, stretchOf(n/2, n-1-n/2)} {
				f := frame{to: to}
				if err := newFrames().Unmarshal(slices, &f); err != nil || f.err != errTooMuch || to.room() != n-1 {
					t.Fatalf("%d bytes into %d: %v, %v", n, n-1, err, f.err)
				}
			}
		}
	})
}

// testStretch remembers the pages that are here.
type testStretch struct {
	stretch
	all []*page
}

// stretchOf is pages of these sizes.
func stretchOf(sizes ...int) *testStretch {
	s := new(testStretch)
	for _, n := range sizes {
		if n > 0 {
			s.all = append(s.all, &page{missing: n, done: make(chan struct{})})
		}
	}
	s.pages = s.all
	return s
}

func (s *testStretch) bytes() (got []byte) {
	for _, pg := range s.all {
		got = append(got, pg.data.Materialize()...)
	}
	return got
}
