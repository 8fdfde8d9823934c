package blockcache

import (
	"math/bits"
	"slices"
)

// sketch remembers about how often things were used lately, those that are not
// cached included: a count-min sketch of counters up to 15. The four counters
// of a thing lie in one cache line. After countsPerWord × len(table) counts all are
// halved, so that what is no longer used is forgotten.
type sketch struct {
	table  []uint64 // of 16 counters each; the length is a power of two
	counts int      // since the last halving
}

const (
	lineWords     = 8  // words in a cache line
	countsPerWord = 10 // before all counters are halved
)

func newSketch() *sketch { return &sketch{table: make([]uint64, lineWords)} }

// fit makes the table large enough for a number of things. It doubles: each
// line is taken twice, so that what was counted stays counted.
func (s *sketch) fit(things int) {
	for len(s.table) < things {
		s.table = slices.Concat(s.table, s.table)
		s.counts *= 2
	}
}

// at is where the i-th of a thing's four counters is.
func (s *sketch) at(hash uint64, i int) (word *uint64, shift int) {
	line := int(hash&uint64(len(s.table)/lineWords-1)) * lineWords
	pick := hash >> (32 + 8*i)
	return &s.table[line+2*i+int(pick&1)], int(pick>>1&15) * 4
}

func (s *sketch) add(hash uint64) {
	added := false
	for i := range 4 {
		word, shift := s.at(hash, i)
		if *word>>shift&15 < 15 {
			*word += 1 << shift
			added = true
		}
	}
	if added {
		s.counts++
	}
	if s.counts >= countsPerWord*len(s.table) {
		s.halve()
	}
}

func (s *sketch) count(hash uint64) uint64 {
	least := uint64(15)
	for i := range 4 {
		word, shift := s.at(hash, i)
		least = min(least, *word>>shift&15)
	}
	return least
}

// halve rounds down. What is lost by that is taken off the counts, a quarter for each of four counters.
func (s *sketch) halve() {
	const ones, sevens = 0x1111111111111111, 0x7777777777777777
	odd := 0
	for i, word := range s.table {
		odd += bits.OnesCount64(word & ones)
		s.table[i] = word >> 1 & sevens
	}
	s.counts = (s.counts - odd/4) / 2
}
