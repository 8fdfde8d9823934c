package worker

import (
	"sync"
	"time"
)

// pace is how an under file system answered lately: how long it takes until a range begins to come, and how long until it
// is there.
type pace struct {
	mu struct {
		sync.Mutex
		known       bool
		first, rest time.Duration // moving averages
	}
}

// paceWeight is the weight of one more range in the averages: one of so many.
const paceWeight = 4

// note takes note of a range that was fetched.
func (p *pace) note(first, rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.known {
		p.mu.known, p.mu.first, p.mu.rest = true, first, rest
		return
	}
	p.mu.first += (first - p.mu.first) / paceWeight
	p.mu.rest += (rest - p.mu.rest) / paceWeight
}

// runway is how many segments of a file should be under way for a reader in order, most at most.
func (p *pace) runway(most int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return runwayOf(p.mu.first, p.mu.rest, most)
}

// runwayOf decides that. A range that is only waited for costs the source nothing, so the more of its time a range is
// waited for the more of them go at once: a near source gets few, which come one after the other all the same.
func runwayOf(first, rest time.Duration, most int64) int64 {
	n := int64(runway)
	if total := first + rest; total > 0 {
		n += 4 * runway * int64(first) / int64(total)
	}
	return max(1, min(n, most))
}
