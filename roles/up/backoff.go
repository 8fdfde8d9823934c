package up

import "time"

// backoff decides how long a pod that died stays down.
type backoff struct {
	first   time.Duration // after the first death
	max     time.Duration // the delay doubles up to this
	healthy time.Duration // a pod that lived this long begins anew
}

// standardBackoff is what `up` uses.
func standardBackoff() backoff {
	return backoff{first: 500 * time.Millisecond, max: 30 * time.Second, healthy: time.Minute}
}

// next is the delay after a life of that length, when the delay before it was last (0: it was the first start).
func (b backoff) next(last, life time.Duration) time.Duration {
	if last == 0 || life >= b.healthy {
		return b.first
	}
	return min(2*last, b.max)
}
