package client

import (
	"io/fs"
	"syscall"
	"testing"

	"goosefs/wire/pb"
)

// Who reads far enough in order, of a file that one worker on this host could hold, makes the rest of it wanted.
func TestRestIsWanted(t *testing.T) {
	const mib = 1 << 20
	on := func(workers ...int64) (blocks []Block) {
		for _, w := range workers {
			blocks = append(blocks, Block{Locations: []Location{{WorkerID: w}, {WorkerID: 9, Tier: "SSD"}}})
		}
		return blocks
	}
	inOrder := func(bytes int64) func(w *window) {
		return func(w *window) {
			for off := int64(0); off < bytes; off += 128 << 10 {
				w.read(off, 128<<10)
			}
		}
	}
	hereAndThere := func(w *window) {
		for i := range int64(200) {
			w.read(i*37%80*mib, 128<<10)
		}
	}
	partial := &refusal{worker: 1, partial: true}
	for _, story := range []struct {
		name   string
		length int64
		blocks []Block
		told   error
		read   func(*window)
		change func(*Config)
		wanted bool
		policy ReadPolicy // of the file's namespace
	}{
		{name: "a quarter of it", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(4 * mib), wanted: true},
		{name: "less", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(3 * mib)},
		{name: "8 MiB of a large one", length: 1 << 40, blocks: on(1, 1), told: partial, read: inOrder(8 * mib), wanted: true},
		{name: "here and there", length: 80 * mib, blocks: on(1), told: partial, read: hereAndThere},
		{name: "read without reading ahead", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(4 * mib), wanted: true,
			change: func(c *Config) { c.ReadAhead = -1 }},
		{name: "it would not be direct for another reason", length: 16 * mib, blocks: on(1), told: &refusal{worker: 1}, read: inOrder(16 * mib)},
		{name: "nobody was asked", length: 16 * mib, blocks: on(1), read: inOrder(16 * mib)},
		{name: "spread over workers", length: 16 * mib, blocks: on(1, 2), told: partial, read: inOrder(16 * mib)},
		{name: "its owner is on another host, with a socket of the same path", length: 16 * mib, blocks: on(2), told: partial, read: inOrder(16 * mib)},
		{name: "turned off", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(16 * mib), change: func(c *Config) { c.NoFill = true }},
		{name: "not to be cached", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(16 * mib), change: func(c *Config) { c.NoCache = true }},
		{name: "in a namespace that keeps nothing", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(16 * mib), policy: NoCache},
		{name: "in one that keeps it, against the property", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(16 * mib), policy: Cache, wanted: true,
			change: func(c *Config) { c.NoCache = true }},
		{name: "in one that keeps it, against what was named", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(16 * mib), policy: Cache,
			change: func(c *Config) { c.Reads = NoCache }},
		{name: "in one that keeps nothing, against what was named", length: 16 * mib, blocks: on(1), told: partial, read: inOrder(16 * mib), policy: NoCache, wanted: true,
			change: func(c *Config) { c.Reads = CachePromote }},
	} {
		t.Run(story.name, func(t *testing.T) {
			p := newPlay(t, 1, 0)
			if story.change == nil {
				story.change = func(*Config) {}
			}
			x := p.client(story.change).OpenInfo(Info{ID: 1<<24 | blockMask, Length: story.length, ReadPolicy: story.policy, Blocks: story.blocks})
			if story.told != nil {
				x.refused(story.told)
			}
			story.read(&x.mu.window)
			if _, wanted := x.wantsRestLocked(); wanted != story.wanted {
				t.Errorf("wanted is %v, after %d bytes in order", wanted, x.mu.most)
			}
		})
	}
}

// Two workers on this host hold something of a file. The rest is wanted of the one that holds most, even if that has yet to
// verify what it holds: the other would fetch anew what is here.
func TestRestIsWantedOfWhoHoldsMost(t *testing.T) {
	p := newPlay(t, 1, 0)
	all := Location{WorkerID: 1, Tier: "HDD"}
	part := Location{WorkerID: 2, Tier: "HDD"}
	x := p.client().OpenInfo(Info{ID: 1<<24 | blockMask, Length: 16 << 20, Blocks: []Block{{Locations: []Location{all, part}}}})
	for _, at := range []Location{all, part} {
		x.refused(&refusal{worker: at.WorkerID, partial: true})
	}
	for off := int64(0); off < 16<<20; off += 128 << 10 {
		x.mu.window.read(off, 128<<10)
	}
	if from, wanted := x.wantsRestLocked(); !wanted || from.worker != all.WorkerID {
		t.Errorf("%v, of %+v", wanted, from)
	}
}

// A worker that has no room says so. No other is asked then: what it holds would not be looked for there.
func TestLoadWithoutRoom(t *testing.T) {
	p := newPlay(t, 1, 2)
	f := p.client()
	_, x := p.file(f, 1<<20)
	for _, w := range p.workers {
		w.set(func(w *prompter) {
			w.mu.load = func(*pb.SyncCacheRequest) error {
				return &fs.PathError{Op: "read", Path: "/f", Err: syscall.ENOSPC}
			}
		})
	}
	if err := f.Load(t.Context(), x.Info(), nil); errnoOf(err) != syscall.ENOSPC {
		t.Error(err)
	}
	if n := len(p.workers[0].did()) + len(p.workers[1].did()); n != 1 {
		t.Errorf("%d workers were asked", n)
	}
}
