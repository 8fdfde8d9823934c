package blockcache

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errReplaced says that others put a file of their own in the place of ours, or cut ours off.
var errReplaced = errors.New("not the file that was written")

// Handout opens the data file of a file that is cached whole, for reading by others, the kernel among them, who do not
// ask us again. The descriptor carries a shared flock, which lives as long as any copy of it: so long the file is not
// evicted, and if it is dropped the holder keeps its bytes. The caller closes it.
//
// ErrMiss, ErrPartial, ErrUnverified and ErrTooMany say why not; what is not verified will be, in the background.
func (c *Cache) Handout(id int64) (*os.File, error) {
	c.running.RLock()
	defer c.running.RUnlock()
	e := c.lookup(id)
	if e == nil || c.closed {
		return nil, ErrMiss
	}
	e.mu.Lock()
	b := e.mu.body
	e.mu.Unlock()
	if b == nil {
		return nil, ErrMiss
	}
	f, err := c.handout(b)
	switch err {
	case nil:
		c.touchAll(b)
	case ErrMiss, ErrPartial, ErrTooMany:
	case ErrUnverified:
		c.doubts.add(id)
	default:
		c.openFailed(b, err)
		err = ErrMiss
	}
	return f, err
}

// touchAll ranks all blocks of a body: its readers will not be seen.
func (c *Cache) touchAll(b *body) {
	b.entry.mu.Lock()
	blocks := slices.SortedFunc(maps.Values(b.blocks), func(x, y *block) int { return cmp.Compare(x.index, y.index) })
	b.entry.mu.Unlock()
	for _, k := range blocks {
		b.dir.touch(k, c.touches.Add(1))
	}
}

// handout holds entry.names: nothing is punched or unlinked while the descriptor gets its lock.
func (c *Cache) handout(b *body) (*os.File, error) {
	b.entry.names.Lock()
	defer b.entry.names.Unlock()
	if err := b.presentable(); err != nil {
		return nil, err
	}
	files, err := c.fds.getNamed(b)
	if err != nil {
		return nil, err
	}
	defer c.fds.release(files)
	return c.lend(b, files, b.untouched)
}

// lend opens the data file once more, if that is the one that files holds and passes a check of its own, and locks it.
// The caller holds entry.names.
func (c *Cache) lend(b *body, files *pair, passes func(diskState) bool) (*os.File, error) {
	ours, err := files.data.stat()
	if err != nil {
		return nil, err
	}
	path := b.dir.dataPath(b.entry.info.ID)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	theirs, err := osFile{f}.stat()
	switch {
	case err != nil:
	case theirs.dev != ours.dev || theirs.ino != ours.ino || theirs.size != b.entry.info.Length:
		err = errReplaced
	case !passes(theirs):
		err = ErrUnverified
	default:
		err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	}
	if err == nil {
		err = c.held.add(b)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// presentable says why a body cannot be handed out as far as memory knows.
func (b *body) presentable() error {
	b.entry.mu.Lock()
	defer b.entry.mu.Unlock()
	switch info := b.entry.info; {
	case b.gone:
		return ErrMiss
	case b.trusted == info.chunks():
		return nil
	case b.bytesLocked() == info.Length:
		return ErrUnverified
	}
	return ErrPartial
}

// untouched says whether nobody but us changed the data file. If somebody did, nothing of it is trusted any more.
func (b *body) untouched(now diskState) bool {
	b.entry.mu.Lock()
	defer b.entry.mu.Unlock()
	return b.untouchedLocked(now)
}

func (b *body) untouchedLocked(now diskState) bool {
	if now.changed == b.written {
		return true
	}
	b.written = now.changed
	b.distrustLocked()
	return false
}

// lookLocked distrusts what is there if others wrote to the data file. That can be told only while we do not. A file of
// another length is errReplaced: it is not mended, for those who hold it would take the mended bytes for right.
func (b *body) lookLocked(files *pair) error {
	if b.writing > 0 {
		return nil
	}
	now, err := files.data.stat()
	switch {
	case err != nil:
		return err
	case now.size != b.entry.info.Length:
		return errReplaced
	}
	b.untouchedLocked(now)
	return nil
}

// heldFiles are the bodies that were handed out, each with a descriptor of its own to find out by if it still is held.
type heldFiles struct {
	open opener
	max  int

	mu struct {
		sync.Mutex
		probes map[*body]diskFile
		bytes  map[*dir]int64 // what may be cached of them
		looked time.Time      // by lookAgain
	}
}

func newHeldFiles(open opener, max int) *heldFiles {
	h := &heldFiles{open: open, max: max}
	h.mu.probes, h.mu.bytes = map[*body]diskFile{}, map[*dir]int64{}
	return h
}

// add notes that a body is about to be handed out. The caller holds entry.names.
func (h *heldFiles) add(b *body) error {
	h.mu.Lock()
	known, n := h.mu.probes[b] != nil, len(h.mu.probes)
	h.mu.Unlock()
	switch {
	case known:
		return nil
	case n >= h.max:
		h.lookAgain()
		h.mu.Lock()
		n = len(h.mu.probes)
		h.mu.Unlock()
		if n >= h.max {
			return ErrTooMany
		}
	}
	probe, err := h.open(b.dir.dataPath(b.entry.info.ID), os.O_RDONLY)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.probes[b] = probe
	h.mu.bytes[b.dir] += whole(b.entry.info)
	b.held.Store(true)
	return nil
}

// lookPause is how long lookAgain leaves those alone who are asked in vain.
const lookPause = 20 * time.Millisecond

// lookAgain looks before its time: small files are opened and closed by the thousand in a second, and those that were
// given back should be in nobody's way. It is false if it did so just now.
func (h *heldFiles) lookAgain() bool {
	h.mu.Lock()
	now := time.Now()
	soon := now.Sub(h.mu.looked) < lookPause
	if !soon {
		h.mu.looked = now
	}
	h.mu.Unlock()
	if !soon {
		h.look() // what it finds changed is found again when the evictor looks
	}
	return !soon
}

// forgetLocked takes a body out.
func (h *heldFiles) forgetLocked(b *body, probe diskFile) {
	_ = probe.Close() // unlocks
	delete(h.mu.probes, b)
	h.mu.bytes[b.dir] -= whole(b.entry.info)
}

// look forgets the bodies that nobody holds any more. It returns those that others have changed under their holders.
func (h *heldFiles) look() (disturbed []*body) {
	h.mu.Lock()
	bodies := make([]*body, 0, len(h.mu.probes))
	for b := range h.mu.probes {
		bodies = append(bodies, b)
	}
	h.mu.Unlock()
	for _, b := range bodies {
		if h.lookAt(b) {
			disturbed = append(disturbed, b)
		}
	}
	return disturbed
}

// lookAt leaves a body for the next time whose names are busy: its lock, if we took it, would be in the way of the
// evictor, or of one who is just being given the file.
func (h *heldFiles) lookAt(b *body) (disturbed bool) {
	if !b.entry.names.TryLock() {
		return false
	}
	defer b.entry.names.Unlock()
	b.entry.mu.Lock()
	gone, written, trusted := b.gone, b.written, b.trusted == b.entry.info.chunks()
	b.entry.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	probe := h.mu.probes[b]
	if probe == nil { // two looked
		return
	}
	if !gone && !probe.lockAlone() { // who holds an unlinked file is told by its witness
		now, err := probe.stat()
		return trusted && err == nil && now.changed != written // what we write is not trusted before its time is known
	}
	h.forgetLocked(b, probe)
	b.held.Store(false)
	return false
}

// disturbed does what is left to do about a file that others changed while it was read directly: to find out what is
// wrong in it before it is handed out again, and to say so. Who holds it sees what the disk holds.
func (c *Cache) disturbed(b *body) {
	info := b.entry.info
	c.log.Warn("others changed a cached file while it is read directly; it is verified, and its readers should open it again",
		"path", b.dir.dataPath(info.ID))
	f, err := c.Handout(info.ID)
	if err == nil { // it was dropped and came back meanwhile
		_ = f.Close()
	}
}

// drop forgets a body that is gone: who still holds it is told by its witness.
func (h *heldFiles) drop(b *body) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if probe := h.mu.probes[b]; probe != nil {
		h.forgetLocked(b, probe)
	}
}

func (h *heldFiles) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for b, probe := range h.mu.probes {
		h.forgetLocked(b, probe)
	}
}
