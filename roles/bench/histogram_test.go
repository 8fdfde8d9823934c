package bench

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A quantile is at most 1/32 above the exact one, and never below it.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 300).Draw(t, "durations")
		var a, b histogram
		for i, v := range values {
			if i%2 == 0 {
				a.add(time.Duration(v))
			} else {
				b.add(time.Duration(v))
			}
		}
		a.merge(&b)
		slices.Sort(values)
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			exact := values[min(int(q*float64(len(values))), len(values)-1)]
			if got := int64(a.quantile(q)); got < exact || got > exact+exact/fine {
				t.Fatalf("quantile %v is %d, exactly %d", q, got, exact)
			}
		}
		if a.total != int64(len(values)) || int64(a.max) != values[len(values)-1] {
			t.Fatalf("%d durations up to %s", a.total, a.max)
		}
	})
	var none histogram
	if none.quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	var odd histogram
	odd.add(-time.Second) // a clock that was set back
	odd.add(math.MaxInt64)
	if got := odd.quantile(0); got != 0 {
		t.Errorf("the shortest is %s", got)
	}
	if got := odd.quantile(1); got != math.MaxInt64 {
		t.Errorf("the longest is %s", got)
	}
}
