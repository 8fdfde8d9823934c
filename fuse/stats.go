package fuse

import (
	"log/slog"
	"sync/atomic"
)

// Stats counts what a mount did since it began.
type Stats struct {
	Lookups, Lists int64 // that were asked of the tree
	Opens, Open    int64 // files opened; open now
	Reads, Bytes   int64 // that reached us; what the kernel had kept does not
	Forgotten      int64 // paths that were pushed
	Failed         int64 // requests that failed but for ENOENT and ESTALE
	Watched        bool  // invalidations are being pushed
	Direct, Passed int64 // opens read from a worker's disk; descriptors of those that the kernel reads itself
	Streams        int64 // opens that would have been direct but for a reason, which the log tells (debug) and user.goosefs.read
	Spoiled        int64 // inodes that were given up, for others had changed the file on the worker's disk while it was open
	Used, Vain     int64 // files loaded ahead that were opened then, and that were not; see prefetch.go
	VainBytes      int64
}

// LogValue implements [slog.LogValuer].
func (s Stats) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int64("opens", s.Opens), slog.Int64("open", s.Open), slog.Int64("direct", s.Direct), slog.Int64("passed", s.Passed),
		slog.Int64("streams", s.Streams), slog.Int64("spoiled", s.Spoiled), slog.Int64("reads", s.Reads), slog.Int64("bytes", s.Bytes),
		slog.Int64("lookups", s.Lookups), slog.Int64("lists", s.Lists), slog.Int64("forgotten", s.Forgotten),
		slog.Int64("failed", s.Failed), slog.Bool("watched", s.Watched),
		slog.Int64("used", s.Used), slog.Int64("vain", s.Vain), slog.Int64("vainBytes", s.VainBytes),
	)
}

type counters struct {
	lookups, lists, opens, direct, streams, openNow, reads, bytes, forgotten, failed atomic.Int64
}

// Stats counts.
func (m *Mounted) Stats() Stats {
	used, vain, vainBytes := m.ahead.counts()
	return Stats{
		Lookups:   m.stats.lookups.Load(),
		Lists:     m.stats.lists.Load(),
		Opens:     m.stats.opens.Load(),
		Open:      m.stats.openNow.Load(),
		Reads:     m.stats.reads.Load(),
		Bytes:     m.stats.bytes.Load(),
		Forgotten: m.stats.forgotten.Load(),
		Failed:    m.stats.failed.Load(),
		Watched:   m.trust.since.Load() != 0,
		Direct:    m.stats.direct.Load(),
		Passed:    m.notifier.passed.Load(),
		Streams:   m.stats.streams.Load(),
		Spoiled:   m.spoiled.total.Load(),
		Used:      used,
		Vain:      vain,
		VainBytes: vainBytes,
	}
}
