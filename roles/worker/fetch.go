package worker

import (
	"context"
	"io"
	"syscall"
	"time"

	"goosefs/blockcache"
	"goosefs/ufs"
)

const (
	flightTries = 3 // in a row that bring nothing
	retryPause  = 50 * time.Millisecond

	keepTries = 5 // how often the cache is offered what somebody wants to be cached
	keepPause = 50 * time.Millisecond
)

// fly fetches the flight's range, and has the cache keep it. It stays on the list until it is kept, so that nobody
// fetches it twice.
func (f *fills) fly(src *source, fl *flight) {
	defer f.release(fl)
	defer close(fl.landed)
	done, err := f.admit(src, fl.size())
	if err != nil {
		f.crash(fl, err)
		return
	}
	fl.leave(f.buffer(fl.size()))
	keeping := f.keepBeside(src, fl)
	err = f.fetch(src, fl)
	done()
	if err != nil {
		f.crash(fl, err)
	}
	if kept := <-keeping; kept || err != nil || !f.linger(fl) {
		f.drop(fl)
	}
}

// crash ends a flight in an error. Whoever comes from now on gets another one.
func (f *fills) crash(fl *flight, err error) {
	f.drop(fl)
	fl.fail(err)
}

// admit waits for so many bytes of memory: first of the mount's share, so that a sick source holds up only its own
// readers, then of what there is in all.
func (f *fills) admit(src *source, n int64) (done func(), err error) {
	ctx, cancel := context.WithTimeout(f.ctx, f.patience)
	defer cancel()
	if err := src.fetching.Acquire(ctx, n); err != nil {
		return nil, f.notAdmitted(src)
	}
	if err := f.fetching.Acquire(ctx, n); err != nil {
		src.fetching.Release(n)
		return nil, f.notAdmitted(src)
	}
	return func() {
		f.fetching.Release(n)
		src.fetching.Release(n)
	}, nil
}

func (f *fills) notAdmitted(src *source) error {
	if f.ctx.Err() != nil {
		return errStopping
	}
	return sourceCrowded(src, f.patience)
}

// fetch brings the bytes in, with as many tries as are worth it. What was proven before a failure stays.
func (f *fills) fetch(src *source, fl *flight) error {
	ctx, cancel := context.WithCancelCause(f.ctx)
	defer cancel(nil)
	silence := time.AfterFunc(f.patience, func() { cancel(errSilent) })
	defer silence.Stop()
	asked := false
	for tries := 1; ; tries++ {
		before := fl.progress()
		err := f.fetchOnce(ctx, src, fl, func() { silence.Reset(f.patience) })
		switch {
		case err == nil, err == errForsaken:
			return err
		case f.ctx.Err() != nil:
			return errStopping
		case ctx.Err() != nil:
			return sourceSilent(src, err, f.patience)
		}
		if fl.progress() > before {
			tries = 0
		}
		switch errno := errnoOf(err); {
		case !asked && (errno == syscall.ENOENT || errno == syscall.ESTALE || err == errRetired):
			asked = true
			fresh, different, askErr := f.sources.refresh(ctx, src)
			if askErr != nil {
				return askErr
			}
			if !different {
				return sourceGone(src.GetPath(), err)
			}
			src = fresh
		case errno == syscall.ENOENT || errno == syscall.ESTALE:
			return sourceGone(src.GetPath(), err)
		case !ufs.Retryable(err) || tries >= flightTries:
			return sourceFailed(err)
		default:
			pause(ctx, retryPause<<max(0, tries-1))
		}
	}
}

// prover is the ability of a reader that [ufs.UFS.Open] gave to say that its bytes are proven to be of the pinned version
// as they come, and not only when the last of them has.
type prover interface{ Proven() bool }

// proves says whether bytes of r may be handed on before its end.
func proves(r io.Reader) bool {
	switch r := r.(type) {
	case prover:
		return r.Proven()
	case *ufs.Exact:
		return r.End == nil
	}
	return false
}

// fetchOnce brings in what is missing by one Open. alive is called whenever the source brings something.
func (f *fills) fetchOnce(ctx context.Context, src *source, fl *flight, alive func()) error {
	if !src.GetPersisted() {
		return readErrorf(src.GetPath(), syscall.EIO, "%s is not in the under file system, and no worker has these bytes", src.GetPath())
	}
	if !src.enter() {
		return errRetired
	}
	defer src.leave()
	got := fl.progress()
	began := time.Now()
	var first time.Duration
	r, err := src.ufs.Open(ctx, src.GetName(), ufs.Version(src.GetVersion()), fl.off+got, fl.size()-got)
	if err != nil {
		return err
	}
	defer r.Close()
	early := proves(r)
	for buf := fl.rest(); len(buf) > 0; {
		n, err := r.Read(buf)
		buf = buf[n:]
		got += int64(n)
		f.counts.fromUFS.Add(int64(n))
		if n > 0 {
			alive()
			if first == 0 {
				first = time.Since(began)
			}
		}
		if early && len(buf) > 0 {
			fl.advance(got)
		}
		switch {
		case err == io.EOF && len(buf) > 0:
			return io.ErrUnexpectedEOF
		case err == nil && len(buf) == 0:
			err = end(r)
		}
		if err != nil && err != io.EOF {
			return err
		}
		if fl.forsaken(forsakenFor) {
			return errForsaken
		}
	}
	fl.advance(got)
	if fl.size() >= f.segment/2 {
		src.pace.note(first, time.Since(began)-first)
	}
	return nil
}

// end reads a reader's end, which has brought all its bytes: without that they are not proven.
func end(r io.Reader) error {
	var none [1]byte
	n, err := r.Read(none[:])
	if n > 0 || err == nil {
		return io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// keepBeside offers what comes in to the cache, on a goroutine of its own, unless too much waits for the disks already.
// The answer, whether all of it was kept, comes when the flight has ended.
func (f *fills) keepBeside(src *source, fl *flight) <-chan bool {
	kept := make(chan bool, 1)
	if !fl.keep || !f.keeping.TryAcquire(fl.size()) {
		fl.gave()
		kept <- false
		if fl.keep {
			f.refused.Store(time.Now().UnixNano())
		}
		return kept
	}
	go func() {
		defer f.keeping.Release(fl.size())
		defer fl.gave()
		kept <- f.keep(src, fl)
	}()
	return kept
}

// keep puts what comes in into the cache, chunk by chunk, until the flight ends.
func (f *fills) keep(src *source, fl *flight) bool {
	cached, err := f.cache.Acquire(src.info())
	if err != nil {
		f.log.Debug("not kept", "path", src.GetPath(), "err", err)
		return false
	}
	defer cached.Release()
	for done := int64(0); done < fl.size(); {
		data, err := fl.follow(f.ctx, min(done+chunk, fl.size()))
		end := int64(len(data))
		if end < fl.size() {
			end = end / chunk * chunk
		}
		if end > done {
			kept, forgotten := fl.put(cached, done, data[done:end])
			if !kept {
				if !forgotten {
					f.refused.Store(time.Now().UnixNano())
				}
				return false
			}
			done = end
			fl.took(done)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// insist has the cache keep what it refused of a flight that has landed: then nobody waited for the disk, now somebody
// does. A file that is freed meanwhile stays so.
func (f *fills) insist(ctx context.Context, src *source, x *file, fl *flight) error {
	var missing int64
	for tries := 0; tries < keepTries; tries++ {
		missing = 0
		for _, gap := range x.cached.Missing(fl.off, fl.size()) {
			missing += gap.Len
		}
		if missing == 0 {
			return nil
		}
		if tries > 1 {
			pause(ctx, keepPause<<(tries-2))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.keep(src, fl)
	}
	return notKept(src, missing)
}

// put puts bytes of the flight into the cache, unless the file was forgotten.
func (fl *flight) put(cached *blockcache.File, off int64, p []byte) (kept, forgotten bool) {
	fl.keeping.Lock()
	defer fl.keeping.Unlock()
	if fl.keeping.forgotten {
		return false, true
	}
	kept, _ = cached.Put(fl.off+off, p)
	return kept, false
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
