package raftlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Log is one member's end of the replicated list. All methods may be called from any goroutine.
type Log struct {
	cfg      Config
	waiting  *waiting
	received chan *raftpb.Message   // from other members
	proposed chan *proposal         // unbuffered: a proposal is either the caller's or the raft goroutine's
	reading  chan *read             // unbuffered likewise
	events   *queue[func(*replica)] // to be run by the raft goroutine: answers of the other goroutines, and requests; few at a time
	writes   *queue[write]          // to the journal goroutine; bounded by raft's limits on what is on its way
	tasks    *queue[task]           // to the apply goroutine; bounded by maxApplyingBytes and open transfers

	background context.Context // ends when the log does; for image transfers
	cancel     context.CancelFunc
	transfers  sync.WaitGroup

	stop        chan struct{} // closed: end
	stopOnce    sync.Once
	failed      chan struct{} // closed before stop if the log failed
	full        atomic.Bool   // see space.go
	slow        slowness
	applierDone <-chan struct{}
	done        chan struct{} // closed when all goroutines have ended and the folder is unlocked

	mu struct {
		sync.Mutex
		err        error // why it failed, or what went wrong in closing
		membership membership
		role       Role
		changed    chan struct{} // closed when role changes
		status     Status        // the last one, for after the end
	}
}

// Open brings the folder into order, replays nothing by itself (the apply goroutine does, from the state
// machine's Applied), and joins the other members. A folder that is damaged, locked or foreign is refused
// with an *fs.PathError. A single member leads at once.
func Open(cfg Config) (*Log, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	zl := zapLogger(cfg.Log)
	r, err := recoverJournal(cfg, zl)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	l, err := start(cfg, r, lock)
	if err != nil {
		return nil, errors.Join(err, r.journal.wal.Close(), lock.Close())
	}
	if text := readdressed(cfg.Members, r.membership.book); text != "" {
		cfg.Log.Warn("members have other addresses in the journal than in the configuration; the journal counts", "members", text)
	}
	cfg.Log.Info("log open", "dir", cfg.Dir, "member", cfg.ID, "members", describe(r.membership), "first", r.mark.GetIndex()+1,
		"last", r.mark.GetIndex()+uint64(len(r.entries)), "commit", r.state.GetCommit(), "applied", r.applied, "term", r.state.GetTerm())
	return l, nil
}

func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil { // or a power cut takes the folder with its journal
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, lockName))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fault("lock", lock.Path(), err)
	}
	if !locked {
		holder, _ := os.ReadFile(lock.Path())
		return nil, refuse(dir, syscall.EBUSY, "process %s uses it", strings.TrimSpace(string(holder)))
	}
	_ = os.WriteFile(lock.Path(), fmt.Appendln(nil, os.Getpid()), 0o600) // for a person; the disk may be full
	return lock, nil
}

// start makes the three goroutines and lets them run.
func start(cfg Config, rec *recovered, lock *flock.Flock) (l *Log, err error) {
	storage, err := rec.storage()
	if err != nil {
		return nil, fault("open journal", rec.journal.path, err)
	}
	defer func() { // raft panics on a state it does not believe
		if p := recover(); p != nil {
			l, err = nil, fault("open journal", rec.journal.path, panicked(p))
		}
	}()
	node, err := raft.NewRawNode(raftConfig(cfg, storage, rec.applied))
	if err != nil {
		return nil, fault("open journal", rec.journal.path, err)
	}
	l = &Log{
		cfg:      cfg,
		waiting:  newWaiting(),
		received: make(chan *raftpb.Message, 256),
		proposed: make(chan *proposal),
		reading:  make(chan *read),
		events:   newQueue[func(*replica)](),
		writes:   newQueue[write](),
		tasks:    newQueue[task](),
		stop:     make(chan struct{}),
		failed:   make(chan struct{}),
		done:     make(chan struct{}),
	}
	l.background, l.cancel = context.WithCancel(context.Background())
	l.mu.changed = make(chan struct{})
	l.mu.membership = rec.membership
	w := newWriter(l, rec, storage)
	a := newApplier(l, rec, storage)
	r := newReplica(l, rec, node, storage)
	l.applierDone = a.done
	go w.run()
	go a.run()
	go r.run(func() { l.end(r, w, a, lock) })
	return l, nil
}

func raftConfig(cfg Config, storage raft.Storage, applied uint64) *raft.Config {
	reads := raft.ReadOnlySafe // never by a clock
	if built == leaseRead {
		reads = raft.ReadOnlyLeaseBased
	}
	return &raft.Config{
		ID:                        cfg.ID,
		ElectionTick:              cfg.ElectionTicks,
		HeartbeatTick:             cfg.HeartbeatTicks,
		Storage:                   storage,
		Applied:                   applied,
		AsyncStorageWrites:        true, // the raft goroutine does no I/O
		MaxSizePerMsg:             maxMessageBytes,
		MaxCommittedSizePerReady:  maxApplyingBytes,
		MaxUncommittedEntriesSize: maxUncommittedBytes,
		MaxInflightMsgs:           maxInflightMessages,
		MaxInflightBytes:          maxInflightBytes,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            reads,
		DisableProposalForwarding: true, // a command is computed on the leader
		Logger:                    raftLogger{cfg.Log},
	}
}

// end runs on the raft goroutine after its loop: it stops the others in the order in which they feed each
// other, answers everybody who still waits, and unlocks the folder.
func (l *Log) end(r *replica, w *writer, a *applier, lock *flock.Flock) {
	r.publishEnd()
	l.cancel()
	l.writes.close()
	<-w.done
	l.tasks.close()
	<-a.done
	l.transfers.Wait()
	l.waiting.abandon(ErrUnknown)
	r.reads.fail(ErrClosed)
	r.transfer.fail(ErrClosed)
	var err error
	if l.Err() == nil {
		err = w.journal.close(w.state)
	} else if l.cfg.hooks.write != nil {
		_ = w.journal.wal.Close() // the machine is a simulated one: this process goes on
	} // else: closing would sync again, see the package comment; the process is about to exit
	if err = errors.Join(err, lock.Close()); err != nil {
		l.mu.Lock()
		l.mu.err = errors.Join(l.mu.err, err)
		l.mu.Unlock()
	}
	close(l.done)
}

// fail ends the log for a reason that cannot be repaired in this process. Only the first reason counts.
func (l *Log) fail(err error) {
	l.mu.Lock()
	first := l.mu.err == nil
	if first {
		l.mu.err = err
		close(l.failed)
	}
	l.mu.Unlock()
	if first {
		l.cfg.Log.Error("the log has failed; this member must be restarted", "error", err)
	}
	l.stopOnce.Do(func() { close(l.stop) })
}

// Failed is closed when the log has ended by itself: Err says why. It is not closed by Close.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Err returns why the log ended, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// closeTransferTimeout bounds how long Close waits for another member to lead.
const closeTransferTimeout = time.Second

// Close ends the log. A leader hands leadership over first, if another member can take it within a second.
// Proposals on their way are answered ErrUnknown. It returns the reason if the log has failed.
func (l *Log) Close() error {
	if s := l.Status(); s.Leader == s.ID && len(s.Members) > 1 {
		ctx, cancel := context.WithTimeout(l.background, closeTransferTimeout)
		if err := l.TransferLeadership(ctx, 0); err != nil {
			l.cfg.Log.Info("closing without handing leadership over", "reason", err)
		}
		cancel()
	}
	l.stopOnce.Do(func() { close(l.stop) })
	<-l.done
	return l.Err()
}
