package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// FS is a client of one cluster. It is safe for concurrent use.
type FS struct {
	cfg     Config
	masters *masters
	workers *workers
	stats   *statFlights
	sockets *sockets

	cluster struct {
		sync.Mutex
		id string // empty: not asked yet
	}

	listings atomic.Int64 // under way

	ctx    context.Context // of what is done in the background
	cancel context.CancelFunc
	wg     sync.WaitGroup // of the same

	mu struct {
		sync.Mutex
		closed bool // nothing more is begun in the background
	}
}

// New makes a client. It connects when it is first used.
func New(cfg Config) (*FS, error) {
	if len(cfg.Masters) == 0 {
		return nil, fmt.Errorf("no master is named: set goosefs.master.rpc.addresses, such as m1:9200,m2:9200,m3:9200")
	}
	cfg = cfg.withDefaults()
	f := &FS{cfg: cfg, masters: newMasters(cfg)}
	f.workers = newWorkers(cfg, f)
	f.stats, f.sockets = &statFlights{fs: f}, newSockets()
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// Close drops all connections. Open files, and calls under way, fail from then on with EBADF.
func (f *FS) Close() error {
	f.mu.Lock()
	f.mu.closed = true
	f.mu.Unlock()
	f.cancel()
	f.workers.close()
	f.sockets.close()
	f.masters.close()
	f.wg.Wait()
	return nil
}

// background does something that nobody waits for but Close.
func (f *FS) background(do func(context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.mu.closed {
		f.wg.Go(func() { do(f.ctx) })
	}
}

// newOperation makes the options of a change: its operation id stays the same through all retries.
func newOperation() *pb.FileSystemMasterCommonPOptions {
	var id [16]byte
	rand.Read(id[:])
	return &pb.FileSystemMasterCommonPOptions{OperationId: &pb.FsOpPId{
		MostSignificantBits:  proto.Int64(int64(binary.BigEndian.Uint64(id[:8]))),
		LeastSignificantBits: proto.Int64(int64(binary.BigEndian.Uint64(id[8:]))),
	}}
}
