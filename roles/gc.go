package roles

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageRoom and a third of what is in use may be garbage before it is collected.
	garbageRoom = 64 << 20

	gcPercentMost = 400
	gcCheck       = time.Second
)

// gcPercent is the setting of the garbage collector for a heap of which so many bytes are in use. Go's own, 100, lets a
// small heap be collected many times a second, and a large one double.
func gcPercent(live uint64) int {
	room := garbageRoom + live/3
	return int(min(gcPercentMost, 100*room/max(live, 1)))
}

// paceGC keeps the garbage collector's setting until ctx ends, unless the environment has its own.
func paceGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(gcCheck)
	defer tick.Stop()
	for last := 0; ; {
		if metrics.Read(live); live[0].Value.Kind() != metrics.KindUint64 {
			return // a runtime that does not say
		}
		if percent := gcPercent(live[0].Value.Uint64()); percent != last {
			debug.SetGCPercent(percent)
			last = percent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
