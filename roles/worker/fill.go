package worker

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
)

const (
	chunk       = blockcache.ChunkSize
	segment     = 4 << 20  // one flight of a sequential reader
	longHaul    = 64 << 20 // one flight where starting in the middle is dear
	inFlight    = 64       // flights at once
	keepers     = 32       // flights being kept at once: beyond, bytes are served and dropped
	flightTries = 3
)

// fills fetches what the cache misses. A flight fetches one range of one file; whoever wants bytes of it while it is
// up gets them from it as they come in, and the cache gets them too. A slow or full disk keeps nobody waiting: then the
// bytes are served and dropped.
type fills struct {
	ctx      context.Context
	cache    *blockcache.Cache
	sources  *sources
	patience time.Duration // for a silent source
	log      *slog.Logger
	slots    chan struct{} // a token for each flight
	keepers  chan struct{} // a token for each flight being kept
	wg       sync.WaitGroup

	fromUFS atomic.Int64 // bytes

	mu struct {
		sync.Mutex
		flights map[int64][]*flight // by file id
	}
}

// flight is a range of a file on its way.
type flight struct {
	off, end int64 // off at a chunk's border
	data     []byte

	mu struct {
		sync.Mutex
		got  int64         // bytes of data that are there
		err  error         // why there will not be more
		more chan struct{} // closed and replaced when got or err change
	}
}

func newFills(ctx context.Context, cache *blockcache.Cache, sources *sources, wait time.Duration, log *slog.Logger) *fills {
	f := &fills{ctx: ctx, cache: cache, sources: sources, patience: wait, log: log, slots: make(chan struct{}, inFlight), keepers: make(chan struct{}, keepers)}
	f.mu.flights = make(map[int64][]*flight)
	return f
}

// wait returns when all flights have landed.
func (f *fills) wait() { f.wg.Wait() }

// want is what a reader asks of a fill.
type want struct {
	off, n     int64
	sequential bool // more will be wanted behind it
}

// read gives bytes of the file from w.off, at least one and at most len(p): from the cache or, as they come in, from
// the source.
func (f *fills) read(ctx context.Context, src *source, cached *blockcache.File, p []byte, w want) (n int, fromCache bool, err error) {
	for {
		n, err = cached.ReadAt(p, w.off)
		if n > 0 {
			return n, true, nil
		}
		if !errors.Is(err, blockcache.ErrMiss) {
			return 0, true, err
		}
		fl := f.join(src, cached, w)
		if fl == nil {
			continue // it has just been kept
		}
		n, err = fl.read(ctx, p, w.off)
		return n, false, err
	}
}

// ensure fetches what of a range is missing, and returns when it is here. What the cache did not keep is no error.
func (f *fills) ensure(ctx context.Context, src *source, cached *blockcache.File, off, n int64) error {
	for _, r := range cached.Missing(off, n) {
		for at := r.Off; at < r.Off+r.Len; {
			fl := f.join(src, cached, want{off: at, n: r.Off + r.Len - at, sequential: true})
			if fl == nil {
				at = at/chunk*chunk + chunk
				continue
			}
			if err := fl.wait(ctx, fl.end-fl.off); err != nil {
				return err
			}
			at = fl.end
		}
	}
	return nil
}

// join finds the flight that brings the byte at w.off, or starts it. It returns nil if the cache has the byte by now.
func (f *fills) join(src *source, cached *blockcache.File, w want) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	flights := f.mu.flights[src.GetFileId()]
	for _, fl := range flights {
		if fl.off <= w.off && w.off < fl.end {
			return fl
		}
	}
	missing := cached.Missing(w.off, 1)
	if len(missing) == 0 {
		return nil
	}
	long, _ := src.ufs.(ufs.Sequential)
	fl := &flight{}
	fl.off, fl.end = extent(w, src.GetLength(), long != nil && long.Sequential(), func(off, end int64) int64 {
		for _, other := range flights {
			if other.off >= off {
				end = min(end, other.off)
			}
		}
		if gap := cached.Missing(off, end-off); len(gap) > 0 && gap[0].Off == off {
			end = off + gap[0].Len
		}
		return end
	})
	fl.mu.more = make(chan struct{})
	f.mu.flights[src.GetFileId()] = append(flights, fl)
	f.wg.Go(func() { f.fly(src, fl) })
	return fl
}

// extent decides which range a flight for w fetches: for a random reader just the chunks it wants, for a sequential
// one a segment. free cuts it off where the bytes are here or under way already.
func extent(w want, length int64, long bool, free func(off, end int64) int64) (off, end int64) {
	off = w.off / chunk * chunk
	end = w.off + max(1, w.n)
	if w.sequential {
		end = max(end, off+segment)
	}
	if long {
		end = off + longHaul
	} else {
		end = min(end, off+segment)
	}
	end = min((end+chunk-1)/chunk*chunk, length)
	return off, free(off, end)
}

// fly fetches the flight's range, and has the cache keep it. While it is kept the flight stays, so that nobody fetches
// it twice.
func (f *fills) fly(src *source, fl *flight) {
	defer f.land(src.GetFileId(), fl)
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-f.ctx.Done():
		fl.fail(f.ctx.Err())
		return
	}
	fl.data = make([]byte, fl.end-fl.off)
	kept := make(chan struct{})
	select {
	case f.keepers <- struct{}{}:
		go func() {
			defer close(kept)
			defer func() { <-f.keepers }()
			f.keep(src, fl)
		}()
	default:
		close(kept)
	}
	err := f.fetch(src, fl)
	if err != nil {
		fl.fail(err)
	}
	<-kept
}

// fetch brings the bytes in, with as many tries as are worth it. What has come in before a failure stays.
func (f *fills) fetch(src *source, fl *flight) error {
	ctx, cancel := context.WithTimeout(f.ctx, f.patience)
	defer cancel()
	var err error
	for try := range flightTries {
		if err = f.fetchOnce(ctx, src, fl, cancel); err == nil {
			return nil
		}
		errno := errnoOf(err)
		switch {
		case try == 0 && (errno == syscall.ENOENT || errno == syscall.ESTALE):
			fresh, different, askErr := f.sources.refresh(ctx, src)
			if askErr != nil || !different {
				return sourceGone(src, err)
			}
			src = fresh
		case !ufs.Retryable(err) || ctx.Err() != nil:
			return sourceFailed(err)
		}
	}
	return sourceFailed(err)
}

func (f *fills) fetchOnce(ctx context.Context, src *source, fl *flight, cancel context.CancelFunc) error {
	fl.mu.Lock()
	got := fl.mu.got
	fl.mu.Unlock()
	r, err := src.ufs.Open(ctx, src.GetName(), ufs.Version(src.GetVersion()), fl.off+got, int64(len(fl.data))-got)
	if err != nil {
		return err
	}
	defer r.Close()
	idle := time.AfterFunc(f.patience, cancel)
	defer idle.Stop()
	for got < int64(len(fl.data)) {
		n, err := r.Read(fl.data[got:])
		idle.Reset(f.patience)
		if n > 0 {
			got += int64(n)
			f.fromUFS.Add(int64(n))
			fl.advance(got)
		}
		if err == io.EOF && got < int64(len(fl.data)) {
			return io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// keep puts what comes in into the cache, chunk by chunk, until the flight ends.
func (f *fills) keep(src *source, fl *flight) {
	cached, err := f.cache.Acquire(src.info())
	if err != nil {
		f.log.Debug("not kept", "path", src.GetPath(), "err", err)
		return
	}
	defer cached.Release()
	for done := int64(0); done < int64(len(fl.data)); {
		err := fl.wait(f.ctx, min(done+chunk, int64(len(fl.data))))
		fl.mu.Lock()
		got := fl.mu.got
		fl.mu.Unlock()
		end := got / chunk * chunk
		if got == int64(len(fl.data)) {
			end = got
		}
		if end > done {
			if kept, _ := cached.Put(fl.off+done, fl.data[done:end]); !kept {
				return
			}
			done = end
		}
		if err != nil {
			return
		}
	}
}

// land takes the flight off the list: it is over, or has failed.
func (f *fills) land(file int64, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := slices.DeleteFunc(f.mu.flights[file], func(other *flight) bool { return other == fl })
	if len(left) == 0 {
		delete(f.mu.flights, file)
	} else {
		f.mu.flights[file] = left
	}
}

// advance tells that there are got bytes now.
func (fl *flight) advance(got int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.got = got
	close(fl.mu.more)
	fl.mu.more = make(chan struct{})
}

func (fl *flight) fail(err error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.err = err
	close(fl.mu.more)
	fl.mu.more = make(chan struct{})
}

// wait returns when so many bytes of the flight are there.
func (fl *flight) wait(ctx context.Context, bytes int64) error {
	for {
		fl.mu.Lock()
		got, err, more := fl.mu.got, fl.mu.err, fl.mu.more
		fl.mu.Unlock()
		if got >= bytes {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read copies what has come in from off, when there is something.
func (fl *flight) read(ctx context.Context, p []byte, off int64) (int, error) {
	if err := fl.wait(ctx, off-fl.off+1); err != nil {
		return 0, err
	}
	fl.mu.Lock()
	got := fl.mu.got
	fl.mu.Unlock()
	return copy(p, fl.data[off-fl.off:got]), nil
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}

// readError is an error with words for people, and operation, path and errno for programs.
type readError struct {
	text string
	at   *fs.PathError
}

func (e *readError) Error() string { return e.text }
func (e *readError) Unwrap() error { return e.at }

// sourceGone: the version is not to be had any more.
func sourceGone(src *source, err error) error {
	return &readError{
		text: "file changed in UFS since open: " + src.GetPath() + ": " + err.Error(),
		at:   &fs.PathError{Op: "read", Path: src.GetPath(), Err: syscall.ESTALE},
	}
}

// sourceFailed: the source does not give the bytes. That is an I/O error, whatever kind of trouble the source has: the
// reader must not take it for trouble with this worker.
func sourceFailed(err error) error {
	errno := errnoOf(err)
	switch errno {
	case syscall.EACCES, syscall.ESTALE:
	default:
		errno = syscall.EIO
	}
	at := &fs.PathError{Op: "read", Path: "", Err: errno}
	var where *fs.PathError
	if errors.As(err, &where) {
		at.Path = where.Path
	}
	return &readError{text: "cannot read from the under file system: " + err.Error(), at: at}
}
