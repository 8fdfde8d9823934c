package metastore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"goosefs/metastore/metapb"

	"go.etcd.io/bbolt"
)

// Options are a store's settings; the zero value is usable.
type Options struct {
	// BlockSize is that of files whose command names none. It takes part in what
	// commands do, so it must be the same on all members. DefaultBlockSize if 0.
	BlockSize int64
	// Changes are flushed after this long (2 s if 0) or when there are so many
	// (100,000 if 0), whichever comes first.
	FlushInterval time.Duration
	FlushChanges  int
	// HashEvery is after how many commands a hash is kept (1,024 if 0), the same
	// on all members.
	HashEvery int
	// Owner and Group of "/" until it is mounted.
	Owner, Group string
	// Log is told of flushes that fail; nil is silence.
	Log *slog.Logger

	disk disk
	// A listing goes by pages of listPage inodes; tests make them small, and act
	// between two.
	listPage int
	between  func()
}

// disk is what a store asks of its disk beside bbolt's reading and writing; tests
// make it fail.
type disk struct {
	commit  func(*bbolt.Tx) error // writes and syncs the changes of a flush
	syncDir func(dir string) error
}

func (o *Options) setDefaults() {
	if o.BlockSize == 0 {
		o.BlockSize = DefaultBlockSize
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = 2 * time.Second
	}
	if o.FlushChanges == 0 {
		o.FlushChanges = 100_000
	}
	if o.HashEvery == 0 {
		o.HashEvery = hashEvery
	}
	if o.listPage == 0 {
		o.listPage = listPage
	}
	if o.between == nil {
		o.between = func() {}
	}
	if o.disk.commit == nil {
		o.disk.commit = (*bbolt.Tx).Commit
	}
	if o.disk.syncDir == nil {
		o.disk.syncDir = syncDir
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Store is the namespace. Apply and Restore are called by one goroutine, the
// log's; everything else by any.
type Store struct {
	path    string // of the database
	options Options
	cache   inodeCache

	// Locks are taken in this order.
	//
	// flushing is held while the database is written: one flush at a time.
	flushing sync.Mutex
	// batch is held while a batch of commands is applied: the overlay is frozen
	// only between batches, as only there the applied index belongs to it.
	batch sync.Mutex
	// mu guards the state; readers share it. It is never held during a write to
	// the database.
	mu struct {
		sync.RWMutex
		db     *bbolt.DB
		active *overlay // what commands change
		frozen *overlay // what is being written; nil when nothing is
		// frozenState belongs to it.
		frozenState state
		full        bool // there was no space to write it
		state       state
		mounts      mountTable
		watches     watches // of listings under way
		ops         opIndex
		unfinished  unfinished
		// durable is the applied index that is in the database.
		durable uint64
		hashes  []StateHash // the most recent ones, oldest first
		closed  bool
		err     error // of the flush that ended the store
	}

	wake    chan struct{} // tells the flusher that there is enough to write
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed when the flusher is gone
	failed  chan struct{} // closed when mu.err is set

	// closing are databases that a Restore has replaced and that somebody still
	// reads.
	closing sync.WaitGroup
}

// state is all that is not an entry: metapb.State, which says what is what.
type state struct {
	applied, commands        uint64
	nextContainer, nextMount int64
	files, dirs              int64
	trash, unpersisted       int64
	sum                      sum
}

const databaseName = "metastore.db"

// Open opens the store in the folder dir, and makes both if they are not there.
// A new store has one directory, "/", and no mount.
func Open(dir string, o Options) (*Store, error) {
	o.setDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Store{
		path:    filepath.Join(dir, databaseName),
		options: o,
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		failed:  make(chan struct{}),
	}
	if err := removeLeftovers(dir); err != nil {
		return nil, err
	}
	db, err := openDatabase(s.path)
	if err != nil {
		return nil, err
	}
	if err := s.start(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go s.flushLoop()
	return s, nil
}

// start loads the database; a new one gets its buckets and its root.
func (s *Store) start(db *bbolt.DB) error {
	if err := layOut(db); err != nil {
		return fmt.Errorf("make %s: %w", s.path, err)
	}
	if err := s.load(db); err != nil {
		return err
	}
	if s.mu.state.dirs > 0 {
		return nil
	}
	s.makeRoot()
	return s.flush()
}

// Close flushes and closes the store. It waits for images to be closed. Reads
// after it fail with os.ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	close(s.stop)
	<-s.stopped
	err := errors.Join(s.flush(), s.mu.db.Close())
	s.closing.Wait()
	return err
}

// Failed is closed when a flush has failed. What was applied since is only in
// memory and in the log, and nothing more will become durable: the process
// should end. Err says why.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err is the error of the flush that failed, or nil.
func (s *Store) Err() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.err
}

// makeRoot gives an empty store its root. Its times and owner are set when it
// is mounted.
func (s *Store) makeRoot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.treeLocked()
	defer t.close()
	s.mu.state.nextContainer = firstContainer
	s.mu.state.nextMount = 1
	t.insert(&Inode{
		ID: t.newID(), ParentID: trashID, Dir: true, Completed: true,
		Mode: defaultDirMode, Owner: s.options.Owner, Group: s.options.Group,
	})
}

// load takes over what the database holds.
func (s *Store) load(db *bbolt.DB) error {
	table := mountTable{}
	var known opIndex
	var record metapb.State
	err := db.View(func(tx *bbolt.Tx) error {
		if err := readState(tx, &record); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		known = readOps(tx)
		return tx.Bucket(mounts.bucket()).ForEach(func(_, v []byte) error {
			var r metapb.MountRecord
			unmarshal(v, &r)
			table[r.Path] = mountOf(&r)
			return nil
		})
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.db = db
	s.mu.active, s.mu.frozen, s.mu.full = newOverlay(), nil, false
	s.mu.state = stateOf(&record)
	s.mu.durable = record.Applied
	s.mu.mounts = table
	s.mu.ops = known
	s.mu.unfinished = unfinished{}
	s.mu.hashes = nil
	s.mu.watches.replace()
	s.cache.clear()
	return nil
}
