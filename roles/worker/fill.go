package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"

	"golang.org/x/sync/semaphore"
)

const (
	heartbeat   = 5 * time.Second  // how often a reader who waits for a slow source is told that all is well here
	lingerFor   = 5 * time.Second  // how long bytes that the cache refused wait for their readers
	forsakenFor = 30 * time.Second // how long a flight goes on while nobody waits for it
	tightFor    = time.Second      // after the cache refused bytes, none are fetched ahead
)

// fills fetches what the cache misses. A flight fetches one range of one file; whoever wants bytes of it while it is
// up gets them from it as they come in, and the cache gets them too. A slow or full disk keeps nobody waiting: then the
// bytes are served, stay in memory for a moment, and are dropped.
type fills struct {
	ctx      context.Context // ends all flights; replaced by restart
	cancel   context.CancelFunc
	cache    *blockcache.Cache
	sources  *sources
	patience time.Duration // for a silent source
	log      *slog.Logger
	budget

	fetching *semaphore.Weighted // bytes
	keeping  *semaphore.Weighted // bytes that wait for a disk
	buffers  chan []byte         // segment long, to be used again: what the collector takes would have to be cleared anew
	wg       sync.WaitGroup      // flights

	counts  *counts
	refused atomic.Int64 // when the cache last refused bytes, Unix nanoseconds

	mu struct {
		sync.Mutex
		flights   map[int64][]*flight // by file id
		lingering []*flight           // those that have landed whole but were not kept, oldest first
		bytes     int64               // of them
		stopped   bool                // no flight starts
	}
}

// budget is how much memory fills may take, in bytes.
type budget struct {
	segment int64 // one flight, at most; whole chunks
	share   int64 // what is being fetched of one mount; a flight where starting is dear
	all     int64 // what is being fetched; what is being kept, which may wait for a disk when it has come
	lingers int64 // what was not kept and may be wanted yet
}

func newBudget(o Options) budget {
	segment := (o.FillRange + chunk - 1) / chunk * chunk
	all := segment * int64(o.FillConcurrency)
	return budget{segment: segment, share: max(segment, all/2), all: all, lingers: max(segment, all/4)}
}

func newFills(ctx context.Context, counts *counts, sources *sources, o Options) *fills {
	b := newBudget(o)
	f := &fills{
		cache: counts.cache, counts: counts, sources: sources, patience: o.UFSWait, log: o.Log, budget: b,
		fetching: semaphore.NewWeighted(b.all), keeping: semaphore.NewWeighted(b.all),
	}
	f.buffers = make(chan []byte, b.share/b.segment)
	f.ctx, f.cancel = context.WithCancel(ctx)
	f.mu.flights = make(map[int64][]*flight)
	return f
}

// stop ends all flights, and returns when they have landed. No other starts.
func (f *fills) stop() {
	f.mu.Lock()
	f.mu.stopped = true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
}

// restart does something while nothing is under way or remembered.
func (f *fills) restart(ctx context.Context, do func() error) error {
	f.stop()
	f.mu.Lock()
	old := slices.Clone(f.mu.lingering)
	f.mu.Unlock()
	for _, fl := range old {
		f.drop(fl)
	}
	err := do()
	f.ctx, f.cancel = context.WithCancel(ctx)
	f.mu.Lock()
	f.mu.stopped = ctx.Err() != nil
	f.mu.Unlock()
	return err
}

// tight says that the cache refused bytes lately. What is fetched ahead then would be thrown away.
func (f *fills) tight() bool {
	return time.Since(time.Unix(0, f.refused.Load())) < tightFor
}

// busy says that something is being fetched.
func (f *fills) busy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, flights := range f.mu.flights {
		for _, fl := range flights {
			select {
			case <-fl.landed:
			default:
				return true
			}
		}
	}
	return false
}

// read gives bytes of the file from w.off, at least one and at most len(p): from the cache or, as they come in, from
// the source. While it waits for that, it calls beat every so often, and ends if that fails.
func (f *fills) read(ctx context.Context, x *file, p []byte, w want, beat func() error) (n int, fromCache bool, err error) {
	for {
		n, err = x.cached.ReadAt(p, w.off)
		if n > 0 {
			return n, true, nil
		}
		if !errors.Is(err, blockcache.ErrMiss) {
			return 0, true, err
		}
		src, err := f.sources.ofFile(ctx, x)
		if err != nil {
			return 0, false, err
		}
		fl := f.join(src, x, w)
		if fl == nil {
			continue // it has just been kept
		}
		n, err = fl.read(ctx, p, w.off, beat)
		f.release(fl)
		if err == errForsaken {
			continue
		}
		return n, false, err
	}
}

// prepare gets what is missing of a range under way, and does not wait for it.
func (f *fills) prepare(ctx context.Context, x *file, off, n int64) error {
	gaps := x.cached.Missing(off, n)
	if len(gaps) == 0 {
		return nil
	}
	src, err := f.sources.ofFile(ctx, x)
	if err != nil {
		return err
	}
	for _, gap := range gaps {
		for at := gap.Off; at < gap.Off+gap.Len; {
			fl := f.join(src, x, want{off: at, n: gap.Off + gap.Len - at})
			if fl == nil {
				at = at/chunk*chunk + chunk
				continue
			}
			at = fl.end
			f.release(fl)
		}
	}
	return nil
}

// ensure fetches what of a range is missing, and returns when it is in the cache. What the cache refuses it is offered
// again a few times, then that is an error, see insist.
func (f *fills) ensure(ctx context.Context, x *file, off, n int64) error {
	for end := off + n; off < end; {
		step := min(end-off, runway*f.segment)
		if err := f.prepare(ctx, x, off, step); err != nil {
			return err
		}
		gaps := x.cached.Missing(off, step)
		if len(gaps) == 0 {
			off += step
			continue
		}
		src, err := f.sources.ofFile(ctx, x)
		if err != nil {
			return err
		}
		fl := f.join(src, x, want{off: gaps[0].Off, n: gaps[0].Len})
		if fl == nil {
			continue
		}
		if err = fl.land(ctx); err == nil {
			err = f.insist(ctx, src, x, fl)
		}
		f.release(fl)
		switch {
		case err == errForsaken:
			continue
		case err != nil:
			return err
		}
		off = fl.end
	}
	return nil
}

// bring has a range brought into the cache, gets what will be wanted of the bytes behind it under way, and returns when
// the range is there. errNotKept says that the cache refused it.
func (f *fills) bring(ctx context.Context, x *file, off, n, ahead int64) error {
	for {
		under := n
		if !f.tight() {
			under += f.reach(x, off+n, ahead)
		}
		if err := f.prepare(ctx, x, off, under); err != nil {
			return err
		}
		gaps := x.cached.Missing(off, n)
		if len(gaps) == 0 {
			return nil
		}
		src, err := f.sources.ofFile(ctx, x)
		if err != nil {
			return err
		}
		gap := gaps[len(gaps)-1]
		fl := f.join(src, x, want{off: gap.Off + gap.Len - 1, n: 1})
		if fl == nil {
			continue
		}
		err = fl.settle(ctx, min(off+n, fl.end)-fl.off)
		f.release(fl)
		if err != nil && err != errForsaken {
			return err
		}
	}
}

// aheadMost is how many bytes a reader can say that it will want.
const aheadMost = 16 << 20

// reach is how many bytes from off on get under way for a reader who will want ahead of them. It says twice as much as it
// has read, which is too little for a source that is far: up to four times that is fetched, as the source's pace allows. It
// ends at a border of segments: a reader in order comes closer by little, and each little would be a range of its own.
func (f *fills) reach(x *file, off, ahead int64) int64 {
	if src := f.sources.peek(x.info.ID); src != nil {
		ahead = max(ahead, min(4*ahead, src.pace.runway(f.share/f.segment)*f.segment))
	}
	if off+ahead >= x.info.Length {
		return x.info.Length - off
	}
	return max(0, (off+ahead)/f.segment*f.segment-off)
}

// join finds the flight that brings the byte at w.off, or starts it. The caller releases it. It is nil if the cache has
// the byte by now.
func (f *fills) join(src *source, x *file, w want) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	flights := f.mu.flights[x.info.ID]
	for _, fl := range flights {
		if fl.off <= w.off && w.off < fl.end {
			fl.hold()
			return fl
		}
	}
	if len(x.cached.Missing(w.off, 1)) == 0 {
		return nil
	}
	if f.mu.stopped || x.epoch != f.sources.epoch() {
		fl := newFlight(x.info.ID, w.off, w.off+1, false)
		fl.mu.err = errStopping
		close(fl.landed)
		return fl
	}
	w.ahead = w.ahead && x.keep && !f.tight()
	var long int64
	if s, ok := src.ufs.(ufs.Sequential); ok && s.Sequential() {
		long = f.share
	}
	// The next block may be another worker's.
	block := w.off / x.info.BlockSize * x.info.BlockSize
	until := block + min(x.info.BlockSize, x.info.Length-block)
	off, end := extent(w, until, f.segment, long, func(off, end int64) int64 {
		for _, other := range flights {
			if other.off >= off {
				end = min(end, other.off)
			}
		}
		if gap := x.cached.Missing(off, end-off); len(gap) > 0 && gap[0].Off == off {
			end = off + gap[0].Len
		}
		return end
	})
	fl := newFlight(x.info.ID, off, end, x.keep)
	f.mu.flights[x.info.ID] = append(flights, fl)
	f.wg.Go(func() { f.fly(src, fl) })
	return fl
}

// forget has flights of files keep nothing more. Whoever waits for their bytes still gets them.
func (f *fills) forget(files []int64) {
	var flights []*flight
	f.mu.Lock()
	for _, id := range files {
		flights = append(flights, f.mu.flights[id]...)
	}
	f.mu.Unlock()
	for _, fl := range flights {
		fl.forget()
	}
}

// release ends a use of a flight.
func (f *fills) release(fl *flight) {
	buf := fl.release()
	if int64(cap(buf)) != f.segment {
		return
	}
	select {
	case f.buffers <- buf:
	default:
	}
}

// buffer is n bytes for a flight. Small ones are not worth a place in the pool.
func (f *fills) buffer(n int64) []byte {
	if n > f.segment || n < f.segment/2 {
		return make([]byte, n)
	}
	select {
	case buf := <-f.buffers:
		return buf[:n]
	default:
		return make([]byte, n, f.segment)
	}
}

// linger keeps a flight on the list that has brought all its bytes without their being kept: its readers may not have
// come for all of them yet. It goes after a moment, or when others need the room.
func (f *fills) linger(fl *flight) bool {
	f.mu.Lock()
	if f.ctx.Err() != nil || fl.size() > f.lingers {
		f.mu.Unlock()
		return false
	}
	f.mu.lingering = append(f.mu.lingering, fl)
	f.mu.bytes += fl.size()
	var crowded []*flight
	for i, left := 0, f.mu.bytes; left > f.lingers; i++ {
		crowded = append(crowded, f.mu.lingering[i])
		left -= f.mu.lingering[i].size()
	}
	f.mu.Unlock()
	for _, old := range crowded {
		f.drop(old)
	}
	time.AfterFunc(lingerFor, func() { f.drop(fl) })
	return true
}

// drop takes a flight off the lists, if it is still there.
func (f *fills) drop(fl *flight) {
	f.mu.Lock()
	left := f.mu.flights[fl.file]
	i := slices.Index(left, fl)
	if i >= 0 {
		left = slices.Delete(left, i, i+1)
		if f.mu.flights[fl.file] = left; len(left) == 0 {
			delete(f.mu.flights, fl.file)
		}
	}
	if j := slices.Index(f.mu.lingering, fl); j >= 0 {
		f.mu.lingering = slices.Delete(f.mu.lingering, j, j+1)
		f.mu.bytes -= fl.size()
	}
	f.mu.Unlock()
	if i >= 0 {
		f.release(fl)
	}
}
