package metastore

import "fmt"

// Apply applies a batch of commands; last is the log's index of the batch's last
// entry. The results are, in the commands' order, a *Result or an error (an
// *Error, which wraps an *fs.PathError).
//
// The same log gives the same state and results on every member, however it is
// cut into batches. A command that cannot be decoded, or an index that was
// applied before, is a [Damage] panic: skipping it would let members drift apart.
func (s *Store) Apply(last uint64, cmds [][]byte) []any {
	s.waitForFlush()
	s.batch.Lock()
	defer s.batch.Unlock()
	s.mu.RLock()
	applied, closed := s.mu.state.applied, s.mu.closed
	s.mu.RUnlock()
	if closed {
		panic(&Damage{What: fmt.Sprintf("log entry %d comes after Close", last)})
	}
	if last <= applied && len(cmds) > 0 {
		panic(&Damage{What: fmt.Sprintf("log entry %d comes after %d", last, applied)})
	}
	results := make([]any, len(cmds))
	s.mu.RLock()
	t := s.treeLocked()
	s.mu.RUnlock()
	defer t.close()
	for i, b := range cmds {
		c, err := decode(b)
		if err != nil {
			panic(&Damage{What: fmt.Sprintf("command %d of %d up to log entry %d", i+1, len(cmds), last), Err: err})
		}
		if result, err := s.applyOne(&t, c); err != nil {
			results[i] = err
		} else {
			results[i] = result
		}
	}
	s.mu.Lock()
	s.mu.state.applied = max(last, applied)
	enough := s.mu.active.len() >= s.options.FlushChanges
	s.mu.Unlock()
	if enough {
		select {
		case s.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return results
}

// LastApplied is the index of the last log entry whose changes can be seen.
func (s *Store) LastApplied() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.state.applied
}

// waitForFlush bounds memory when the log is faster than the disk.
func (s *Store) waitForFlush() {
	s.mu.RLock()
	behind := s.mu.err == nil && s.mu.active.len() >= behindLimit*s.options.FlushChanges
	s.mu.RUnlock()
	if behind {
		s.flush() // an error is kept and told by Failed
	}
}

func (s *Store) applyOne(t *tree, c command) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.begin(c.head())
	defer s.keepHashLocked()
	s.mu.state.commands++
	if result, err, known := t.recall(c); known {
		return result, err
	}
	result, err := c.apply(t)
	if err == nil {
		t.reap()
		result.Removed = t.takeReaped()
		result.Unreaped = s.mu.state.trash > 0
	}
	t.remember(c, result, err)
	return result, err
}
