package worker

import (
	"context"
	"sync"
	"time"
)

// flight is a range of a file on its way from the source. Whoever uses it holds a reference; its buffer goes back to
// the pool with the last one.
type flight struct {
	file     int64
	off, end int64         // off at a chunk's border
	keep     bool          // its bytes are offered to the cache
	landed   chan struct{} // closed when it is over, kept or not

	keeping struct {
		sync.Mutex      // held while bytes are put into the cache
		forgotten  bool // no more are
	}

	mu struct {
		sync.Mutex
		data    []byte        // nil until the flight has left
		got     int64         // bytes of data that are there, and proven
		kept    int64         // bytes that the cache has taken
		given   bool          // it takes no more: it has all, or refused
		err     error         // why there will not be more
		more    chan struct{} // closed when one of those above changes; nil: nobody waits
		refs    int
		waiting int       // readers who wait for bytes
		wanted  time.Time // when somebody last asked for bytes
	}
}

// newFlight is a flight that has not left. It has three references: of the list that it is on, of the goroutine that
// flies it, and of whoever asked for it.
func newFlight(file, off, end int64, keep bool) *flight {
	fl := &flight{file: file, off: off, end: end, keep: keep, landed: make(chan struct{})}
	fl.mu.refs, fl.mu.wanted = 3, time.Now()
	return fl
}

// forget has no more bytes put into the cache. None is being put when it returns.
func (fl *flight) forget() {
	fl.keeping.Lock()
	defer fl.keeping.Unlock()
	fl.keeping.forgotten = true
}

func (fl *flight) size() int64 { return fl.end - fl.off }

// hold adds a reference. The caller sees to it that there is one already.
func (fl *flight) hold() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.refs++
}

// release ends a reference and returns the buffer if that was the last.
func (fl *flight) release() (unused []byte) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.refs--
	if fl.mu.refs > 0 {
		return nil
	}
	unused, fl.mu.data = fl.mu.data, nil
	return unused
}

// leave gives the flight its buffer.
func (fl *flight) leave(buf []byte) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.data = buf
}

// rest is the part of the buffer behind the bytes that are there. It is the fetcher's alone.
func (fl *flight) rest() []byte {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.mu.data[fl.mu.got:]
}

// advance tells that the first got bytes are there and proven.
func (fl *flight) advance(got int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.got = got
	fl.wakeLocked()
}

// took tells that the cache has the first so many bytes.
func (fl *flight) took(kept int64) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.kept = kept
	fl.wakeLocked()
}

// gave tells that the cache takes no more.
func (fl *flight) gave() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.given = true
	fl.wakeLocked()
}

// fail tells that no more bytes will come.
func (fl *flight) fail(err error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.err = err
	fl.wakeLocked()
}

func (fl *flight) wakeLocked() {
	if fl.mu.more != nil {
		close(fl.mu.more)
		fl.mu.more = nil
	}
}

// progress is how many bytes are there.
func (fl *flight) progress() int64 {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.mu.got
}

// forsaken says that nobody waits for bytes, nor has for so long.
func (fl *flight) forsaken(long time.Duration) bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.mu.waiting == 0 && time.Since(fl.mu.wanted) > long
}

// wait returns the bytes that are there once there are at least so many of them, to somebody who wants them. The caller
// holds a reference for as long as it uses them.
func (fl *flight) wait(ctx context.Context, bytes int64) ([]byte, error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.waiting++
	defer func() {
		fl.mu.waiting--
		fl.mu.wanted = time.Now()
	}()
	return fl.waitLocked(ctx, bytes)
}

// follow is wait for somebody who takes what there is, but is no reason to go on.
func (fl *flight) follow(ctx context.Context, bytes int64) ([]byte, error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.waitLocked(ctx, bytes)
}

func (fl *flight) waitLocked(ctx context.Context, bytes int64) ([]byte, error) {
	for fl.mu.got < bytes {
		if fl.mu.err != nil {
			return fl.mu.data[:fl.mu.got], fl.mu.err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		fl.sleepLocked(ctx)
	}
	return fl.mu.data[:fl.mu.got], nil
}

// sleepLocked gives the lock back until something changes.
func (fl *flight) sleepLocked(ctx context.Context) {
	if fl.mu.more == nil {
		fl.mu.more = make(chan struct{})
	}
	more := fl.mu.more
	fl.mu.Unlock()
	defer fl.mu.Lock()
	select {
	case <-more:
	case <-ctx.Done():
	}
}

// settle returns when the cache has the first so many bytes, or will not have them: errNotKept, or why the flight failed.
func (fl *flight) settle(ctx context.Context, bytes int64) error {
	fl.interest(+1)
	defer fl.interest(-1)
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for fl.mu.kept < bytes {
		switch {
		case fl.mu.err != nil:
			return fl.mu.err
		case fl.mu.given:
			return errNotKept
		case ctx.Err() != nil:
			return ctx.Err()
		}
		fl.sleepLocked(ctx)
	}
	return nil
}

// land returns when the flight is over and its bytes are kept, or have been offered in vain.
func (fl *flight) land(ctx context.Context) error {
	fl.interest(+1)
	defer fl.interest(-1)
	select {
	case <-fl.landed:
	case <-ctx.Done():
		return ctx.Err()
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.mu.err
}

func (fl *flight) interest(change int) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.mu.waiting += change
	fl.mu.wanted = time.Now()
}

// read copies what is there from off on, once there is something. It calls beat while there is not.
func (fl *flight) read(ctx context.Context, p []byte, off int64, beat func() error) (int, error) {
	for {
		try, cancel := context.WithTimeout(ctx, heartbeat)
		data, err := fl.wait(try, off-fl.off+1)
		cancel()
		if err == nil {
			return copy(p, data[off-fl.off:]), nil
		}
		if err != context.DeadlineExceeded || ctx.Err() != nil {
			return 0, err
		}
		if err := beat(); err != nil {
			return 0, err
		}
	}
}
