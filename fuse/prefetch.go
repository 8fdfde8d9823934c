package fuse

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"goosefs/client"
)

const (
	aheadAtOnce = 8
	aheadBytes  = 32 << 20         // loaded and not opened yet, at most
	aheadSize   = 1 << 20          // larger files are no small ones
	aheadFor    = 30 * time.Second // what is not opened by then was loaded in vain
	aheadWithin = 5 * time.Second  // a source that takes longer for a small file is sick
	aheadPause  = 30 * time.Second // after a failure
)

// loader is the ability of a [Tree] to have workers fetch a file.
type loader interface {
	Load(ctx context.Context, info client.Info, progress func(bytes int64)) error
}

// prefetcher has small files loaded into the cache before they are opened (Options.Prefetch), when those of a directory
// that was listed are opened as course.go says. The zero value does nothing.
type prefetcher struct {
	from loader // nil: nothing is loaded

	loads sync.WaitGroup
	mu    struct {
		sync.Mutex
		ahead   map[int64]loaded // by the file's id
		bytes   int64            // of ahead
		queue   []int64          // ids
		running int
		paused  time.Time // until then nothing is loaded
		ended   bool

		used, vain, vainBytes int64
	}
}

// loaded is a file that is loaded ahead, or about to be.
type loaded struct {
	info client.Info
	at   time.Time
}

func newPrefetcher(tree Tree, on bool) *prefetcher {
	p := &prefetcher{}
	if l, ok := tree.(loader); ok && on {
		p.from = l
		p.mu.ahead = make(map[int64]loaded)
	}
	return p
}

// listed takes note of the names of a directory, in their order.
func (p *prefetcher) listed(dir *dirNode, names []string) {
	if p.from == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	dir.names, dir.course = names, course{}
}

// opened is told of each file that is opened, and loads what is likely to be next.
func (p *prefetcher) opened(n *fileNode) {
	if p.from == nil {
		return
	}
	at, id := n.place(), n.version().ID
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ageLocked(time.Now())
	if _, ok := p.mu.ahead[id]; ok {
		p.mu.used++
		p.dropLocked(id)
	}
	n.opened = true
	if at.dir == nil { // its name is gone
		return
	}
	dir, ok := at.dir.EmbeddedInode().Operations().(*dirNode)
	if !ok || p.mu.ended || time.Now().Before(p.mu.paused) || !worthwhile(p.mu.used, p.mu.vain) {
		return
	}
	i, found := slices.BinarySearch(dir.names, at.name)
	if !found {
		return
	}
	first, end := dir.course.opened(i, len(dir.names))
	for k := first; k < end; k++ {
		if !p.addLocked(dir, dir.names[k]) {
			dir.course.stopped(k)
			break
		}
	}
}

// version is what the node stands for.
func (n *fileNode) version() client.Info {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.info
}

// unread is what is known of a file of the directory, if it is a small one that was not opened yet, as far as this mount
// remembers. The kernel need not know it: of a longer listing it asks for names only.
func (n *dirNode) unread(name string) (info client.Info, found bool) {
	if in := n.GetChild(name); in != nil {
		f, ok := in.Operations().(*fileNode)
		if !ok || f.opened {
			return client.Info{}, false
		}
		info = f.version()
	} else if e := n.listingOf(); e != nil {
		info, found = e.list.find(name)
		if !found || info.Dir || info.Symlink != "" {
			return client.Info{}, false
		}
	}
	return info, info.ReadPolicy.Keeps() && info.Percent < 100 && 0 < info.Length && info.Length <= aheadSize
}

// addLocked has a file loaded, if it makes sense. It is false if no more may be loaded now.
func (p *prefetcher) addLocked(dir *dirNode, name string) bool {
	info, found := dir.unread(name)
	if _, known := p.mu.ahead[info.ID]; known || !found {
		return true
	}
	if p.mu.bytes+info.Length > aheadBytes {
		return false
	}
	p.mu.ahead[info.ID] = loaded{info, time.Now()}
	p.mu.bytes += info.Length
	if p.mu.queue = append(p.mu.queue, info.ID); p.mu.running < aheadAtOnce {
		p.mu.running++
		p.loads.Go(func() { p.run(dir.m.serving, dir.m.log) })
	}
	return true
}

// run loads what is queued, one file after the other.
func (p *prefetcher) run(ctx context.Context, log *slog.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.mu.queue) > 0 && !p.mu.ended {
		id := p.mu.queue[0]
		p.mu.queue = p.mu.queue[1:]
		one, wanted := p.mu.ahead[id]
		if !wanted { // its reader was faster
			continue
		}
		p.mu.Unlock()
		within, cancel := context.WithTimeout(ctx, aheadWithin)
		err := p.from.Load(within, one.info, nil)
		cancel()
		p.mu.Lock()
		if err != nil {
			log.Debug("not loaded ahead", "path", one.info.Path, "err", err)
			p.dropLocked(id)
			p.pauseLocked()
		}
	}
	p.mu.running--
}

// failed is told of reads that failed: the source may be sick.
func (p *prefetcher) failed() {
	if p.from == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pauseLocked()
}

// pauseLocked loads nothing for a while, and gives up what is queued.
func (p *prefetcher) pauseLocked() {
	p.mu.paused = time.Now().Add(aheadPause)
	for _, id := range p.mu.queue {
		p.dropLocked(id)
	}
	p.mu.queue = nil
}

func (p *prefetcher) dropLocked(id int64) {
	if one, ok := p.mu.ahead[id]; ok {
		delete(p.mu.ahead, id)
		p.mu.bytes -= one.info.Length
	}
}

// ageLocked gives up waiting for files to be opened.
func (p *prefetcher) ageLocked(now time.Time) {
	for id, one := range p.mu.ahead {
		if now.Sub(one.at) > aheadFor {
			p.mu.vain++
			p.mu.vainBytes += one.info.Length
			p.dropLocked(id)
		}
	}
}

// counts are the files that were loaded ahead and then opened, and those loaded in vain.
func (p *prefetcher) counts() (used, vain, vainBytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ageLocked(time.Now())
	return p.mu.used, p.mu.vain, p.mu.vainBytes
}

// end waits for what is being loaded; the mount's context has ended.
func (p *prefetcher) end() {
	p.mu.Lock()
	p.mu.ended = true
	p.mu.Unlock()
	p.loads.Wait()
}
