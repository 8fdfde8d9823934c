package client

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"goosefs/wire/pb"

	"google.golang.org/protobuf/proto"
)

// Defaults of [Config].
const (
	defaultRetryFor  = 2 * time.Minute
	defaultReadAhead = 16 << 20
)

// FS is a client of one cluster. It is safe for concurrent use.
type FS struct {
	cfg     Config
	masters *masters
	workers *workers
}

// New makes a client. It connects when it is first used.
func New(cfg Config) (*FS, error) {
	if len(cfg.Masters) == 0 {
		return nil, fmt.Errorf("no master is named: set goosefs.master.rpc.addresses, such as m1:9200,m2:9200,m3:9200")
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = defaultRetryFor
	}
	if cfg.ReadAhead == 0 {
		cfg.ReadAhead = defaultReadAhead
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &FS{cfg: cfg, masters: newMasters(cfg)}
	f.workers = newWorkers(cfg, f)
	return f, nil
}

// Close drops all connections. Open files fail from then on.
func (f *FS) Close() error {
	f.workers.close()
	f.masters.close()
	return nil
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
