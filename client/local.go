package client

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"goosefs/wire/clusterpb"
)

const (
	localFor   = 5 * time.Second // how long a worker on this host may take to answer that it needs longer
	localLater = 3 * time.Second // how long bytes are waited for before a stream, which knows what is wrong, waits for them
	localPause = time.Second     // after a refusal, before it is asked about this file again
	extentsMax = 4096            // pieces that are known to be ready; then all are forgotten
)

// local is what workers on this host lent of one file: descriptors of what they cache of it, in which we read what they
// said is ready. Bytes that are ready stay, whatever becomes of the cache and the worker, until the descriptor is closed.
// All else is read by streams.
type local struct {
	mu struct {
		sync.Mutex
		lent    map[string]*lent // by the worker's address
		refused time.Time        // a worker would not, or could not
		closed  bool
	}
}

// lent is a descriptor from one worker. Its fields are guarded by the local's lock, but for reading from f.
type lent struct {
	f       *os.File
	id      uint64
	ready   extents
	readers int
	dropped bool // to be closed by the last reader
}

// readLocal reads into p from off, one byte at least, from what a worker on this host lends. 0 says that the bytes are to
// be got by a stream.
func (x *File) readLocal(ctx context.Context, p []byte, off int64) int {
	if !x.kept() || x.fs.cfg.NoShortCircuit {
		return 0
	}
	block := x.block(off)
	at, socket := x.fs.workers.here(block.Locations)
	if socket == "" {
		return 0
	}
	l, ahead := &x.local, x.wanted(off, int64(len(p)))
	p = p[:min(int64(len(p)), block.Offset+block.Length-off)]
	for end := time.Now().Add(localLater); time.Now().Before(end); {
		if n := l.take(at, p, off); n > 0 {
			return n
		}
		if !l.ask(ctx, x, at, socket, off, int64(len(p)), ahead) {
			return 0
		}
	}
	return 0
}

// take reads what is known to be ready.
func (l *local) take(at string, p []byte, off int64) int {
	l.mu.Lock()
	d := l.mu.lent[at]
	if d != nil {
		p = p[:min(int64(len(p)), d.ready.from(off))]
	}
	if d == nil || len(p) == 0 {
		l.mu.Unlock()
		return 0
	}
	d.readers++
	l.mu.Unlock()
	n, _ := d.f.ReadAt(p, off)
	l.mu.Lock()
	defer l.mu.Unlock()
	d.readers--
	if n < len(p) { // the file is not what the worker made it: nothing of it is to be trusted
		n = 0
		l.refuseLocked(at)
	}
	d.closeLocked()
	return n
}

// ask has the worker fetch what is missing, and tell what is ready. It is false if the bytes are to be got by a stream.
func (l *local) ask(ctx context.Context, x *File, at, socket string, off, n, ahead int64) bool {
	l.mu.Lock()
	if l.mu.closed || time.Since(l.mu.refused) < localPause {
		l.mu.Unlock()
		return false
	}
	req := &clusterpb.HandoutRequest{FileId: x.info.ID, Worker: at, Offset: off, Length: n, Ahead: ahead}
	if d := l.mu.lent[at]; d != nil {
		req.Lent = d.id
	}
	l.mu.Unlock()
	reply, file, err := x.fs.sockets.question(ctx, x.fs, socket, localFor, req)
	if err == nil && file != nil {
		err = checkSize(file, x.info)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && (reply.GetLater() || reply.GetReady() > 0) && !l.mu.closed:
		l.learnLocked(at, off, reply, file)
		return true
	case err == nil && reply.GetRefused() != "":
		err = errors.New(reply.GetRefused())
	}
	if err == nil && file != nil {
		file.Close()
	}
	if ctx.Err() == nil {
		x.fs.cfg.Log.Debug("not read from the worker's disk", "path", x.info.Path, "worker", at, "reason", err)
		l.refuseLocked(at)
	}
	return false
}

// learnLocked takes note of what a worker told, and takes over the file. What is ready in a descriptor that another
// question has replaced or lost meanwhile is asked for again.
func (l *local) learnLocked(at string, off int64, reply *clusterpb.HandoutReply, file *os.File) {
	d := l.mu.lent[at]
	switch {
	case file == nil:
	case d != nil && d.id == reply.GetLent(): // two asked at once
		file.Close()
	default:
		l.dropLocked(at)
		d = &lent{f: file, id: reply.GetLent()}
		if l.mu.lent == nil {
			l.mu.lent = make(map[string]*lent)
		}
		l.mu.lent[at] = d
	}
	if n := reply.GetReady(); n > 0 && d != nil && d.id == reply.GetLent() {
		d.ready = d.ready.with(off, off+n)
	}
}

// refuseLocked gives up on a worker for a while.
func (l *local) refuseLocked(at string) {
	l.mu.refused = time.Now()
	l.dropLocked(at)
}

func (l *local) dropLocked(at string) {
	if d := l.mu.lent[at]; d != nil {
		delete(l.mu.lent, at)
		d.dropped = true
		d.closeLocked()
	}
}

func (d *lent) closeLocked() {
	if d.dropped && d.readers == 0 && d.f != nil {
		d.f.Close()
		d.f = nil
	}
}

// close gives all descriptors back. Reads that run keep theirs until they end.
func (l *local) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.closed = true
	for at := range l.mu.lent {
		l.dropLocked(at)
	}
}

// extent is the range [off, end).
type extent struct{ off, end int64 }

// extents are ranges in order, apart from each other.
type extents []extent

// find is the first that ends at or behind off.
func (e extents) find(off int64) int {
	i, _ := slices.BinarySearchFunc(e, off, func(x extent, off int64) int {
		if x.end < off {
			return -1
		}
		return 1
	})
	return i
}

// from is how many bytes there are from off on.
func (e extents) from(off int64) int64 {
	i := e.find(off)
	if i < len(e) && e[i].end == off {
		i++
	}
	if i == len(e) || e[i].off > off {
		return 0
	}
	return e[i].end - off
}

// with adds a range.
func (e extents) with(off, end int64) extents {
	first := e.find(off)
	last := first
	for last < len(e) && e[last].off <= end {
		off, end = min(off, e[last].off), max(end, e[last].end)
		last++
	}
	if last == first && len(e) >= extentsMax {
		return extents{{off, end}}
	}
	return slices.Replace(e, first, last, extent{off, end})
}
