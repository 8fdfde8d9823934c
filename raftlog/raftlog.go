package raftlog

import (
	"context"
	"io"
	"log/slog"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
)

// StateMachine is what the commands change. Its methods are called from one goroutine, never two at a
// time. It must be a function of the commands alone: no clock, no randomness, no network.
type StateMachine interface {
	// Apply executes commands in order; last is the index of the last log entry of the batch. The
	// result has one element per command and is what Propose returns on the member that proposed it.
	// cmds may be empty: then only the index moves. A panic is not recovered: it ends the process,
	// for a state that is half changed may not be kept.
	Apply(last uint64, cmds [][]byte) []any

	// Applied returns the index up to which the state is durable: 0 if it never applied anything.
	// After a crash the state is that of Applied, and the log is replayed from there. When Open is
	// called the state must be exactly that of Applied.
	Applied() uint64

	// Snapshot returns an image of the state right now. WriteTo is called on another goroutine, while
	// Apply goes on. If the image is also an io.Closer it is closed after use.
	Snapshot() (io.WriterTo, error)

	// Restore replaces the state by an image. When it returns nil the new state is durable and
	// Applied returns the image's index. It is atomic: after an error or a crash the old state is
	// there, or the new one. The reader is verified: it ends with io.EOF only after a whole image.
	Restore(io.Reader) error
}

// Checkpointer is an optional ability of a StateMachine: after Checkpoint, Applied returns the index of
// the last Apply. It is called before the log is truncated. A state machine without it lets the log
// grow to what Applied says by itself. An error ends the log.
type Checkpointer interface {
	Checkpoint() error
}

// Transport carries messages to other members, named by Message.To.
type Transport interface {
	// Send never blocks, and may drop any message. It is called from one goroutine. Messages are
	// immutable.
	Send(msgs []*raftpb.Message)

	// SendSnapshot blocks until the peer's InstallSnapshot has returned for this message and image,
	// and returns its error. It is called on its own goroutine and ends soon when ctx ends. It must
	// return an error if reading image does.
	SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error
}

// Member is one of the processes that keep the log.
type Member struct {
	ID      uint64 `json:"id"`                // not 0
	Address string `json:"address"`           // where the others reach it; only carried, never dialled here
	Clients string `json:"clients,omitempty"` // where clients reach it; only carried
}

// Config says what Open needs. Zero values of everything below Transport mean the default.
type Config struct {
	ClusterID uint64   // a folder of another cluster is refused
	ID        uint64   // this member's; a folder of another member is refused
	Dir       string   // the journal's folder, made if missing, locked while open
	Address   string   // this member's; a journal that has another one for it among several members is refused, as a copy
	Members   []Member // the first members; used only when Dir holds no journal
	Restored  bool     // the state machine may have applied something already: a new cluster goes on from there
	Join      bool     // there are first members already, none of which is this one: it waits for the leader to add it

	StateMachine StateMachine
	Transport    Transport

	Tick           time.Duration // 100 ms
	ElectionTicks  int           // 10: no heartbeat for so long (up to twice as long) starts an election
	HeartbeatTicks int           // 1

	SnapshotEntries uint64 // mark and truncate after so many entries (100,000) ...
	SnapshotBytes   uint64 // ... or so many bytes of commands (64 MiB)
	CatchUpEntries  uint64 // entries kept in memory behind the mark for slow followers (10,000), up to SnapshotBytes
	MaxCommandBytes int    // a longer command is ErrTooLarge (4 MiB); a message may be this and 1 MiB more

	ImageBytesPerSecond int64 // of an image that is sent to another member (64 MiB)
	ReserveBytes        int64 // with less space free no commands are taken (two segments); see space.go
	BallastBytes        int64 // kept in a file that is given up when there is no space at all (one segment)

	Log *slog.Logger // nil discards

	hooks hooks
}

// hooks let tests of this package stand at the places where a disk fails or a machine stops.
type hooks struct {
	save  func(entries int) error  // before each batch is written; an error is taken as the disk's
	free  func() int64             // bytes free on the disk; statfs by default
	crash func(point string)       // between two steps of which the second may never happen
	write func(func() error) error // this and tick: see Faults
	tick  func() (bool, error)
}

func (h hooks) at(point string) {
	if h.crash != nil {
		h.crash(point)
	}
}

// Limits of what is on its way. They bound memory; MaxCommandBytes bounds one command.
const (
	maxMessageBytes     = 1 << 20  // of entries in one message, or one entry
	maxInflightMessages = 256      // to one follower, unanswered
	maxInflightBytes    = 64 << 20 // to one follower, unanswered
	maxUncommittedBytes = 64 << 20 // accepted by the leader and not applied; beyond: ErrBusy
	maxApplyingBytes    = 8 << 20  // handed to the apply goroutine and not applied
)

func (c Config) withDefaults() Config {
	if c.Tick == 0 {
		c.Tick = 100 * time.Millisecond
	}
	if c.ElectionTicks == 0 {
		c.ElectionTicks = 10
	}
	if c.HeartbeatTicks == 0 {
		c.HeartbeatTicks = 1
	}
	if c.SnapshotEntries == 0 {
		c.SnapshotEntries = 100_000
	}
	if c.SnapshotBytes == 0 {
		c.SnapshotBytes = 64 << 20
	}
	if c.CatchUpEntries == 0 {
		c.CatchUpEntries = 10_000
	}
	if c.MaxCommandBytes == 0 {
		c.MaxCommandBytes = 4 << 20
	}
	if c.ImageBytesPerSecond == 0 {
		c.ImageBytesPerSecond = 64 << 20
	}
	if c.ReserveBytes == 0 {
		c.ReserveBytes = 2 * wal.SegmentSizeBytes
	}
	if c.BallastBytes == 0 {
		c.BallastBytes = wal.SegmentSizeBytes
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate reports every bad combination, before anything is touched.
func (c Config) validate() error {
	switch {
	case c.ID == 0:
		return invalid(c.Dir, "the member id is 0")
	case c.Dir == "":
		return invalid(c.Dir, "no folder is given")
	case c.StateMachine == nil || c.Transport == nil:
		return invalid(c.Dir, "a state machine and a transport are needed")
	case c.ElectionTicks <= c.HeartbeatTicks || c.HeartbeatTicks < 0 || c.Tick < 0:
		return invalid(c.Dir, "the election timeout (%d ticks) must exceed the heartbeat interval (%d ticks)", c.ElectionTicks, c.HeartbeatTicks)
	case c.ImageBytesPerSecond < 0 || c.ReserveBytes < 0 || c.BallastBytes < 0:
		return invalid(c.Dir, "a number of bytes is negative")
	case c.MaxCommandBytes < 0 || c.MaxCommandBytes > maxInflightBytes/2:
		return invalid(c.Dir, "the longest command must be between 1 and %d bytes", maxInflightBytes/2)
	}
	return nil
}

// validateMembers reports what is wrong with the first members of a cluster.
func (c Config) validateMembers() error {
	seen := make(map[uint64]bool)
	for _, m := range c.Members {
		if m.ID == 0 || seen[m.ID] {
			return invalid(c.Dir, "member id %d is 0 or given twice", m.ID)
		}
		seen[m.ID] = true
	}
	switch {
	case c.Join && len(c.Members) > 0:
		return invalid(c.Dir, "one that joins does not say who the first members are")
	case !c.Join && !seen[c.ID]:
		return invalid(c.Dir, "member %d is not among the first members", c.ID)
	}
	return nil
}
