package metastore

import (
	"encoding/binary"
	"strconv"
)

// space is one of the database's buckets. A key carries its space as its first
// byte, so that one overlay holds the changes of all; the bucket's key is the
// rest.
type space byte

const (
	entries space = 'e' // parent id (8, big endian) + name → InodeRecord
	ids     space = 'i' // id (8) → parent id (8) + name
	mounts  space = 'm' // path → MountRecord
	ops     space = 'o' // time (8) + operation id (16) → OpRecord: the order in which to forget
)

func spaces() []space { return []space{entries, ids, mounts, ops} }

const spaceCount = 4

// index numbers the spaces from 0.
func (s space) index() int {
	switch s {
	case entries:
		return 0
	case ids:
		return 1
	case mounts:
		return 2
	case ops:
		return 3
	}
	panic("metastore: no such space: " + strconv.Itoa(int(s)))
}

// bucket is the name of the space's bucket.
func (s space) bucket() []byte {
	switch s {
	case entries:
		return []byte("entries")
	case ids:
		return []byte("ids")
	case mounts:
		return []byte("mounts")
	case ops:
		return []byte("ops")
	}
	panic("metastore: no such space: " + strconv.Itoa(int(s)))
}

// fill is how full a page is made when one is split. Ids rise, and so do the times
// of operations: nothing comes in between later.
func (s space) fill() float64 {
	if s == ids || s == ops {
		return 0.95
	}
	return 0.75
}

// The bucket "meta" holds one record, metapb.State, under the key "state".
const (
	metaBucket = "meta"
	stateKey   = "state"
)

// format is the layout of the database and of the image; another one is refused.
const format = 2

func numberKey(s space, n uint64, rest string) string {
	b := make([]byte, 9, 9+len(rest))
	b[0] = byte(s)
	binary.BigEndian.PutUint64(b[1:], n)
	return string(append(b, rest...))
}

func splitNumber(key string) (n uint64, rest string) {
	return binary.BigEndian.Uint64([]byte(key[1:9])), key[9:]
}

func entryKey(parent int64, name string) string { return numberKey(entries, uint64(parent), name) }

func splitEntryKey(key string) (parent int64, name string) {
	n, name := splitNumber(key)
	return int64(n), name
}

func idKey(id int64) string { return numberKey(ids, uint64(id), "") }

// idValue is where an inode's entry is: its key without the space.
func idValue(parent int64, name string) []byte { return []byte(entryKey(parent, name)[1:]) }

func mountKey(path string) string { return string(rune(mounts)) + path }

// signBit puts times before 1970 before the others.
const signBit = 1 << 63

func opKey(ms int64, id OpID) string {
	return numberKey(ops, uint64(ms)^signBit, string(id[:]))
}

// opsFrom is before the keys of operations of that time, and behind all earlier ones.
func opsFrom(ms int64) string { return numberKey(ops, uint64(ms)^signBit, "") }

func splitOpKey(key string) (ms int64, id OpID) {
	n, rest := splitNumber(key)
	copy(id[:], rest)
	return int64(n ^ signBit), id
}

// opOfBucketKey is splitOpKey of a key as the bucket has it, without its space.
func opOfBucketKey(key []byte) (ms int64, id OpID) {
	copy(id[:], key[8:])
	return int64(binary.BigEndian.Uint64(key) ^ signBit), id
}
