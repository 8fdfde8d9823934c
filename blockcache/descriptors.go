package blockcache

import (
	"container/list"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// descriptors keeps the pairs of files open that were used last.
type descriptors struct {
	open opener
	max  int // pairs

	mu struct {
		sync.Mutex
		pairs map[*body]*pair
		lru   *list.List // of *pair, last used in front
		// open counts the pairs of each body that are open: in the map, in use by
		// somebody, or about to be closed. As long as one is, an unlinked file keeps
		// its space.
		open map[*body]int
		then map[*body]func() // to be called when the last of a body's is closed
	}
}

// pair is a body's two files, open. They are closed when the pair is stale (no
// longer in the map) and the last user has released it.
type pair struct {
	data, index diskFile
	body        *body
	refs        int           // descriptors.mu
	place       *list.Element // descriptors.mu; nil when stale
}

func newDescriptors(open opener, files int) *descriptors {
	d := &descriptors{open: open, max: max(1, files/2)}
	d.mu.pairs = map[*body]*pair{}
	d.mu.lru = list.New()
	d.mu.open, d.mu.then = map[*body]int{}, map[*body]func(){}
	return d
}

// get returns the body's pair; the caller releases it. It fails with ENOENT if
// the body is gone and its files are closed.
func (d *descriptors) get(b *body) (*pair, error) {
	if p := d.cached(b); p != nil {
		return p, nil
	}
	b.entry.names.Lock()
	defer b.entry.names.Unlock()
	return d.getNamed(b)
}

// getNamed is get for a caller that holds entry.names.
func (d *descriptors) getNamed(b *body) (*pair, error) {
	if p := d.cached(b); p != nil {
		return p, nil
	}
	id := b.entry.info.ID
	b.entry.mu.Lock()
	gone := b.gone
	b.entry.mu.Unlock()
	if gone {
		return nil, &fs.PathError{Op: "open", Path: b.dir.dataPath(id), Err: syscall.ENOENT}
	}
	data, err := d.open(b.dir.dataPath(id), os.O_RDWR)
	if err != nil {
		return nil, err
	}
	index, err := d.open(b.dir.indexPath(id), os.O_RDWR)
	if err != nil {
		_ = data.Close()
		return nil, err
	}
	return d.add(b, data, index), nil
}

// dataNamed is getNamed for a caller that needs the data file only, for as long as it holds entry.names: the index is not
// opened for it, and nothing is kept open. Of many small files each is opened once, as a rule, and each open of a file
// that the kernel does not know costs a read of the disk.
func (d *descriptors) dataNamed(b *body) (p *pair, release func(), err error) {
	if p := d.cached(b); p != nil {
		return p, func() { d.release(p) }, nil
	}
	data, err := d.open(b.dir.dataPath(b.entry.info.ID), os.O_RDWR)
	if err != nil {
		return nil, nil, err
	}
	return &pair{data: data, body: b}, func() { _ = data.Close() }, nil
}

func (d *descriptors) cached(b *body) *pair {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.mu.pairs[b]
	if p != nil {
		p.refs++
		d.mu.lru.MoveToFront(p.place)
	}
	return p
}

// add takes over a pair that was just opened under entry.names and returns it
// as get does.
func (d *descriptors) add(b *body, data, index diskFile) *pair {
	p := &pair{data: data, index: index, body: b, refs: 1}
	d.mu.Lock()
	p.place = d.mu.lru.PushFront(p)
	d.mu.pairs[b] = p
	d.mu.open[b]++
	idle := d.trimLocked(d.max)
	d.mu.Unlock()
	d.close(idle...)
	return p
}

// trimLocked takes idle pairs out, longest unused first, until at most max are
// left; those in use may make it more for a while.
func (d *descriptors) trimLocked(max int) (idle []*pair) {
	for e := d.mu.lru.Back(); e != nil && d.mu.lru.Len() > max; {
		p := e.Value.(*pair)
		e = e.Prev()
		if p.refs == 0 {
			d.dropLocked(p)
			idle = append(idle, p)
		}
	}
	return idle
}

func (d *descriptors) dropLocked(p *pair) {
	d.mu.lru.Remove(p.place)
	p.place = nil
	delete(d.mu.pairs, p.body)
}

// release ends a use that began with get.
func (d *descriptors) release(p *pair) {
	d.mu.Lock()
	p.refs--
	var idle []*pair
	switch {
	case p.refs > 0:
	case p.place == nil:
		idle = []*pair{p}
	default:
		idle = d.trimLocked(d.max)
	}
	d.mu.Unlock()
	d.close(idle...)
}

// forget makes the body's pair stale.
func (d *descriptors) forget(b *body) {
	d.mu.Lock()
	p := d.mu.pairs[b]
	var idle []*pair
	if p != nil {
		d.dropLocked(p)
		if p.refs == 0 {
			idle = []*pair{p}
		}
	}
	d.mu.Unlock()
	d.close(idle...)
}

// whenClosed calls do, once, when none of the body's files is open any more:
// others may use them for a moment yet, or be about to close them. do takes no
// lock but a directory's.
func (d *descriptors) whenClosed(b *body, do func()) {
	d.mu.Lock()
	waits := d.mu.open[b] > 0
	if waits {
		d.mu.then[b] = do
	}
	d.mu.Unlock()
	if !waits {
		do()
	}
}

// closeIdle closes every pair that nobody uses.
func (d *descriptors) closeIdle() {
	d.mu.Lock()
	idle := d.trimLocked(0)
	d.mu.Unlock()
	d.close(idle...)
}

// close closes pairs that nobody uses and nobody can find any more. It loses
// errors: nothing is synced, so a close has nothing to report that a checksum
// will not.
func (d *descriptors) close(pairs ...*pair) {
	if len(pairs) == 0 {
		return
	}
	for _, p := range pairs {
		_ = p.data.Close()
		_ = p.index.Close()
	}
	var after []func()
	d.mu.Lock()
	for _, p := range pairs {
		if d.mu.open[p.body]--; d.mu.open[p.body] > 0 {
			continue
		}
		delete(d.mu.open, p.body)
		if do := d.mu.then[p.body]; do != nil {
			delete(d.mu.then, p.body)
			after = append(after, do)
		}
	}
	d.mu.Unlock()
	for _, do := range after {
		do()
	}
}
