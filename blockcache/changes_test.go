package blockcache

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func TestChangesTellWhatBlocksBecame(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 32*mib))
	f := mustAcquire(t, c, FileInfo{ID: 1, Length: 8 * mib, BlockSize: mib})
	if _, _, complete := c.Changes(0); complete {
		t.Error("0 is not a moment that anybody knows")
	}
	_, start, _ := c.Changes(0)
	expect := func(since uint64, want ...BlockChange) (now uint64) {
		t.Helper()
		got, now, complete := c.Changes(since)
		if !complete || !slices.Equal(got, want) {
			t.Errorf("since %d: %v (complete %v), want %v", since, got, complete, want)
		}
		return now
	}
	expect(start)
	put(t, f, 0, ChunkSize)
	put(t, f, ChunkSize, ChunkSize)
	put(t, f, 3*mib, mib)
	one := expect(start, BlockChange{1, 0, 2 * ChunkSize}, BlockChange{1, 3, mib})
	put(t, f, 2*ChunkSize, ChunkSize)
	c.DropBlock(1, 3)
	two := expect(one, BlockChange{1, 0, 3 * ChunkSize}, BlockChange{1, 3, 0})
	expect(start, BlockChange{1, 0, 3 * ChunkSize}, BlockChange{1, 3, 0}) // a second listener
	c.Drop(1)
	three := expect(two, BlockChange{1, 0, 0})
	expect(three)
	if _, _, complete := c.Changes(three + 1); complete {
		t.Error("a number from the future, so from another life, is answered")
	}
}

func TestChangesForgetTheOldest(t *testing.T) {
	l := newChangeLog(4)
	_, start, _ := l.since(0)
	for i := range int64(5) {
		l.note(blockKey{1, i})
	}
	if _, _, complete := l.since(start); complete {
		t.Error("five changes from a log of four")
	}
	keys, _, complete := l.since(start + 1)
	if !complete || len(keys) != 4 || keys[0] != (blockKey{1, 1}) {
		t.Errorf("%v %v", keys, complete)
	}
}

// TestChangesAddUp: a listener that keeps asking, and takes the whole list when
// it is told to, ends with the blocks that are there.
func TestChangesAddUp(t *testing.T) {
	c := mustOpen(t, one(t.TempDir(), 4*mib))
	c.changes = newChangeLog(64)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(g)))
			for range 300 {
				f, err := c.Acquire(FileInfo{ID: 1 + r.Int64N(4), Length: 2 * mib, BlockSize: 128 * kib})
				if err != nil {
					t.Error(err)
					return
				}
				off := r.Int64N(32) * ChunkSize
				if r.IntN(3) == 0 {
					c.DropBlock(f.entry.info.ID, off/(128*kib))
				} else {
					put(t, f, off, ChunkSize)
				}
				f.Release()
			}
		})
	}
	go func() { wg.Wait(); close(done) }()

	known := map[blockKey]int64{}
	since, wholes := uint64(0), 0
	listen := func() {
		changes, now, complete := c.Changes(since)
		since = now
		if !complete {
			wholes++
			clear(known)
			for b := range c.Blocks() {
				known[blockKey{b.FileID, b.Index}] = b.Bytes
			}
		}
		for _, ch := range changes {
			known[blockKey{ch.FileID, ch.Index}] = ch.Bytes
			if ch.Bytes == 0 {
				delete(known, blockKey{ch.FileID, ch.Index})
			}
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		listen()
	}
	audit(t, c)
	// The evictor may be at work still.
	until(t, "what is known is what is there", func() bool {
		listen()
		there := map[blockKey]int64{}
		for b := range c.Blocks() {
			there[blockKey{b.FileID, b.Index}] = b.Bytes
		}
		return maps.Equal(there, known)
	})
}
