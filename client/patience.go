package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// patience says how long a call goes on looking for a leader. An election takes a second or two, so it is worth the
// wait; where nobody listens at any address there is less to hope for.
type patience struct {
	end          time.Time
	refusedFor   time.Duration
	refusedSince time.Time // zero: somebody listened
	pause, most  time.Duration
}

func newPatience(cfg Config) *patience {
	now := time.Now()
	return &patience{end: now.Add(cfg.RetryFor), refusedFor: cfg.RefusedFor, refusedSince: now, pause: cfg.RetryPause, most: cfg.RetryPauseMax}
}

// wait pauses before the next round. It is false when there is to be none. refused says that in the last one nobody
// listened anywhere.
func (p *patience) wait(ctx context.Context, refused bool) bool {
	next := time.Now().Add(p.pause)
	switch {
	case !refused:
		p.refusedSince = time.Time{}
	case p.refusedSince.IsZero():
		p.refusedSince = time.Now()
	}
	if next.After(p.end) || refused && next.Sub(p.refusedSince) > p.refusedFor {
		return false
	}
	sleep(ctx, p.pause-rand.N(p.pause/2+1)) // not all clients at the same moment
	p.pause = min(2*p.pause, p.most)
	return ctx.Err() == nil
}

// sleep waits, but not beyond ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
