package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"goosefs/blockcache"
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

// flush has all masters told at once what is cached now, and returns when those that can be reached have
// taken it in.
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
	conn, err := w.options.Login.Dial(w.options.Network, l.master)
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
	cluster, err := r.worker.meet(ctx, conn)
	if err != nil {
		return err
	}
	stream, err := clusterpb.NewWorkersClient(conn).Report(ctx)
	if err != nil {
		return err
	}
	s := &reportStream{BidiStreamingClient: stream, cluster: cluster, all: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- r.obey(s, l)
	}()
	err = r.send(s, l, ended)
	cancel()
	if reason, ok := <-ended; ok { // it says more than that a send failed
		err = reason
	}
	return err
}

// reportStream is a stream of reports and orders.
type reportStream struct {
	grpc.BidiStreamingClient[clusterpb.WorkerReport, clusterpb.WorkerOrders]
	cluster string        // of the master
	all     chan struct{} // a token: send everything
	obeyed  atomic.Uint64 // number of the last order that was carried out
}

// errChangedOver is why a stream ends: this worker is of another cluster by now.
var errChangedOver = errors.New("this worker is of another cluster by now")

// post sends one message, unless what it tells is of another cluster than the master.
func (s *reportStream) post(cache *blockcache.Cache, report *clusterpb.WorkerReport) error {
	if s.cluster != "" && !cache.InCluster(s.cluster) {
		return errChangedOver
	}
	report.ClusterId = s.cluster
	return s.Send(report)
}

// send sends reports until the stream ends.
func (r *reporter) send(stream *reportStream, l *link, ended <-chan error) error {
	tick := time.NewTicker(r.worker.options.Report)
	defer tick.Stop()
	for since, err := r.sendAll(stream, l.asked()); ; {
		if err != nil {
			return err
		}
		report := r.sendChanges
		select {
		case <-stream.all:
			report = func(stream *reportStream, ticket, _ uint64) (uint64, error) { return r.sendAll(stream, ticket) }
		case <-tick.C:
		case <-l.wake:
		case err := <-ended:
			return err
		}
		since, err = report(stream, l.asked(), since)
	}
}

// sendAll sends all blocks, in pages.
func (r *reporter) sendAll(stream *reportStream, ticket uint64) (since uint64, err error) {
	obeyed := stream.obeyed.Load() // before what is told
	_, since, _ = r.worker.cache.Changes(0)
	page := r.head()
	page.Reset_ = true
	for b := range r.worker.cache.Blocks() {
		page.Changes = append(page.Changes, r.worker.change(b.FileID, b.Index, b.Bytes))
		if len(page.Changes) == reportPage {
			if err := stream.post(r.worker.cache, page); err != nil {
				return since, err
			}
			page = r.head()
		}
	}
	page.Obeyed, page.Ticket = obeyed, ticket
	return since, stream.post(r.worker.cache, page)
}

// sendChanges sends what changed, or everything if that is not known any more.
func (r *reporter) sendChanges(stream *reportStream, ticket, since uint64) (uint64, error) {
	obeyed := stream.obeyed.Load() // before what is told
	changes, now, complete := r.worker.cache.Changes(since)
	if !complete {
		return r.sendAll(stream, ticket)
	}
	page := r.head()
	page.Obeyed, page.Ticket = obeyed, ticket
	for _, c := range changes {
		page.Changes = append(page.Changes, r.worker.change(c.FileID, c.Index, c.Bytes))
	}
	return now, stream.post(r.worker.cache, page)
}

// change tells how much is cached of a block: of one that a client wrote, or of a file's. Where there is something of both,
// the more counts.
func (w *Worker) change(id, index, bytes int64) *clusterpb.BlockChange {
	if isBlock(id) {
		if bytes == 0 {
			w.written.forget(id)
		}
		return &clusterpb.BlockChange{BlockId: id, Bytes: max(bytes, w.cachedOfFile(id)), Kept: w.cache.Kept(id)}
	}
	block := id&^blockMask | index
	return &clusterpb.BlockChange{BlockId: block, Bytes: max(bytes, w.cachedWritten(block)), Kept: w.cache.Kept(block)}
}

// head is what every report says about the worker.
func (r *reporter) head() *clusterpb.WorkerReport {
	w := r.worker
	report := &clusterpb.WorkerReport{
		WorkerId: w.ID(), Host: w.options.Host, RpcPort: int32(w.options.Port), StartTimeMs: w.started.UnixMilli(), Socket: w.socket(),
		Counters: w.counts.report(), Writing: w.writes.files(),
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
func (r *reporter) obey(stream *reportStream, l *link) error {
	for {
		orders, err := stream.Recv()
		if err != nil {
			return err
		}
		if orders.GetSendAll() {
			select {
			case stream.all <- struct{}{}:
			default:
			}
		}
		if files := orders.GetFreeFiles(); len(files) > 0 {
			r.worker.fills.forget(files)
			for _, id := range files {
				r.worker.dropFile(id)
			}
			r.worker.sources.forget(files)
		}
		for _, block := range orders.GetFreeBlocks() {
			r.worker.dropBlock(block)
		}
		for _, id := range orders.GetLetGo() {
			for _, block := range r.worker.written.of(id) {
				r.worker.cache.LetGo(block)
			}
		}
		for _, id := range orders.GetPersist() {
			r.worker.wg.Go(func() { r.worker.persist(id) })
		}
		if n := orders.GetNumber(); n > 0 {
			stream.obeyed.Store(n)
		}
		if orders.GetNumber() > 0 || len(orders.GetFreeFiles()) > 0 {
			r.hurry()
		}
		if told := orders.GetTold(); told > 0 && l.told(told) {
			r.worker.log.Info("reporting", "master", l.master)
		}
	}
}
