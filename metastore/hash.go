package metastore

import (
	"crypto/sha256"
	"encoding/binary"
)

// StateHash is a hash of the whole state after so many commands. Members that
// applied the same log have equal hashes, however their batches and flushes fell.
type StateHash struct {
	Commands uint64
	Sum      [16]byte
}

const (
	hashEvery  = 1024 // commands between two kept hashes, if Options do not say otherwise
	hashesKept = 64
)

// Hash is the hash of the state now.
func (s *Store) Hash() StateHash {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.state.hash()
}

// Hashes are the hashes taken after every Options.HashEvery-th command, the 64 most recent,
// oldest first. Those of two members with the same Commands must be equal. It is
// empty after a restart.
func (s *Store) Hashes() []StateHash {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]StateHash(nil), s.mu.hashes...)
}

func (s *Store) keepHashLocked() {
	if s.mu.state.commands%uint64(s.options.HashEvery) != 0 {
		return
	}
	if len(s.mu.hashes) == hashesKept {
		s.mu.hashes = append(s.mu.hashes[:0], s.mu.hashes[1:]...)
	}
	s.mu.hashes = append(s.mu.hashes, s.mu.state.hash())
}

// hash covers the records by their sum, and the counters; not the applied
// index, which empty log entries move.
func (st *state) hash() StateHash {
	b := make([]byte, 0, 40)
	for _, n := range []uint64{
		st.commands, uint64(st.nextContainer), uint64(st.nextMount), st.sum.low, st.sum.high,
	} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	full := sha256.Sum256(b)
	h := StateHash{Commands: st.commands}
	copy(h.Sum[:], full[:])
	return h
}

// sum is the sum of the hashes of all records. It does not depend on their
// order, so a change costs the record's old and new hash and no more.
type sum struct{ low, high uint64 }

func (s *sum) add(key string, value []byte) {
	low, high := recordHash(key, value)
	s.low += low
	s.high += high
}

func (s *sum) subtract(key string, value []byte) {
	low, high := recordHash(key, value)
	s.low -= low
	s.high -= high
}

func recordHash(key string, value []byte) (low, high uint64) {
	var stack [512]byte
	b := binary.BigEndian.AppendUint32(stack[:0], uint32(len(key)))
	b = append(append(b, key...), value...)
	h := sha256.Sum256(b)
	return binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:16])
}
