package roles

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// garbageRoom and a third of what is in use may be garbage before it is collected.
	garbageRoom = 64 << 20

	gcPercentMost = 400
	gcCheck       = time.Second
)

// limitMemory has the garbage collector work harder where this process comes near to what its container may use
// (GOMEMLIMIT at nine tenths of the control group's limit), so that it is slow rather than killed.
func limitMemory(log *slog.Logger) {
	if _, err := memlimit.Set(memlimit.WithRatio(0.9)); err != nil {
		log.Warn("the memory limit of the control group is not known", "err", err)
	}
}

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
