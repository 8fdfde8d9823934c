package shell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"goosefs/client"
)

// metric is one number of report metrics.
type metric struct {
	name, kind string // kind is COUNTER or GAUGE
	value      int64
}

// String is the line that Fluid parses.
func (m metric) String() string {
	value := commas(m.value)
	if strings.Contains(m.name, "Bytes") {
		value = humanSize(m.value)
	}
	if strings.Contains(m.name, "Throughput") {
		value += "/MIN"
	}
	return fmt.Sprintf("%s  (Type: %s, Value: %s)", m.name, m.kind, value)
}

func reportMetrics(ctx context.Context, s *session, c cluster) error {
	state, err := leading(ctx, c)
	if err != nil {
		return err
	}
	workers, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	for _, m := range metricsOf(state, workers) {
		s.printf("%s\n", m)
	}
	return nil
}

// metricsOf gathers the numbers, by name. Every byte that a reader got is in one of the three Cluster.BytesRead
// counters: what a worker sent from its cache is Remote, what it had to fetch first is UfsAll. Reads of a local file
// that a worker handed over pass no worker, so nobody counts them and Local is 0. A throughput is the mean since a
// worker's start.
func metricsOf(state client.Cluster, workers []client.Worker) []metric {
	live, lost := byLife(workers)
	all := storageOf(live)
	var cached, fetched, evicted, damaged, blocks, cachedRate, fetchedRate int64
	for _, w := range live {
		cached += w.FromCache
		fetched += w.FromUFS
		evicted += w.Evicted
		damaged += w.Damaged
		blocks += w.Blocks
		cachedRate += perMinute(w.FromCache, state.Now.Sub(w.Started))
		fetchedRate += perMinute(w.FromUFS, state.Now.Sub(w.Started))
	}
	metrics := []metric{
		{"Cluster.BlocksCached", "GAUGE", blocks},
		{"Cluster.BlocksEvicted", "COUNTER", evicted},
		{"Cluster.BytesReadLocal", "COUNTER", 0},
		{"Cluster.BytesReadLocalThroughput", "GAUGE", 0},
		{"Cluster.BytesReadRemote", "COUNTER", cached},
		{"Cluster.BytesReadRemoteThroughput", "GAUGE", cachedRate},
		{"Cluster.BytesReadUfsAll", "COUNTER", fetched},
		{"Cluster.BytesReadUfsThroughput", "GAUGE", fetchedRate},
		{"Cluster.CapacityFree", "GAUGE", max(0, all.quota-all.used)},
		{"Cluster.CapacityTotal", "GAUGE", all.quota},
		{"Cluster.CapacityUsed", "GAUGE", all.used},
		{"Cluster.ChunksDamaged", "COUNTER", damaged},
		{"Cluster.LostWorkers", "GAUGE", int64(len(lost))},
		{"Cluster.Workers", "GAUGE", int64(len(live))},
		{"Master.FilesCompleted", "COUNTER", state.Files},
		{"Master.TotalPaths", "GAUGE", state.Files + state.Dirs},
	}
	slices.SortFunc(metrics, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return metrics
}

// perMinute is a mean over the whole minutes of d, all of it in the first one.
func perMinute(bytes int64, d time.Duration) int64 { return bytes / max(1, int64(d/time.Minute)) }
