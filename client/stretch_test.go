package client

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// poisoned is a pool of buffers that spoils what it gets back, and never gives it out again.
type poisoned struct{ got, back atomic.Int64 }

func (p *poisoned) Get(n int) *[]byte {
	p.got.Add(1)
	buf := make([]byte, n)
	return &buf
}

func (p *poisoned) Put(buf *[]byte) {
	full := (*buf)[:cap(*buf)]
	for i := range full {
		full[i] = 0xdb
	}
	p.back.Add(1)
}

// Readers in order and here and there, of whom some leave in the middle, in messages of any size and with empty ones
// between: nobody reads from a buffer that went back to the pool.
func TestNoBufferIsReadAfterItsTime(t *testing.T) {
	for _, size := range []int{1500, 100_000, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			p := newPlay(t, 1, 1)
			p.lead(0)
			f := p.client(func(c *Config) { c.ReadAhead = 4 << 20 })
			pool := new(poisoned)
			f.workers.buffers = pool
			data, x := p.file(f, 24<<20)
			p.workers[0].set(func(w *prompter) {
				w.mu.do = func(req *pb.ReadRequest, stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]) error {
					off := (req.GetBlockId()&blockMask)*playBlock + req.GetOffset()
					for rest := data[off : off+req.GetLength()]; len(rest) > 0; rest = rest[min(size, len(rest)):] {
						for _, part := range [][]byte{nil, rest[:min(size, len(rest))]} {
							if err := stream.Send(&pb.ReadResponse{Chunk: &pb.Chunk{Data: part}}); err != nil {
								return err
							}
						}
					}
					return nil
				}
			})
			var group sync.WaitGroup
			for r := range int64(3) {
				group.Go(func() {
					buf := make([]byte, 300_000)
					for i := range int64(60) {
						off := (r*7<<20 + i*int64(len(buf))) % (20 << 20)
						ctx, cancel := context.WithCancel(t.Context())
						if i%10 == 9 {
							cancel() // leaves; the next read is elsewhere
							off = (off * 5) % (20 << 20)
						}
						n, err := x.ReadAt(ctx, buf, off)
						cancel()
						if i%10 != 9 && err != nil || !bytes.Equal(buf[:n], data[off:off+int64(n)]) {
							t.Errorf("at %d: %d bytes, %v", off, n, err)
							return
						}
					}
				})
			}
			group.Wait()
			if pool.back.Load() == 0 {
				t.Error("no buffer was ever used up")
			}
		})
	}
}

// A worker that ends early, or sends too much, fails no read as long as another has the bytes; what came of it is kept.
func TestStreamsOfWrongLength(t *testing.T) {
	p := newPlay(t, 1, 2)
	p.lead(0)
	f := p.client()
	data, x := p.file(f, 8<<20)
	for _, w := range p.workers {
		w.set(func(w *prompter) {
			w.mu.do = func(req *pb.ReadRequest, stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]) error {
				off := (req.GetBlockId()&blockMask)*playBlock + req.GetOffset()
				n := req.GetLength()
				if n > 1000 {
					n /= 2 // short; the next worker is asked for the rest
				}
				return say(stream, data[off:off+n])
			}
		})
	}
	mustRead(t, x, data, 0, 2000)
	p.workers[0].set(func(w *prompter) {
		w.mu.do = func(req *pb.ReadRequest, stream grpc.BidiStreamingServer[pb.ReadRequest, pb.ReadResponse]) error {
			off := (req.GetBlockId()&blockMask)*playBlock + req.GetOffset()
			tooMuch := append(bytes.Clone(data[off:off+req.GetLength()]), 0xbb)
			return stream.Send(&pb.ReadResponse{Chunk: &pb.Chunk{Data: tooMuch}})
		}
	})
	p.workers[1].set(func(w *prompter) { w.mu.do = nil })
	mustRead(t, x, data, 4<<20, 3<<20)
}

// pagesAsked is how many pages a worker was asked for.
func pagesAsked(w *prompter) (n int64) {
	w.set(func(w *prompter) {
		for _, r := range w.mu.asked {
			n += r.GetLength() / pageSize
		}
	})
	return n
}
