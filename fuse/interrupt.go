package fuse

import (
	"context"
	"time"
)

// patience is how long a call goes on after its caller was signalled. A signal that a program merely handles (a timer,
// a child that ended, Go's own preemption) should not fail its read with EINTR, and the kernel does not tell it from
// one that kills. So a call that is nearly done gets done, and a killed program is free soon.
const patience = time.Second

// patient is a context for work on behalf of a request: it ends some time after the request was interrupted, or with
// stop, which must be called.
func patient(request context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(request))
	interrupted := context.AfterFunc(request, func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		interrupted()
		cancel()
	}
}
