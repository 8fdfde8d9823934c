package worker

import (
	"context"
	"sync"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

// reportPage is how many blocks one message of a report has.
const reportPage = 10_000

// reporter tells every master what this worker holds: all of it when a stream begins, differences after that.
type reporter struct {
	worker *Worker

	mu   sync.Mutex
	wake map[string]chan struct{} // by master; a token: report now
}

func (r *reporter) start(masters []string) {
	for _, master := range masters {
		r.wake[master] = make(chan struct{}, 1)
	}
	for _, master := range masters {
		r.worker.wg.Go(func() { r.run(master, r.wake[master]) })
	}
}

// hurry has all masters told at once.
func (r *reporter) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, wake := range r.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// run reports to one master, again and again as it comes and goes.
func (r *reporter) run(master string, wake <-chan struct{}) {
	w := r.worker
	conn, err := wire.Dial(w.options.Network, master)
	if err != nil {
		w.log.Error("cannot report", "master", master, "err", err)
		return
	}
	defer conn.Close()
	healthy := true
	for w.ctx.Err() == nil {
		began := time.Now()
		err := r.report(conn, wake)
		if w.ctx.Err() != nil {
			return
		}
		if long := time.Since(began) > 3*time.Second; healthy || long {
			w.log.Info("not reporting", "master", master, "reason", wire.Reason(err))
			healthy = false
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-w.ctx.Done():
		}
	}
}

// report keeps one stream to a master up.
func (r *reporter) report(conn *grpc.ClientConn, wake <-chan struct{}) error {
	w := r.worker
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	stream, err := clusterpb.NewWorkersClient(conn).Report(ctx)
	if err != nil {
		return err
	}
	all := make(chan struct{}, 1) // a token: send everything
	all <- struct{}{}
	ended := make(chan error, 1)
	go func() { ended <- r.obey(stream, all) }()
	tick := time.NewTicker(w.options.Report)
	defer tick.Stop()
	var since uint64
	for {
		select {
		case <-all:
			since, err = r.sendAll(stream)
		case <-tick.C:
			since, err = r.sendChanges(stream, since, all)
		case <-wake:
			since, err = r.sendChanges(stream, since, all)
		case err := <-ended:
			return err
		}
		if err != nil {
			return <-ended
		}
	}
}

type reportStream = grpc.BidiStreamingClient[clusterpb.WorkerReport, clusterpb.WorkerOrders]

// sendAll sends all blocks, in pages.
func (r *reporter) sendAll(stream reportStream) (since uint64, err error) {
	_, since, _ = r.worker.cache.Changes(0)
	page := r.head()
	page.Reset_ = true
	for b := range r.worker.cache.Blocks() {
		page.Changes = append(page.Changes, &clusterpb.BlockChange{BlockId: b.FileID&^blockMask | b.Index, Bytes: b.Bytes})
		if len(page.Changes) == reportPage {
			if err := stream.Send(page); err != nil {
				return since, err
			}
			page = r.head()
		}
	}
	return since, stream.Send(page)
}

// sendChanges sends what changed. If that is not known any more, everything is to be sent.
func (r *reporter) sendChanges(stream reportStream, since uint64, all chan<- struct{}) (uint64, error) {
	changes, now, complete := r.worker.cache.Changes(since)
	if !complete {
		select {
		case all <- struct{}{}:
		default:
		}
		return now, nil
	}
	page := r.head()
	for _, c := range changes {
		page.Changes = append(page.Changes, &clusterpb.BlockChange{BlockId: c.FileID&^blockMask | c.Index, Bytes: c.Bytes})
	}
	return now, stream.Send(page)
}

// head is what every report says about the worker.
func (r *reporter) head() *clusterpb.WorkerReport {
	w := r.worker
	stats := w.cache.Stats()
	report := &clusterpb.WorkerReport{
		WorkerId: w.ID(), Host: w.options.Host, RpcPort: int32(w.options.Port), StartTimeMs: w.started.UnixMilli(),
		Counters: &clusterpb.Counters{
			BytesFromCache: w.fromCache.Load(), BytesFromUfs: w.fills.fromUFS.Load(),
			BlocksEvicted: stats.EvictedBlocks, ChunksDamaged: stats.Damaged,
		},
	}
	for _, t := range w.cache.Usage() {
		usage := &clusterpb.TierUsage{Alias: t.Alias, Quota: t.Quota, Used: t.Used}
		for _, d := range t.Dirs {
			if d.Failed != nil {
				usage.Failed = append(usage.Failed, d.Path)
			}
		}
		report.Tiers = append(report.Tiers, usage)
	}
	return report
}

// obey does what the master orders, until the stream ends.
func (r *reporter) obey(stream reportStream, all chan<- struct{}) error {
	for {
		orders, err := stream.Recv()
		if err != nil {
			return err
		}
		if orders.GetSendAll() {
			select {
			case all <- struct{}{}:
			default:
			}
		}
		if files := orders.GetFreeFiles(); len(files) > 0 {
			for _, id := range files {
				r.worker.cache.Drop(id)
			}
			r.worker.sources.forget(files)
			r.hurry()
		}
	}
}
