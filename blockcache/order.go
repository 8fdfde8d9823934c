package blockcache

import (
	"container/list"
	"iter"
)

// order ranks the blocks of one directory by how soon they may go. It is
// called under dir.mu and does no I/O.
type order interface {
	// touch says that a block was read or put; an unknown one enters.
	touch(*block)
	// remove forgets a block; an unknown one is no mistake.
	remove(*block)
	// coldest yields the blocks, first to go first. The order may not be
	// changed meanwhile.
	coldest() iter.Seq[*block]
}

// lru is the order of last touch.
type lru struct {
	list  *list.List // of *block, hottest in front
	place map[*block]*list.Element
}

func newLRU() *lru {
	return &lru{list: list.New(), place: map[*block]*list.Element{}}
}

func (l *lru) touch(b *block) {
	if e := l.place[b]; e != nil {
		l.list.MoveToFront(e)
		return
	}
	l.place[b] = l.list.PushFront(b)
}

func (l *lru) remove(b *block) {
	if e := l.place[b]; e != nil {
		l.list.Remove(e)
		delete(l.place, b)
	}
}

func (l *lru) coldest() iter.Seq[*block] {
	return func(yield func(*block) bool) {
		for e := l.list.Back(); e != nil; e = e.Prev() {
			if !yield(e.Value.(*block)) {
				return
			}
		}
	}
}
