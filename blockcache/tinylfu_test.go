package blockcache

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// scanned is a cache on disk that was filled with a hot set, each block of which was read twice, and then scanned.
func scanned(t *testing.T, policy string) (c *Cache, hot *File) {
	t.Helper()
	const quota = 16 * mib
	o := one(t.TempDir(), quota)
	o.Policy = policy
	c = mustOpen(t, o)
	hot = mustAcquire(t, c, FileInfo{ID: 1, Length: 6 * mib, BlockSize: mib})
	put(t, hot, 0, 6*mib)
	for range 2 {
		for off := int64(0); off < 6*mib; off += 256 * kib {
			check(t, hot, off, 256*kib)
		}
	}
	scan := mustAcquire(t, c, FileInfo{ID: 2, Length: 64 * mib, BlockSize: mib})
	for off := int64(0); off < 64*mib; off += 256 * kib {
		put(t, scan, off, 256*kib)
		check(t, scan, off, 256*kib)
	}
	return c, hot
}

func TestTheHotSetSurvivesAScan(t *testing.T) {
	for policy, want := range map[string]int64{TINYLFU: 6 * mib, LRU: 0, NONE: 6 * mib} {
		t.Run(policy, func(t *testing.T) {
			c, hot := scanned(t, policy)
			if n := c.CachedBytes(1); n != want {
				t.Errorf("%d bytes of the hot file are left after a scan of four times the cache, want %d", n, want)
			}
			check(t, hot, 0, 6*mib)
			if s := c.Stats(); (policy == NONE) != (s.EvictedBlocks == 0) {
				t.Errorf("%+v", s)
			}
			audit(t, c)
		})
	}
}

// A block that a scan reads in many steps was used once.
func TestManyStepsAreOneUse(t *testing.T) {
	p := newPaper(TINYLFU, paperBlocks*mib)
	p.run(numbers(0, 300)) // many other blocks
	a, b := p.blocks[298], p.blocks[299]
	for range 100 {
		for _, k := range []*block{a, b} {
			k.body.dir.touch(k, p.cache.touches.Add(1))
		}
	}
	sketch := p.cache.dirs[0].mu.order.(*tinyLFU).sketch
	if n := sketch.count(b.hash()); n != 1 {
		t.Errorf("two readers of a hundred steps each count as %d uses", n)
	}
	p.run(numbers(1_000, maxUsesBetween))
	p.read(299)
	if n := sketch.count(b.hash()); n != 2 {
		t.Errorf("read again after %d others: %d uses", maxUsesBetween, n)
	}
}

// A block that is in use is passed over, however cold, and stays ranked where it is.
func TestCondemnedBlocksInUseStayRanked(t *testing.T) {
	p := newPaper(TINYLFU, paperBlocks*mib)
	for range 2 {
		p.run(numbers(0, 400))
	}
	p.run(numbers(1_000, 500))
	d := p.cache.dirs[0]
	first := d.cold(1)[0]
	if first.heat.class != 0 || first.file < 1_000 {
		t.Fatalf("the coldest is %+v, want a block of the scan, condemned", first)
	}
	first.block.pins.Add(1)
	p.run(numbers(2_000, 3*paperBlocks))
	if p.blocks[first.file-1] == nil {
		t.Fatal("a block in use was evicted")
	}
	if again := d.cold(1)[0]; again.block != first.block || !again.inUse {
		t.Errorf("now the coldest is %+v", again)
	}
	first.block.pins.Add(-1)
	p.run(numbers(6_000, paperBlocks))
	if p.blocks[first.file-1] != nil {
		t.Error("it is no longer in use and still there")
	}
}

// Whatever happens to blocks, each is ranked once, and the queues' accounts are right.
func TestOrdersRankEachBlockOnce(t *testing.T) {
	for _, policy := range []string{TINYLFU, LRU} {
		r := rand.New(rand.NewPCG(3, 4))
		o := newOrder(policy)
		known := map[*block]bool{}
		var blocks []*block
		for id := range int64(300) {
			blocks = append(blocks, &block{body: &body{entry: &entry{info: FileInfo{ID: id + 1}}}})
		}
		for step := range 20_000 {
			b := blocks[min(r.IntN(300), r.IntN(300))]
			switch n := r.IntN(100); {
			case n == 0:
				o.resize(r.Int64N(200 * mib))
			case n < 10:
				o.remove(b)
				delete(known, b)
				b.charge.Store(0)
			case n < 12 && !known[b]:
				b.charge.Store(mib)
				o.found(b)
				known[b] = true
			default:
				b.charge.Add(r.Int64N(64 * kib))
				o.touch(b)
				known[b] = true
			}
			seen, last := map[*block]bool{}, 0
			for class, b := range o.coldest() {
				if seen[b] || !known[b] || class < last {
					t.Fatalf("%s, step %d: file %d in class %d is ranked twice, unknown, or after class %d", policy, step, b.body.entry.info.ID, class, last)
				}
				seen[b], last = true, class
			}
			if len(seen) != len(known) {
				t.Fatalf("%s, step %d: %d ranked, %d known", policy, step, len(seen), len(known))
			}
			if lfu, ok := o.(*tinyLFU); ok {
				lfu.check(t)
			}
		}
	}
}

func (t *tinyLFU) check(tt *testing.T) {
	tt.Helper()
	for _, q := range []*queue{&t.window, &t.probation, &t.protected, &t.condemned} {
		blocks, bytes := 0, int64(0)
		for _, b := range classes(q) {
			blocks++
			bytes += b.place.bytes
			if b.place.queue != q {
				tt.Fatal("a block is in another queue than it says")
			}
		}
		if blocks != q.blocks || bytes != q.bytes {
			tt.Fatalf("a queue has %d blocks of %d bytes and counts %d of %d", blocks, bytes, q.blocks, q.bytes)
		}
	}
	if t.excess() > 0 || t.window.blocks > 1 && t.window.bytes > t.keep-t.main() {
		tt.Fatalf("%d bytes more than are meant to stay, %d in the window", t.excess(), t.window.bytes)
	}
}

func TestSketch(t *testing.T) {
	s := newSketch()
	s.fit(1_000)
	for i := range uint64(12) {
		for range i {
			s.add(mix(i))
		}
	}
	var counts []uint64
	for i := range uint64(12) {
		counts = append(counts, s.count(mix(i)))
	}
	if want := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(counts, want) {
		t.Errorf("counts %v", counts)
	}
	s.fit(5_000)
	for i, was := range counts {
		if n := s.count(mix(uint64(i))); n != was {
			t.Errorf("%d counted %d, and %d in a larger table", i, was, n)
		}
	}
	s.halve()
	for i, was := range counts {
		if n := s.count(mix(uint64(i))); n != was/2 {
			t.Errorf("%d counted %d, and %d halved", i, was, n)
		}
	}
	for i := range uint64(100 * len(s.table)) {
		s.add(mix(100 + i))
	}
	if n := s.count(mix(11)); n > 2 {
		t.Errorf("a hundred uses of others for each word later, what was used 11 times still counts %d", n)
	}
	for range 40 {
		s.add(mix(5))
	}
	if n := s.count(mix(5)); n != 15 {
		t.Errorf("40 uses are %d, want all that four bits hold", n)
	}
}
