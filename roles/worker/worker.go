package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/pb"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
)

// Worker is one worker process.
type Worker struct {
	options  Options
	log      *slog.Logger
	started  time.Time
	cache    *blockcache.Cache
	masters  *client.FS
	sources  *sources
	counts   *counts
	fills    *fills
	rests    *rests
	reports  *reporter
	writes   *writes
	written  *written
	server   *grpc.Server
	handouts *handouts           // nil: no descriptors are handed out
	async    *semaphore.Weighted // calls to cache something in the background
	relays   *semaphore.Weighted // reads that are passed on to other workers

	adopting sync.Mutex    // the worker changes over to another cluster
	frames   *frameBuffers // what is read of the cache, until it is sent

	ctx    context.Context // ends when the worker stops
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// How long a read of what is not cached waits for the masters to say where it comes from. Its client is waiting too,
// and has other workers to ask.
const (
	mastersFor = 10 * time.Second // an election takes a second or two
	refusedFor = 4 * time.Second  // while no master listens at all
)

// Start brings a worker up. Close stops it.
func Start(o Options) (*Worker, error) {
	o = o.withDefaults()
	w := &Worker{options: o, log: o.Log, started: time.Now(), async: semaphore.NewWeighted(asyncWaiting), relays: semaphore.NewWeighted(relaysAtOnce), frames: newFrameBuffers()}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if err := w.start(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Worker) start() (err error) {
	o := w.options
	if w.cache, err = blockcache.Open(o.Cache); err != nil {
		return err
	}
	w.masters, err = client.New(client.Config{Masters: o.Masters, Network: o.Network, Login: o.Login, Log: o.Log, RetryFor: mastersFor, RefusedFor: refusedFor})
	if err != nil {
		return err
	}
	w.counts, w.writes, w.written = &counts{cache: w.cache}, newWrites(), newWritten(w.cache)
	w.sources = newSources(w.ctx, w.masters, o.OpenUFS, newBudget(o).share)
	w.fills = newFills(w.ctx, w.counts, w.sources, o)
	w.reports = newReporter(w, o.Masters)
	listener, err := w.listen()
	if err != nil {
		return err
	}
	gate := auth.NewGate(o.Auth)
	w.server = wire.NewServer(w.log, slices.Concat(gate.ServerOptions(), o.permissions(), []grpc.ServerOption{grpc.ForceServerCodecV2(newFrames())})...)
	gate.Register(w.server)
	pb.RegisterBlockWorkerServer(w.server, &blockService{Worker: w})
	w.wg.Go(func() {
		if err := w.server.Serve(listener); err != nil && w.ctx.Err() == nil {
			w.log.Error("server ended", "err", err)
		}
	})
	w.rests = w.startRests()
	w.handouts = w.startHandouts()
	w.reports.start()
	return nil
}

func (w *Worker) listen() (net.Listener, error) {
	host := w.options.Host
	if w.options.Bind != "" {
		host = w.options.Bind
	}
	addr := wire.HostPort(host, w.options.Port)
	l, err := w.options.Network.Listen(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: is another goosefs worker running here? Stop it or choose another goosefs.worker.rpc.port: %w", addr, syscall.EADDRINUSE)
	}
	return l, err
}

// ID is the worker's number: it stays with its disks.
func (w *Worker) ID() int64 { return w.cache.StoreID() }

// Used is how many bytes the cache takes on its disks.
func (w *Worker) Used() (bytes int64) {
	for _, tier := range w.cache.Usage() {
		bytes += tier.Used
	}
	return bytes
}

// Close stops the worker. The cache stays on disk.
func (w *Worker) Close() error {
	w.cancel()
	if w.server != nil {
		w.server.Stop()
	}
	if w.handouts != nil {
		w.handouts.close()
	}
	w.wg.Wait()
	if w.fills != nil {
		w.fills.stop()
		w.async.Acquire(context.Background(), asyncWaiting) // they end with the worker's context
	}
	if w.sources != nil {
		w.sources.close()
	}
	var err error
	if w.masters != nil {
		err = w.masters.Close()
	}
	if w.cache != nil {
		err = errors.Join(err, w.cache.Close())
	}
	return err
}
