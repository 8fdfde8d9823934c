package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 1/32 wide of what they hold. The zero value is empty.
type histogram struct {
	counts [buckets]int64
	total  int64
	max    time.Duration
}

const (
	fineBits = 5 // 32 buckets for each power of two
	fine     = 1 << fineBits
	buckets  = (64 - fineBits) * fine
)

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < fine {
		return int(n)
	}
	shift := bits.Len64(n) - 1 - fineBits
	return (shift+1)*fine + int(n>>shift) - fine
}

// upper is the largest duration in the bucket.
func upper(bucket int) time.Duration {
	if bucket < fine {
		return time.Duration(bucket)
	}
	shift := bucket/fine - 1
	return time.Duration(uint64(fine+bucket%fine+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// quantile is a duration that the part q of all durations does not exceed; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.total))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			return min(upper(i), h.max)
		}
	}
	return h.max
}
