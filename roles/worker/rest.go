package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"goosefs/blockcache"
)

const (
	restsWaiting = 64   // files; who asks for more is refused
	restsAtOnce  = 2    // files, a segment of each
	restsShare   = 0.25 // of a cache directory, at most, that a file may take to be fetched for nobody in particular
	restsWait    = 10   // times tightFor, for a cache that refuses bytes
	restsTries   = 30   // a second apart, until a file is verified

	restsYield  = 100 * time.Millisecond // before a segment, while something else is being fetched
	restsYields = 10                     // then it is fetched all the same
)

// rests fetches what is missing of files whose readers on this host went on long enough to want the next open to be
// direct. It is done in the background, a segment at a time and while nothing else is fetched, or at a segment a second; it is given
// up when the cache is short of room or its disk stays behind.
type rests struct {
	worker *Worker
	next   chan int64
	mu     struct {
		sync.Mutex
		waiting map[int64]bool // or under way
	}
}

// startRests begins to wait for files.
func (w *Worker) startRests() *rests {
	r := &rests{worker: w, next: make(chan int64, restsWaiting)}
	r.mu.waiting = make(map[int64]bool)
	for range restsAtOnce {
		w.wg.Go(r.run)
	}
	return r
}

// add has the rest of a file fetched, if there is not too much to do already.
func (r *rests) add(file int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.waiting[file] {
		return true
	}
	select {
	case r.next <- file:
		r.mu.waiting[file] = true
		return true
	default:
		return false
	}
}

func (r *rests) remove(file int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.waiting, file)
}

func (r *rests) run() {
	w := r.worker
	for {
		select {
		case <-w.ctx.Done():
			return
		case file := <-r.next:
			n, err := r.fetch(w.ctx, file)
			r.remove(file)
			if err != nil && w.ctx.Err() == nil {
				w.log.Debug("the rest of a file was not fetched", "file", file, "err", err)
			}
			if n > 0 {
				w.reports.hurry()
			}
		}
	}
}

// fetch brings what is missing of a file, also what turns out to be damaged when the cache verifies it. It tells how many
// bytes were.
func (r *rests) fetch(ctx context.Context, file int64) (bytes int64, err error) {
	x, err := r.worker.open(ctx, file&^blockMask, true)
	if err != nil {
		return 0, err
	}
	defer x.cached.Release()
	if x.cached.Share() > restsShare {
		return 0, errLarge
	}
	for tries := 0; tries < restsTries && ctx.Err() == nil; tries++ {
		n, err := r.fetchOnce(ctx, x)
		bytes += n
		if err != nil {
			return bytes, err
		}
		f, err := r.worker.cache.Handout(file)
		switch {
		case err == nil:
			return bytes, f.Close()
		case errors.Is(err, blockcache.ErrUnverified):
			pause(ctx, time.Second)
		case !errors.Is(err, blockcache.ErrPartial):
			return bytes, err
		}
	}
	return bytes, ctx.Err()
}

// fetchOnce brings what is known to be missing.
func (r *rests) fetchOnce(ctx context.Context, x *file) (bytes int64, err error) {
	fills := r.worker.fills
	for off := int64(0); off < x.info.Length; {
		n := min(fills.segment, x.info.Length-off)
		gaps := x.cached.Missing(off, n)
		off += n
		if len(gaps) == 0 {
			continue
		}
		for yields := 0; yields < restsYields && fills.busy() && ctx.Err() == nil; yields++ {
			pause(ctx, restsYield)
		}
		for tries := 0; fills.tight(); tries++ {
			if tries == restsWait || ctx.Err() != nil {
				return bytes, errTight
			}
			pause(ctx, tightFor)
		}
		if err := fills.ensure(ctx, x, gaps[0].Off, off-gaps[0].Off); err != nil {
			return bytes, err
		}
		for _, gap := range gaps {
			bytes += gap.Len
		}
	}
	return bytes, nil
}
