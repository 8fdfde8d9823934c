package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/blockcache"
	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/pb"

	"google.golang.org/grpc"
)

// Worker is one worker process.
type Worker struct {
	options Options
	log     *slog.Logger
	started time.Time
	cache   *blockcache.Cache
	masters *client.FS
	sources *sources
	fills   *fills
	reports *reporter
	server  *grpc.Server

	fromCache atomic.Int64 // bytes

	ctx    context.Context // ends when the worker stops
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Start brings a worker up. Close stops it.
func Start(o Options) (*Worker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Report <= 0 {
		o.Report = time.Second
	}
	if o.UFSWait <= 0 {
		o.UFSWait = 25 * time.Second
	}
	w := &Worker{options: o, log: o.Log, started: time.Now()}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if err := w.open(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Worker) open() (err error) {
	o := w.options
	if w.cache, err = blockcache.Open(o.Cache); err != nil {
		return err
	}
	if w.masters, err = client.New(client.Config{Masters: o.Masters, Network: o.Network, Log: o.Log, RetryFor: 20 * time.Second}); err != nil {
		return err
	}
	w.sources = newSources(w.masters)
	w.fills = newFills(w.ctx, w.cache, w.sources, o.UFSWait, o.Log)
	w.reports = &reporter{worker: w, wake: make(map[string]chan struct{})}
	listener, err := w.listen()
	if err != nil {
		return err
	}
	w.server = wire.NewServer(w.log)
	pb.RegisterBlockWorkerServer(w.server, &blockService{Worker: w})
	w.wg.Go(func() {
		if err := w.server.Serve(listener); err != nil && w.ctx.Err() == nil {
			w.log.Error("server ended", "err", err)
		}
	})
	w.reports.start(o.Masters)
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

// Close stops the worker. The cache stays on disk.
func (w *Worker) Close() error {
	w.cancel()
	if w.server != nil {
		w.server.Stop()
	}
	w.wg.Wait()
	if w.fills != nil {
		w.fills.wait()
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
