package ufs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Retry says how often and how patiently a call is repeated while its error is
// [Retryable]. The zero value means the defaults.
type Retry struct {
	Attempts int           // calls in all; default 4
	Base     time.Duration // bound of the first pause, doubled for each next; default 200 ms
	Max      time.Duration // bound of any pause; default 5 s
	Budget   time.Duration // no call begins later than this after the first; default 10 s
}

// Do calls f until it succeeds, fails for good, or patience ends, and returns f's
// last error. Pauses have full jitter (a uniform share of their bound), but are
// never shorter than the source's Retry-After; a Retry-After beyond the budget ends
// the attempts at once, and its error carries the wish upwards.
func (r Retry) Do(ctx context.Context, f func() error) error {
	r = r.withDefaults()
	begin := time.Now()
	for attempt := 1; ; attempt++ {
		err := f()
		if !Retryable(err) || attempt == r.Attempts || ctx.Err() != nil {
			return err
		}
		pause := r.pause(attempt, err, rand.Float64())
		if time.Since(begin)+pause > r.Budget {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// pause decides the wait after the given attempt (from 1); share is in [0,1).
func (r Retry) pause(attempt int, err error, share float64) time.Duration {
	bound := r.Base << min(attempt-1, 20)
	if bound > r.Max || bound <= 0 {
		bound = r.Max
	}
	pause := time.Duration(share * float64(bound))
	var reason *Reason
	if errors.As(err, &reason) {
		pause = max(pause, reason.RetryAfter)
	}
	return pause
}

func (r Retry) withDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 4
	}
	if r.Base <= 0 {
		r.Base = 200 * time.Millisecond
	}
	if r.Max <= 0 {
		r.Max = 5 * time.Second
	}
	if r.Budget <= 0 {
		r.Budget = 10 * time.Second
	}
	return r
}
