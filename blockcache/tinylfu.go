package blockcache

import "iter"

// tinyLFU is the order of W-TinyLFU (Einziger, Friedman, Manes 2017), with the
// segments and shares of Caffeine: a newcomer passes through a small window;
// when it leaves that, it takes the place of the coldest block in probation
// only if it was used more often as far as a sketch remembers; what is used
// again in probation is protected. So a scan, of which each block is used once,
// passes by what was used twice.
//
// Caffeine evicts the loser. Here it is condemned: ranked first to go, and kept
// until the evictor wants space. Used again meanwhile it goes to probation
// without another duel, so that a new hot set prevails against the counts of
// an old one. The three other segments hold what is meant to stay, which is what
// the evictor leaves (the low watermark), less a reserve: the blocks that were
// condemned last outlive a round and have time to be used again.
//
// Caffeine moves the border of the window by the hit ratio and admits a few
// losers at random, against floods of colliding keys. Neither is done: what
// happens depends on the touches alone, file ids are the masters', and what is
// condemned is a window of recent blocks, and a larger one.
type tinyLFU struct {
	window, probation, protected, condemned queue

	keep   int64 // bytes that are meant to stay
	sketch *sketch
	uses   uint64 // counted so far, see isUse
}

const (
	windowShare    = 0.01 // of what is meant to stay
	protectedShare = 0.80 // of the rest
	keepShare      = 0.90 // of what the evictor leaves
)

// A block is read and put in many steps of up to a MiB, which are one use: a
// touch counts only after usesBetween uses of other blocks. That is the greater
// the more blocks there are, and above the number of files read at once.
const (
	blocksPerUseBetween = 4
	maxUsesBetween      = 64
)

func newTinyLFU() *tinyLFU { return &tinyLFU{sketch: newSketch()} }

func (t *tinyLFU) touch(b *block) {
	use := t.isUse(b)
	if use {
		t.uses++
		b.place.counted = t.uses
		t.sketch.add(b.hash())
	}
	q := b.place.queue
	switch {
	case q == nil:
		t.window.push(b)
	case q == &t.condemned && use:
		t.probation.push(b)
	case q == &t.probation && use:
		t.protected.push(b)
	default:
		q.push(b)
	}
	t.settle()
}

// isUse says whether a touch counts.
func (t *tinyLFU) isUse(b *block) bool {
	between := uint64(min(t.blocks()/blocksPerUseBetween, maxUsesBetween))
	return b.place.queue == nil || t.uses-b.place.counted >= max(between, 1)
}

func (t *tinyLFU) blocks() int {
	return t.window.blocks + t.probation.blocks + t.protected.blocks + t.condemned.blocks
}

// found makes no newcomer: those that were put last would lose against equals.
// With nothing known of uses, all in probation go by age.
func (t *tinyLFU) found(b *block) {
	b.place.counted = t.uses - maxUsesBetween // its first touch is a use
	t.probation.push(b)
	t.settle()
}

func (t *tinyLFU) remove(b *block) { b.place.leave() }

func (t *tinyLFU) resize(bytes int64) {
	t.keep = int64(keepShare * float64(bytes))
	t.settle()
}

// coldest ends with the window: its few blocks are those being put.
func (t *tinyLFU) coldest() iter.Seq2[int, *block] {
	return classes(&t.condemned, &t.probation, &t.protected, &t.window)
}

// settle brings the segments back to their sizes.
func (t *tinyLFU) settle() {
	t.sketch.fit(t.blocks())
	for t.protected.bytes > int64(protectedShare*float64(t.main())) {
		t.probation.push(t.protected.coldest)
	}
	for t.window.bytes > t.keep-t.main() && t.window.blocks > 1 {
		newcomer := t.window.coldest
		t.probation.push(newcomer)
		t.duel(newcomer)
	}
	for t.excess() > 0 {
		t.condemned.push(t.probation.coldest) // blocks in it have grown, or less is meant to stay
	}
}

// duel makes room for a newcomer in probation as long as it was used more often
// than the coldest there; otherwise the newcomer is condemned.
func (t *tinyLFU) duel(newcomer *block) {
	uses := t.sketch.count(newcomer.hash())
	for t.excess() > 0 {
		victim := t.probation.coldest
		if victim == newcomer || t.sketch.count(victim.hash()) >= uses {
			t.condemned.push(newcomer)
			return
		}
		t.condemned.push(victim)
	}
}

// main is what probation and protected may take. The window's share is its own, so that a block that grows there
// drives out nothing without a duel; and that one block may be larger than the window.
func (t *tinyLFU) main() int64 { return t.keep - int64(windowShare*float64(t.keep)) }

// excess is by how much they take more. Protected alone never does.
func (t *tinyLFU) excess() int64 { return t.probation.bytes + t.protected.bytes - t.main() }

// hash names a block to the sketch: the same before and after it was evicted.
func (b *block) hash() uint64 {
	return mix(mix(uint64(b.body.entry.info.ID)) + uint64(b.index))
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
