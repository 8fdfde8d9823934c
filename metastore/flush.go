package metastore

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// behindLimit times FlushChanges is how far the database may fall behind before
// Apply waits for it.
const behindLimit = 4

// flushLoop is the flusher, a goroutine that lives as long as the store.
func (s *Store) flushLoop() {
	defer close(s.stopped)
	tick := time.NewTicker(s.options.FlushInterval)
	defer tick.Stop()
	trim := time.NewTicker(mappedCheck)
	defer trim.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.wake:
		case <-trim.C:
			s.trim()
			continue
		case <-s.stop:
			return
		}
		if s.flush(); s.Err() != nil {
			return // it is logged, and Failed is closed
		}
	}
}

// trim keeps the database from filling this process's memory.
func (s *Store) trim() {
	s.flushing.Lock() // so that no Restore takes the database away
	defer s.flushing.Unlock()
	s.mu.RLock()
	db := s.mu.db
	s.mu.RUnlock()
	trimMapping(db, mappedMost)
}

// Checkpoint flushes now: when it returns nil, Applied is the index of the last
// command that was applied before the call.
func (s *Store) Checkpoint() error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.flush()
}

// Applied is the index of the last log entry that is durable in the database.
// After a crash the log is applied again from the next one.
func (s *Store) Applied() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.durable
}

func (s *Store) flush() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if err := s.writeFrozen(); err != nil {
		return err
	}
	s.batch.Lock()
	s.freeze()
	s.batch.Unlock()
	return s.writeFrozen()
}

// freeze ends the active overlay and begins a new one, if there is anything to
// write. flushing and batch are held, and nothing is frozen.
func (s *Store) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.err != nil || s.mu.active.len() == 0 && s.mu.state.applied == s.mu.durable {
		return
	}
	s.mu.frozen, s.mu.active = s.mu.active, newOverlay()
	s.mu.frozenState = s.mu.state
}

// writeFrozen puts the frozen overlay and its state into the database, if there
// is one. flushing is held.
//
// When it fails the overlay stays, so reads stay right. For want of space it is
// tried again: nothing of a transaction that failed counts, and the next one
// writes all of it anew. Any other error ends the store.
func (s *Store) writeFrozen() error {
	s.mu.RLock()
	frozen, st := s.mu.frozen, s.mu.frozenState
	s.mu.RUnlock()
	if frozen == nil {
		return s.Err()
	}
	err := s.writeDatabase(st)
	if errors.Is(err, syscall.ENOSPC) {
		return s.postpone(err)
	}
	if err != nil {
		return s.fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.full {
		s.options.Log.Info("there is space again for the namespace", "file", s.path)
	}
	s.mu.frozen, s.mu.full = nil, false
	s.mu.durable = st.applied
	return nil
}

// postpone notes that there was no space.
func (s *Store) postpone(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.full {
		s.options.Log.Error("no space for the namespace: it is written when there is", "file", s.path, "err", err)
	}
	s.mu.full = true
	return fmt.Errorf("write %s: %w", s.path, err)
}

// Full says whether the last flush found no space. What was applied since the
// one before is in memory and in the log; more should not be added.
func (s *Store) Full() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.full
}

// fail ends the store: it writes no more.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.err == nil {
		s.mu.err = fmt.Errorf("write %s: %w", s.path, err)
		s.options.Log.Error("the namespace cannot be written", "file", s.path, "err", err)
		close(s.failed)
	}
	return s.mu.err
}

// writeDatabase is one synced transaction. The frozen overlay and the database
// handle do not change while flushing is held, so it takes no lock.
func (s *Store) writeDatabase(st state) error {
	s.mu.RLock()
	db, frozen := s.mu.db, s.mu.frozen
	s.mu.RUnlock()
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	buckets := make(map[space]*bbolt.Bucket)
	for _, sp := range spaces() {
		buckets[sp] = tx.Bucket(sp.bucket())
		buckets[sp].FillPercent = sp.fill()
	}
	for n := frozen.seek(""); n != nil; n = n.next[0] {
		bucket, key := buckets[space(n.key[0])], []byte(n.key[1:])
		if n.value == nil {
			err = bucket.Delete(key)
		} else {
			err = bucket.Put(key, n.value)
		}
		if err != nil {
			return err
		}
	}
	if built == appliedLater {
		return s.writeInTwo(tx, st)
	}
	if err := writeState(tx, st); err != nil {
		return err
	}
	return s.options.disk.commit(tx)
}

// writeInTwo is what appliedLater does.
func (s *Store) writeInTwo(tx *bbolt.Tx, st state) error {
	db, early := tx.DB(), st
	early.applied = s.Applied()
	if err := errors.Join(writeState(tx, early), s.options.disk.commit(tx)); err != nil {
		return err
	}
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return errors.Join(writeState(tx, st), s.options.disk.commit(tx))
}
