package master

import (
	"testing"
	"time"
)

// Who holds most of a file persists it, unless he has enough to do.
func TestChoosePersister(t *testing.T) {
	live := map[int64]bool{1: true, 2: true, 3: true}
	for name, c := range map[string]struct {
		held map[int64]int64
		live map[int64]bool
		busy map[int64]int
		want int64
	}{
		"nobody lives":                     {nil, nil, nil, 0},
		"nobody holds any":                 {nil, live, nil, 1},
		"nobody holds any, some are busy":  {nil, live, map[int64]int{1: 2, 2: 1, 3: 2}, 2},
		"one holds most":                   {map[int64]int64{2: 5, 3: 9}, live, nil, 3},
		"one holds most and is busy":       {map[int64]int64{2: 5, 3: 9}, live, map[int64]int{3: persistEach}, 2},
		"one holds most and does not live": {map[int64]int64{2: 5, 9: 9}, live, nil, 2},
		"all are busy":                     {nil, live, map[int64]int{1: persistEach, 2: persistEach, 3: persistEach}, 0},
	} {
		if got := choosePersister(c.held, c.live, c.busy); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestWholeChunks(t *testing.T) {
	for _, c := range []struct{ wanted, otherwise, want int64 }{
		{0, 64 << 20, 64 << 20}, {1, 64 << 20, 64 << 10}, {64 << 10, 1, 64 << 10}, {64<<10 + 1, 1, 128 << 10},
		{-1, 64 << 20, -1}, {0, 0, 0}, {maxBlock, 0, maxBlock}, {maxBlock + 1, 0, maxBlock + 1},
	} {
		if got := wholeChunks(c.wanted, c.otherwise); got != c.want {
			t.Errorf("%d, or %d: %d, want %d", c.wanted, c.otherwise, got, c.want)
		}
	}
}

func TestBlockLength(t *testing.T) {
	for i, want := range map[int64]int64{0: 100, 1: 100, 2: 50, 3: 0, 99: 0} {
		if got := blockLength(i, 100, 250); got != want {
			t.Errorf("block %d: %d, want %d", i, got, want)
		}
	}
}

// Whoever asks for a file that failed before has it tried again when he says, not when its turn would come.
func TestAskedAgain(t *testing.T) {
	p := newPersister(&Master{now: time.Now})
	p.mu.jobs[1] = &persistJob{tries: 5, next: p.now().Add(time.Hour)}
	p.postpone(1, time.Second)
	if wait := p.mu.jobs[1].next.Sub(p.now()); wait > time.Second {
		t.Errorf("it waits for %v", wait)
	}
}
