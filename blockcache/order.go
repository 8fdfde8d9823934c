package blockcache

import (
	"cmp"
	"iter"
)

// order ranks the blocks of one directory by how soon they may go. It is
// called under dir.mu and does no I/O. It never lets a block go by itself: a
// block stays ranked until the evictor has really removed it.
type order interface {
	// touch says that a block was read or put; an unknown one enters.
	touch(*block)
	// found is touch for a block that was on disk when the cache was opened, of
	// which nothing is known but that it was put after those found before it.
	found(*block)
	// remove forgets a block; an unknown one is no mistake.
	remove(*block)
	// resize says how many bytes of blocks the evictor leaves when it has freed space.
	resize(bytes int64)
	// coldest yields the blocks, first to go first, each with its class: 0 goes
	// before 1 in every directory. The order may not be changed meanwhile.
	coldest() iter.Seq2[int, *block]
}

// newOrder is the order of a policy. NONE has one for the day its quota is less than before.
func newOrder(policy string) order {
	if policy == TINYLFU {
		return newTinyLFU()
	}
	return &lru{}
}

// heat says how soon a block goes, so that blocks of different directories can
// be compared: by the class that its order gave it, and within a class by when
// it was touched. touched counts touches of the whole cache; dir.cold raises it
// to that of the blocks that go before, so that a directory's own order stands.
type heat struct {
	class   int
	touched uint64
}

func (h heat) compare(other heat) int {
	return cmp.Or(cmp.Compare(h.class, other.class), cmp.Compare(h.touched, other.touched))
}

// position is where a block stands in its order.
type position struct {
	queue          *queue // nil if the block is unknown
	colder, hotter *block
	bytes          int64  // what the block counts for in the queue
	counted        uint64 // tinyLFU: the number of its last use
}

// queue is a list of blocks, linked through their positions, and what they take.
type queue struct {
	coldest, hottest *block
	blocks           int
	bytes            int64
}

// push takes a block from where it is to the queue's hot end, with the bytes
// that it takes by now.
func (q *queue) push(b *block) {
	b.place.leave()
	p := &b.place
	p.queue, p.colder, p.hotter, p.bytes = q, q.hottest, nil, b.charge.Load()
	if q.hottest == nil {
		q.coldest = b
	} else {
		q.hottest.place.hotter = b
	}
	q.hottest = b
	q.blocks++
	q.bytes += p.bytes
}

// leave takes a block out of its queue, if it is in one.
func (p *position) leave() {
	q := p.queue
	if q == nil {
		return
	}
	if p.colder == nil {
		q.coldest = p.hotter
	} else {
		p.colder.place.hotter = p.hotter
	}
	if p.hotter == nil {
		q.hottest = p.colder
	} else {
		p.hotter.place.colder = p.colder
	}
	q.blocks--
	q.bytes -= p.bytes
	p.queue, p.colder, p.hotter = nil, nil, nil
}

// lru is the order of last touch.
type lru struct{ queue queue }

func (l *lru) touch(b *block)  { l.queue.push(b) }
func (l *lru) found(b *block)  { l.queue.push(b) }
func (l *lru) remove(b *block) { b.place.leave() }
func (l *lru) resize(int64)    {}

func (l *lru) coldest() iter.Seq2[int, *block] { return classes(&l.queue) }

// classes yields the blocks of the queues, coldest first; the first queue is class 0.
func classes(queues ...*queue) iter.Seq2[int, *block] {
	return func(yield func(int, *block) bool) {
		for class, q := range queues {
			for b := q.coldest; b != nil; b = b.place.hotter {
				if !yield(class, b) {
					return
				}
			}
		}
	}
}
