package worker

import (
	"context"
	"time"

	"goosefs/wire"
	"goosefs/wire/clusterpb"

	"google.golang.org/grpc"
)

const (
	reportPage  = 10_000                 // blocks in one message of a report
	reportPause = 200 * time.Millisecond // before a master that went away is tried again
	flushFor    = time.Second            // how long a call waits for the masters to be told
)

// reporter tells every master what this worker holds: all of it when a stream begins, differences after that.
type reporter struct {
	worker *Worker
	links  []*link
}

func newReporter(w *Worker, masters []string) *reporter {
	r := &reporter{worker: w}
	for _, master := range masters {
		r.links = append(r.links, newLink(master))
	}
	return r
}

func (r *reporter) start() {
	for _, l := range r.links {
		r.worker.wg.Go(func() { r.run(l) })
	}
}

// hurry has all masters told at once.
func (r *reporter) hurry() {
	for _, l := range r.links {
		l.ask()
	}
}

// flush has all masters told at once what is cached now, and returns when those that can be reached have been sent it.
func (r *reporter) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushFor)
	defer cancel()
	tickets := make([]uint64, len(r.links))
	for i, l := range r.links {
		tickets[i] = l.ask()
	}
	for i, l := range r.links {
		l.await(ctx, tickets[i])
	}
}

// run reports to one master, again and again as it comes and goes.
func (r *reporter) run(l *link) {
	w := r.worker
	conn, err := wire.Dial(w.options.Network, l.master)
	if err != nil {
		w.log.Error("cannot report", "master", l.master, "err", err)
		return
	}
	defer conn.Close()
	for first := true; w.ctx.Err() == nil; first = false {
		err := r.report(conn, l)
		if w.ctx.Err() != nil {
			return
		}
		if wasUp := l.down(); wasUp || first {
			w.log.Info("not reporting", "master", l.master, "reason", wire.Reason(err))
		}
		pause(w.ctx, reportPause)
	}
}

// report keeps one stream to a master up. It returns why that ended.
func (r *reporter) report(conn *grpc.ClientConn, l *link) error {
	ctx, cancel := context.WithCancel(r.worker.ctx)
	defer cancel()
	if err := r.worker.meet(ctx, conn); err != nil {
		return err
	}
	stream, err := clusterpb.NewWorkersClient(conn).Report(ctx)
	if err != nil {
		return err
	}
	all := make(chan struct{}, 1) // a token: send everything
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- r.obey(stream, all)
	}()
	err = r.send(stream, l, all, ended)
	cancel()
	if reason, ok := <-ended; ok { // it says more than that a send failed
		err = reason
	}
	return err
}

type reportStream = grpc.BidiStreamingClient[clusterpb.WorkerReport, clusterpb.WorkerOrders]

// send sends reports until the stream ends.
func (r *reporter) send(stream reportStream, l *link, all <-chan struct{}, ended <-chan error) error {
	tick := time.NewTicker(r.worker.options.Report)
	defer tick.Stop()
	ticket := l.asked()
	for since, err := r.sendAll(stream); ; {
		if err != nil {
			return err
		}
		if l.told(ticket) {
			r.worker.log.Info("reporting", "master", l.master)
		}
		report := r.sendChanges
		select {
		case <-all:
			report = func(reportStream, uint64) (uint64, error) { return r.sendAll(stream) }
		case <-tick.C:
		case <-l.wake:
		case err := <-ended:
			return err
		}
		ticket = l.asked()
		since, err = report(stream, since)
	}
}

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

// sendChanges sends what changed, or everything if that is not known any more.
func (r *reporter) sendChanges(stream reportStream, since uint64) (uint64, error) {
	changes, now, complete := r.worker.cache.Changes(since)
	if !complete {
		return r.sendAll(stream)
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
	report := &clusterpb.WorkerReport{
		WorkerId: w.ID(), Host: w.options.Host, RpcPort: int32(w.options.Port), StartTimeMs: w.started.UnixMilli(),
		Counters: w.counts.report(),
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
