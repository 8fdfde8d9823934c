package blockcache

import (
	"fmt"
	"testing"
)

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
