package metastore

import (
	"hash/maphash"
	"math/bits"
)

// overlay is an ordered set of changes that lies over the database: for a key
// either its new value or that it is deleted. It is a skip list for the order
// and a map for single keys.
//
// Many may read at once; a writer must be alone.
type overlay struct {
	head  node
	byKey map[string]*node
	seed  maphash.Seed
}

type node struct {
	key   string
	value []byte // nil: the key is deleted
	next  []*node
	low   [2]*node // what next is of most nodes
}

// maxHeight levels serve some 4^12 keys well.
const maxHeight = 12

func newOverlay() *overlay {
	return &overlay{head: node{next: make([]*node, maxHeight)}, byKey: make(map[string]*node), seed: maphash.MakeSeed()}
}

func (o *overlay) len() int { return len(o.byKey) }

// get returns the value of a key; found is also true for a deleted one, whose
// value is nil.
func (o *overlay) get(key string) (value []byte, found bool) {
	n, found := o.byKey[key]
	if !found {
		return nil, false
	}
	return n.value, true
}

// set changes a key; nil deletes it. The overlay keeps value.
func (o *overlay) set(key string, value []byte) {
	if n, ok := o.byKey[key]; ok {
		n.value = value
		return
	}
	n := &node{key: key, value: value}
	if h := o.heightOf(key); h <= len(n.low) {
		n.next = n.low[:h]
	} else {
		n.next = make([]*node, h)
	}
	at := &o.head
	for level := maxHeight - 1; level >= 0; level-- {
		for at.next[level] != nil && at.next[level].key < key {
			at = at.next[level]
		}
		if level < len(n.next) {
			n.next[level], at.next[level] = at.next[level], n
		}
	}
	o.byKey[key] = n
}

// seek returns the first change whose key is not less than key.
func (o *overlay) seek(key string) *node {
	at := &o.head
	for level := maxHeight - 1; level >= 0; level-- {
		for at.next[level] != nil && at.next[level].key < key {
			at = at.next[level]
		}
	}
	return at.next[0]
}

// heightOf draws a height from the key: one node of four rises a level. It
// shapes only the list, never the state.
func (o *overlay) heightOf(key string) int {
	h := maphash.String(o.seed, key)
	return 1 + min(bits.TrailingZeros64(h)/2, maxHeight-1)
}
