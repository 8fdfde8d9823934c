package blockcache

import "sync"

// maxChanges bounds the memory of the change log.
const maxChanges = 1 << 16

// blockKey names a block.
type blockKey struct{ file, index int64 }

// changeLog remembers which blocks changed last, not how: what they are now is
// looked up when somebody asks. So a block that changes often between two
// questions is there once.
type changeLog struct {
	mu struct {
		sync.Mutex
		keys    []blockKey // a ring: change n is keys[n%max]
		next    uint64     // number of the next change
		pending map[blockKey]struct{}
	}
	max uint64
}

func newChangeLog(max int) *changeLog {
	l := &changeLog{max: uint64(max)}
	l.mu.next = 1
	l.mu.pending = map[blockKey]struct{}{}
	return l
}

// note is called after a block has changed, not before: a question in between
// sees the new state or is followed by one that does.
func (l *changeLog) note(k blockKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.mu.pending[k]; ok {
		return
	}
	if uint64(len(l.mu.keys)) < l.max {
		l.mu.keys = append(l.mu.keys, blockKey{})
	}
	at := &l.mu.keys[(l.mu.next-1)%l.max]
	delete(l.mu.pending, *at)
	*at = k
	l.mu.pending[k] = struct{}{}
	l.mu.next++
}

// since lists the blocks that changed after change number n, and the number to
// ask with next time.
func (l *changeLog) since(n uint64) (keys []blockKey, now uint64, complete bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.mu.pending)
	now = l.mu.next
	oldest := now - uint64(len(l.mu.keys))
	if n < oldest || n > now {
		return nil, now, false
	}
	seen := map[blockKey]struct{}{}
	for ; n < now; n++ {
		k := l.mu.keys[(n-1)%l.max]
		if _, ok := seen[k]; !ok {
			seen[k] = struct{}{}
			keys = append(keys, k)
		}
	}
	return keys, now, true
}

// Changes lists the blocks that changed since a number that an earlier call
// returned, and the number to ask with next time. If complete is false the
// changes are not known (the number is 0, of another life of the cache, or too
// long ago); the caller then takes Blocks, after this call, and goes on from
// now. A block's Bytes are those at the time of the call.
func (c *Cache) Changes(since uint64) (changes []BlockChange, now uint64, complete bool) {
	keys, now, complete := c.changes.since(since)
	for _, k := range keys {
		changes = append(changes, BlockChange{FileID: k.file, Index: k.index, Bytes: c.blockBytes(k)})
	}
	return changes, now, complete
}
