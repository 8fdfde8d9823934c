package blockcache

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var docs = flag.String("docs", "", "the folder of documents that get the hit ratios of TestTraces")

// traces are sequences of blocks that are asked for. The cache holds 1,000.
var traces = []struct {
	name, what string
	requests   func(*rand.Rand) []int64
}{
	{"zipf-0.9", "10,000 blocks, asked for by Zipf's law with exponent 0.9", func(r *rand.Rand) []int64 { return zipf(r, 10_000, 0.9, 100_000) }},
	{"zipf-1.1", "the same with exponent 1.1", func(r *rand.Rand) []int64 { return zipf(r, 10_000, 1.1, 100_000) }},
	{"scans", "a hot set of 400 blocks, read three times; between two readings a scan over 3,000 blocks that nobody reads again", func(*rand.Rand) (all []int64) {
		for i := range int64(10) {
			for range 3 {
				all = append(all, numbers(0, 400)...)
			}
			all = append(all, numbers(10_000*(i+1), 3_000)...)
		}
		return all
	}},
	{"epochs-shuffled", "10 epochs over 2,000 blocks, each in another order", func(r *rand.Rand) (all []int64) {
		for range 10 {
			all = append(all, shuffled(r, 0, 2_000)...)
		}
		return all
	}},
	{"epochs-in-order", "10 epochs over 2,000 blocks in one order", func(*rand.Rand) (all []int64) {
		for range 10 {
			all = append(all, numbers(0, 2_000)...)
		}
		return all
	}},
	{"epochs-and-model", "shuffled epochs over 2,000 blocks; every fifth request is for one of 200 blocks of model files", func(r *rand.Rand) (all []int64) {
		for range 10 {
			for i, id := range shuffled(r, 0, 2_000) {
				all = append(all, id)
				if i%4 == 0 {
					all = append(all, 10_000+r.Int64N(200))
				}
			}
		}
		return all
	}},
	{"hot-set-moves", "500 blocks, each read some 40 times in any order, then 500 others; every fifth request is for a block that nobody reads again", func(r *rand.Rand) []int64 {
		return moving(r, 20_000)
	}},
	{"hot-set-runs", "the same, each read some 10 times", func(r *rand.Rand) []int64 { return moving(r, 5_000) }},
}

// zipf draws blocks of which the i-th is asked for 1/i^s as often as the first.
func zipf(r *rand.Rand, blocks int, s float64, n int) []int64 {
	sums, sum := make([]float64, blocks), 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	all := make([]int64, n)
	for i := range all {
		at, _ := slices.BinarySearch(sums, r.Float64()*sum)
		all[i] = int64(at)
	}
	return all
}

// moving asks n times for a hot set, then for the next.
func moving(r *rand.Rand, n int) (all []int64) {
	once := int64(1_000_000)
	for i := range int64(10) {
		for range n {
			all = append(all, 1_000*i+r.Int64N(500))
			if r.IntN(4) == 0 {
				all = append(all, once)
				once++
			}
		}
	}
	return all
}

func numbers(first, n int64) (all []int64) {
	for i := range n {
		all = append(all, first+i)
	}
	return all
}

func shuffled(r *rand.Rand, first, n int64) []int64 {
	all := numbers(first, n)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// paper is a cache without files: orders, decisions and accounts are the real
// ones, and what was decided is carried out by forgetting. Its blocks are files of a MiB each.
type paper struct {
	cache  *Cache
	blocks map[int64]*block
}

const (
	paperBlocks = 1_000 // in two directories
	paperStep   = 256 * kib
)

func newPaper(policy string, quotas ...int64) *paper {
	c := &Cache{evicts: policy != NONE}
	t := &tier{high: 0.95, low: 0.7}
	for _, quota := range quotas {
		d := &dir{quota: quota, tier: t}
		d.mu.order = newOrder(policy)
		d.setLimitLocked(quota)
		t.dirs = append(t.dirs, d)
	}
	c.tiers, c.dirs = []*tier{t}, t.dirs
	return &paper{c, map[int64]*block{}}
}

// read asks for a block, in steps as a reader does, and says whether it was there. If not, it is put.
func (p *paper) read(id int64) (hit bool) {
	if b := p.blocks[id]; b != nil {
		for range mib / paperStep {
			b.body.dir.touch(b, p.cache.touches.Add(1))
		}
		return true
	}
	tier, i, _ := place(p.cache.states(), mib)
	d := p.cache.tiers[tier].dirs[i]
	b := &block{body: &body{entry: &entry{info: FileInfo{ID: id + 1, Length: mib, BlockSize: mib}}, dir: d}}
	for range mib / paperStep {
		if !p.reserve(d) {
			p.evict(b) // and it is not kept
			return false
		}
		b.charge.Add(paperStep)
		d.touch(b, p.cache.touches.Add(1))
		p.blocks[id] = b
	}
	return false
}

func (p *paper) reserve(d *dir) bool {
	ok, nearFull := d.reserve(paperStep)
	if p.cache.evicts && !ok {
		s := d.state()
		s.cold = d.cold(paperStep)
		for _, v := range planRoom(s, paperStep) {
			p.evict(v.block)
		}
		ok, nearFull = d.reserve(paperStep)
	}
	if p.cache.evicts && nearFull {
		for _, v := range p.cache.victims() {
			p.evict(v.block)
		}
	}
	return ok
}

func (p *paper) evict(b *block) {
	b.body.dir.retire(b)
	b.body.dir.release(b.charge.Swap(0))
	delete(p.blocks, b.body.entry.info.ID-1)
}

// run is the hit ratio of a trace.
func (p *paper) run(requests []int64) float64 {
	hits := 0
	for _, id := range requests {
		if p.read(id) {
			hits++
		}
	}
	return float64(hits) / float64(len(requests))
}

// kept is the share of some blocks that is cached.
func (p *paper) kept(ids []int64) float64 {
	n := 0
	for _, id := range ids {
		if p.blocks[id] != nil {
			n++
		}
	}
	return float64(n) / float64(len(ids))
}

// TestTraces runs each policy on each trace, and says what has to be true of the hit ratios. `make eviction` puts them
// into docs/eviction.md.
func TestTraces(t *testing.T) {
	ratios := map[string]map[string]float64{}
	for _, trace := range traces {
		ratios[trace.name] = map[string]float64{}
		for _, policy := range []string{TINYLFU, LRU, NONE} {
			p := newPaper(policy, paperBlocks/2*mib, paperBlocks/2*mib)
			ratios[trace.name][policy] = p.run(trace.requests(rand.New(rand.NewPCG(1, 2))))
			for _, d := range p.cache.dirs {
				ranked := 0
				for range d.mu.order.coldest() {
					ranked++
				}
				if int64(ranked)*mib != d.mu.used || d.mu.used > d.quota {
					t.Errorf("%s, %s: %d blocks of a MiB ranked, %d bytes used of %d", trace.name, policy, ranked, d.mu.used, d.quota)
				}
			}
		}
		r := ratios[trace.name]
		t.Logf("%-17s TINYLFU %.3f  LRU %.3f  NONE %.3f", trace.name, r[TINYLFU], r[LRU], r[NONE])
	}
	for _, want := range []struct {
		trace, better, than string
		by                  float64
	}{
		{"zipf-0.9", TINYLFU, LRU, 0.05},
		{"zipf-1.1", TINYLFU, LRU, 0.01},
		{"scans", TINYLFU, LRU, 0.02},
		{"epochs-shuffled", TINYLFU, LRU, 0.05},
		{"epochs-in-order", TINYLFU, LRU, 0.20},
		{"epochs-and-model", TINYLFU, LRU, 0.05},
		{"epochs-shuffled", NONE, TINYLFU, 0},
		{"hot-set-moves", TINYLFU, NONE, 0.30},
		{"hot-set-moves", TINYLFU, LRU, -0.10},
		{"hot-set-runs", LRU, TINYLFU, 0},
	} {
		r := ratios[want.trace]
		if r[want.better] < r[want.than]+want.by {
			t.Errorf("%s: %s has %.3f, %s %.3f, want a difference of %.2f", want.trace, want.better, r[want.better], want.than, r[want.than], want.by)
		}
	}
	if *docs != "" {
		if err := publishRatios(filepath.Join(*docs, "eviction.md"), ratios); err != nil {
			t.Fatal(err)
		}
	}
}

// publishRatios writes the table into the document, between its marks.
func publishRatios(path string, ratios map[string]map[string]float64) error {
	const begin, end = "<!-- traces -->\n", "<!-- end of traces -->"
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(document), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no place %q", path, strings.TrimSpace(begin))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s; the same touches give the same figures everywhere.\n\n", time.Now().Format("2006-01-02"), runtime.Version())
	b.WriteString("| trace | what is asked for | TINYLFU | LRU | NONE |\n|---|---|--:|--:|--:|\n")
	for _, trace := range traces {
		r := ratios[trace.name]
		fmt.Fprintf(&b, "| %s | %s | %.3f | %.3f | %.3f |\n", trace.name, trace.what, r[TINYLFU], r[LRU], r[NONE])
	}
	return os.WriteFile(path, []byte(head+begin+b.String()+end+tail), 0o644)
}

// TestAScanDoesNotEmptyTheHotSet, and does under LRU. Each scan is three times the cache. A few hot blocks may be lost
// to those of the scan that share all their counters in the sketch with others.
func TestAScanDoesNotEmptyTheHotSet(t *testing.T) {
	hot := numbers(0, 400)
	for policy, most := range map[string]bool{TINYLFU: true, LRU: false} {
		p := newPaper(policy, paperBlocks/2*mib, paperBlocks/2*mib)
		for i := range int64(5) {
			for range 3 {
				p.run(hot)
			}
			p.run(numbers(10_000*(i+1), 3*paperBlocks))
			kept := p.kept(hot)
			if most && kept < 0.98 || !most && kept > 0 {
				t.Errorf("%s: %.3f of the hot set left after scan %d", policy, kept, i+1)
			}
		}
	}
}
