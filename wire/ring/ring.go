// Package ring is GooseFS's consistent hashing: which workers are to hold a block. Masters and clients compute it
// alike, from the list of workers.
//
// Each worker stands at many places of a ring of 64-bit numbers; a block belongs to the worker at or behind the
// block's own place. When a worker comes or goes, only the blocks around its places move. The hash and the order are
// those of Tencent's Java and Rust clients (MurmurHash3 x64 128 over id and attempt, first half, signed).
package ring

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/spaolacci/murmur3"
)

// VirtualNodes is how many places a worker takes unless it says otherwise.
const VirtualNodes = 5000

// attempts is how many places are looked at for one block.
const attempts = 100

// Node is a worker to be placed. Two workers of one host count as one: hosts are what fails.
type Node struct {
	ID           int64
	Host         string
	VirtualNodes int // 0: the default
}

// Ring is immutable.
type Ring struct {
	nodes  []Node
	hosts  int
	places []place // by position
}

type place struct {
	position int64
	node     int // index in nodes; where two meet, the later node stays
}

// New places nodes.
func New(nodes []Node) *Ring {
	r := &Ring{nodes: slices.Clone(nodes)}
	hosts := make(map[string]bool)
	for i, n := range nodes {
		hosts[n.Host] = true
		count := n.VirtualNodes
		if count == 0 {
			count = VirtualNodes
		}
		for v := range count {
			r.places = append(r.places, place{Hash(n.ID, int32(v)), i})
		}
	}
	r.hosts = len(hosts)
	slices.SortStableFunc(r.places, func(a, b place) int {
		switch {
		case a.position < b.position:
			return -1
		case a.position > b.position:
			return 1
		}
		return a.node - b.node
	})
	kept := r.places[:0]
	for i, p := range r.places {
		if i+1 < len(r.places) && r.places[i+1].position == p.position {
			continue
		}
		kept = append(kept, p)
	}
	r.places = kept
	return r
}

// Pick gives up to n nodes for a block, all on different hosts, the first one the owner.
func (r *Ring) Pick(block int64, n int) []Node {
	var picked []Node
	if len(r.places) == 0 {
		return nil
	}
	n = min(n, r.hosts)
	for a := int32(0); a < attempts && len(picked) < n; a++ {
		h := Hash(block, a)
		i := sort.Search(len(r.places), func(i int) bool { return r.places[i].position >= h })
		node := r.nodes[r.places[i%len(r.places)].node]
		if !slices.ContainsFunc(picked, func(p Node) bool { return p.Host == node.Host }) {
			picked = append(picked, node)
		}
	}
	return picked
}

// Hash is the position of a worker's place or of a block's attempt.
func Hash(key int64, index int32) int64 {
	var b [12]byte
	binary.LittleEndian.PutUint64(b[:8], uint64(key))
	binary.LittleEndian.PutUint32(b[8:], uint32(index))
	h, _ := murmur3.Sum128(b[:])
	return int64(h)
}
