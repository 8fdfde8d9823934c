package metastore

import (
	"maps"
	"math"
	"time"

	"go.etcd.io/bbolt"
)

// opIndex knows the time of each remembered operation, by its id: records are
// kept by time, so that they are written and forgotten in one place of the
// database. It says what the records say, and is not a record itself.
type opIndex struct {
	// periods are maps for operations of one opPeriod each, so that memory is
	// given back when they are forgotten. There are five in use, or six.
	periods map[int64]map[OpID]int64
	// oldest is no later than the oldest record.
	oldest int64
}

const opPeriod = int64(OpWindow / 5 / time.Millisecond)

func newOpIndex() opIndex {
	return opIndex{periods: make(map[int64]map[OpID]int64), oldest: math.MaxInt64}
}

func (x *opIndex) find(id OpID) (ms int64, found bool) {
	for _, p := range x.periods {
		if ms, found = p[id]; found {
			return ms, true
		}
	}
	return 0, false
}

func (x *opIndex) add(ms int64, id OpID) {
	p := x.periods[ms/opPeriod]
	if p == nil {
		p = make(map[OpID]int64)
		x.periods[ms/opPeriod] = p
	}
	p[id] = ms
	x.oldest = min(x.oldest, ms)
}

func (x *opIndex) remove(ms int64, id OpID) {
	p := x.periods[ms/opPeriod]
	delete(p, id)
	if len(p) == 0 {
		delete(x.periods, ms/opPeriod)
	}
}

// Operation returns the time, in ms since 1970, of the command that an operation
// was applied by. found is false if it never was, or is forgotten.
func (s *Store) Operation(id OpID) (ms int64, found bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.ops.find(id)
}

func (x *opIndex) clone() opIndex {
	c := opIndex{periods: make(map[int64]map[OpID]int64), oldest: x.oldest}
	for i, p := range x.periods {
		c.periods[i] = maps.Clone(p)
	}
	return c
}

// readOps makes the index of the operations in the database.
func readOps(tx *bbolt.Tx) opIndex {
	x := newOpIndex()
	cursor := tx.Bucket(ops.bucket()).Cursor()
	for k, _ := cursor.First(); k != nil; k, _ = cursor.Next() {
		x.add(opOfBucketKey(k))
	}
	return x
}
