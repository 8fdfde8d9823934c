package fuse

import "sync/atomic"

// Stats counts what a mount did since it began.
type Stats struct {
	Lookups, Lists int64 // that were asked of the tree
	Opens, Open    int64 // files opened; open now
	Reads, Bytes   int64 // that reached us; what the kernel had kept does not
	Forgotten      int64 // paths that were pushed
	Failed         int64 // requests that failed but for ENOENT and ESTALE
	Watched        bool  // invalidations are being pushed
	Direct, Passed int64 // opens read from a worker's disk; descriptors of those that the kernel reads itself
}

type counters struct {
	lookups, lists, opens, direct, openNow, reads, bytes, forgotten, failed atomic.Int64
}

// Stats counts.
func (m *Mounted) Stats() Stats {
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
	}
}
