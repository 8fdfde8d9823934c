package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
)

const (
	benchFiles = 4
	benchSize  = 256 * mib
)

// BenchmarkStreams reads cached files from a worker over TCP on this host, as a mount elsewhere would. By turns with it a
// bare gRPC server sends such files, with pooled buffers that nobody copies: of-bound is which part of its rate is reached.
func BenchmarkStreams(b *testing.B) {
	s, address := newStreamSite(b)
	bare := newBare(b)
	for _, readers := range []int{1, 4} {
		for _, size := range []int64{mib, 4 * mib} {
			b.Run(fmt.Sprintf("sequential/%dMiB/%d", size/mib, readers), func(b *testing.B) {
				ours := s.reads(b, address, readers, size, func(i int64) int64 { return i * size })
				took, of := byTurns(b, readers, ours, bare.reads(b, readers, size))
				b.ReportMetric(took.rate()/of.rate(), "of-bound")
				b.ReportMetric(of.rate(), "bound-MB/s")
				b.ReportMetric(took.processor/took.bytes*1e9, "cpu-s/GB")
				b.ReportMetric(of.processor/of.bytes*1e9, "bound-cpu-s/GB")
			})
		}
	}
	b.Run("random/64KiB/1", func(b *testing.B) {
		ours := s.reads(b, address, 1, 64<<10, func(i int64) int64 { return (i*2654435761 + 12345) &^ (64<<10 - 1) })
		took, _ := byTurns(b, 1, ours, reads{})
		b.ReportMetric(took.processor/took.bytes*1e9, "cpu-s/GB")
	})
}

// reads is what readers do, each on its own, one read after the other.
type reads struct {
	size int64
	read func(reader int, i int64, p []byte) error
}

// cost is what reads took, of both sides, which are in this process.
type cost struct {
	bytes, seconds, processor float64
}

func (c *cost) rate() float64 { return c.bytes / c.seconds / 1e6 }

// byTurns does b.N reads of ours, and as many of the bound's. A turn is one file for each reader, so that nothing that
// either side fetched ahead is left for its next turn, nor is under way in the other's.
func byTurns(b *testing.B, readers int, ours, bound reads) (took, of cost) {
	turn := int64(readers) * benchSize / ours.size
	b.SetBytes(ours.size)
	buffers := make([][]byte, readers)
	for r := range buffers {
		buffers[r] = make([]byte, ours.size)
	}
	b.ResetTimer()
	for from := int64(0); from < int64(b.N); from += turn {
		to := min(int64(b.N), from+turn)
		took.add(b, ours, buffers, from, to)
		if bound.read != nil {
			b.StopTimer()
			of.add(b, bound, buffers, from, to)
			b.StartTimer()
		}
	}
	b.StopTimer()
	return took, of
}

// add has the readers together do the reads from ≤ i < to.
func (c *cost) add(b *testing.B, what reads, buffers [][]byte, from, to int64) {
	began, before := time.Now(), processor(b)
	var wg sync.WaitGroup
	readers := int64(len(buffers))
	for r := range readers {
		wg.Go(func() {
			for i := from / readers; i < to/readers; i++ {
				if err := what.read(int(r), i, buffers[r]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	c.seconds += time.Since(began).Seconds()
	c.processor += processor(b) - before
	c.bytes += float64((to/readers - from/readers) * readers * what.size)
}

// processor is how many seconds of processor time this process has used.
func processor(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// newStreamSite is a worker that also serves at a TCP address, and has the files of the benchmark in its cache.
func newStreamSite(b *testing.B) (*site, *net.TCPAddr) {
	s := newSite(b, 1, Options{Cache: blockcache.Options{Tiers: []blockcache.Tier{{
		Alias: "SSD", Dirs: []blockcache.Dir{{Path: filepath.Join(b.TempDir(), "tier"), Quota: 2 * benchFiles * benchSize}},
	}}}})
	data := randomBytes(benchSize)
	for id := range int64(benchFiles) {
		name := fmt.Sprint("f", id)
		s.mem.Put(name, data)
		s.files.add(id+1, name, s.mem, 64*mib)
		for cached, off := int64(0), int64(0); cached < benchSize; off = (off + 64*mib) % benchSize {
			if _, err := pb.BlockWorkerClient.SyncCache(s.client(), b.Context(), &pb.SyncCacheRequest{
				BlockId: new((id+1)<<24 | off/(64*mib)), Offset: new(int64(0)), Length: new(int64(64 * mib)),
			}); err != nil {
				b.Fatal(err)
			}
			cached = s.worker.cache.CachedBytes((id+1)<<24 | blockMask)
		}
	}
	return s, listenTCP(b, wire.NewServer(slog.New(slog.DiscardHandler), grpc.ForceServerCodecV2(newFrames())), func(g *grpc.Server) {
		pb.RegisterBlockWorkerServer(g, &blockService{Worker: s.worker})
	})
}

func listenTCP(b *testing.B, g *grpc.Server, register func(*grpc.Server)) *net.TCPAddr {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	register(g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Serve(l)
	}()
	b.Cleanup(func() {
		g.Stop()
		<-done
	})
	return l.Addr().(*net.TCPAddr)
}

// reads are those of one client, with a file for each reader.
func (s *site) reads(b *testing.B, at *net.TCPAddr, readers int, size int64, place func(i int64) int64) reads {
	f, err := client.New(client.Config{Masters: []string{"m0:9200"}, Network: wire.TCP{}, NoShortCircuit: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	files := make([]*client.File, readers)
	for r := range files {
		id := int64(r+1) << 24
		info := client.Info{Path: "/f", ID: id | blockMask, Length: benchSize, BlockSize: 64 * mib}
		for off := int64(0); off < benchSize; off += info.BlockSize {
			info.Blocks = append(info.Blocks, client.Block{ID: id | off/info.BlockSize, Offset: off, Length: info.BlockSize,
				Locations: []client.Location{{WorkerID: 1, Host: at.IP.String(), Port: at.Port, Tier: "SSD"}}})
		}
		files[r] = f.OpenInfo(info)
		b.Cleanup(func() { files[r].Close() })
	}
	return reads{size, func(r int, i int64, p []byte) error {
		_, err := files[r].ReadAt(b.Context(), p, place(i)%benchSize)
		return err
	}}
}

// bare is a gRPC server that sends a file in messages that are nothing but its bytes.
type bare struct {
	at    *net.TCPAddr
	files []*os.File
	pool  wire.Buffers
}

// raw is its codec: a message is a *mem.BufferSlice to send, and a []byte to fill.
type raw struct{}

func (raw) Name() string                           { return "proto" }
func (raw) Marshal(v any) (mem.BufferSlice, error) { return *v.(*mem.BufferSlice), nil }

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	p := v.([]byte)
	if data.Len() > len(p) {
		return errors.New("too long")
	}
	data.CopyTo(p)
	return nil
}

func newBare(b *testing.B) *bare {
	s := new(bare)
	for i := range benchFiles {
		f, err := os.Create(filepath.Join(b.TempDir(), fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		if _, err := io.CopyN(f, rand.Reader, benchSize); err != nil {
			b.Fatal(err)
		}
		s.files = append(s.files, f)
	}
	g := grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.InitialWindowSize(16<<20), grpc.InitialConnWindowSize(16<<20),
		grpc.ReadBufferSize(1<<20), grpc.WriteBufferSize(1<<20), experimental.BufferPool(&s.pool))
	s.at = listenTCP(b, g, func(g *grpc.Server) {
		g.RegisterService(&grpc.ServiceDesc{ServiceName: "bare", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{
			{StreamName: "read", Handler: s.serve, ServerStreams: true, ClientStreams: true},
		}}, nil)
	})
	return s
}

// serve sends the file that each message names.
func (s *bare) serve(_ any, stream grpc.ServerStream) error {
	for {
		var which [1]byte
		if err := stream.RecvMsg(which[:]); err != nil {
			return err
		}
		for off := int64(0); off < benchSize; off += mib {
			buf := s.pool.Get(int(mib))
			if _, err := s.files[which[0]].ReadAt(*buf, off); err != nil {
				return err
			}
			if err := stream.SendMsg(&mem.BufferSlice{mem.NewBuffer(buf, &s.pool)}); err != nil {
				return err
			}
		}
	}
}

// reads are of one stream for each reader, over a connection of its own.
func (s *bare) reads(b *testing.B, readers int, size int64) reads {
	ctx, cancel := context.WithCancel(b.Context())
	streams := make([]grpc.ClientStream, readers)
	for r := range streams {
		conn, err := grpc.NewClient(s.at.String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithInitialWindowSize(16<<20), grpc.WithInitialConnWindowSize(16<<20), grpc.WithReadBufferSize(1<<20),
			grpc.WithWriteBufferSize(1<<20), experimental.WithBufferPool(&s.pool), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		streams[r], err = conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/bare/read")
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(cancel)
	return reads{size, func(r int, i int64, p []byte) error {
		if i*size%benchSize == 0 {
			if err := streams[r].SendMsg(&mem.BufferSlice{mem.SliceBuffer{byte(r)}}); err != nil {
				return err
			}
		}
		for at := int64(0); at < size; at += mib {
			if err := streams[r].RecvMsg(p[at : at+mib]); err != nil {
				return err
			}
		}
		return nil
	}}
}
