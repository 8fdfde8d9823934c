package blockcache

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// BenchmarkTouch is what a read pays for the order, with 100,000 blocks and uses by Zipf's law. B/block is what the order
// takes in memory, the block with its position included.
func BenchmarkTouch(b *testing.B) {
	const blocks = 100_000
	uses := zipf(rand.New(rand.NewPCG(1, 2)), blocks, 0.9, 1<<20)
	for _, policy := range []string{TINYLFU, LRU} {
		b.Run(policy, func(b *testing.B) {
			file := &body{entry: &entry{info: FileInfo{ID: 1}}}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			all := make([]*block, blocks)
			o := newOrder(policy)
			o.resize(blocks * mib)
			for i := range all {
				all[i] = &block{body: file, index: int64(i)}
				all[i].charge.Store(mib)
				o.touch(all[i])
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				o.touch(all[uses[i&(1<<20-1)]])
				i++
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/blocks, "B/block")
		})
	}
}

func BenchmarkReadAt(b *testing.B) {
	c := mustOpen(b, one(b.TempDir(), 512*mib))
	info := FileInfo{ID: 1, Length: 256 * mib, BlockSize: 64 * mib}
	f := mustAcquire(b, c, info)
	put(b, f, 0, info.Length)
	for _, size := range []int64{4 * kib, 128 * kib, mib} {
		b.Run(fmt.Sprintf("%dKiB", size/kib), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				p := make([]byte, size)
				for off := int64(0); pb.Next(); off = (off + size*7) % (info.Length - size) &^ (size - 1) {
					if n, err := f.ReadAt(p, off); int64(n) != size {
						b.Error(n, err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkPut(b *testing.B) {
	for _, size := range []int64{ChunkSize, mib} {
		b.Run(fmt.Sprintf("%dKiB", size/kib), func(b *testing.B) {
			c := mustOpen(b, one(b.TempDir(), 256*mib))
			info := FileInfo{ID: 1, Length: 1 << 40, BlockSize: 16 * mib}
			f := mustAcquire(b, c, info)
			p := original(info, 0, size)
			b.SetBytes(size)
			b.ReportAllocs()
			off, kept := int64(0), 0
			for b.Loop() {
				ok, err := f.Put(off, p)
				if err != nil {
					b.Fatal(err)
				}
				if ok {
					kept++
				}
				off += size
			}
			b.ReportMetric(100*float64(kept)/float64(b.N), "%kept")
		})
	}
}

// BenchmarkChecksum is what each chunk costs whenever it is read from disk.
func BenchmarkChecksum(b *testing.B) {
	p := make([]byte, ChunkSize)
	b.SetBytes(ChunkSize)
	for b.Loop() {
		checksum(p)
	}
}
