package raftlog

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// header is written, as JSON, at the head of every segment.
type header struct {
	Cluster uint64   `json:"cluster"`
	Member  uint64   `json:"member"`
	Members []Member `json:"members"` // the book of members as of the journal's beginning
}

func (h header) encode() []byte {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // numbers and strings only
	}
	return b
}

// journal is the member's log on disk: the WAL in one folder log-INDEX. Its methods are called from the
// journal goroutine, and from Open before that runs. After an error it must not be used again.
type journal struct {
	dir   string // Config.Dir
	path  string // dir/log-INDEX
	wal   *wal.WAL
	head  header
	saved *raftpb.HardState // the last that was written
	log   *zap.Logger
	hooks hooks
}

// Names in Config.Dir.
const (
	lockName      = "LOCK"
	ballastName   = "BALLAST"     // see space.go
	bookName      = "MEMBERS"     // see book.go
	journalPrefix = "log-"        // a journal, then its first index in hex
	nextName      = "next"        // a journal that becomes log-INDEX once its image is restored
	imagePattern  = "image-*.tmp" // an image being received
)

func journalName(index uint64) string { return fmt.Sprintf("%s%016x", journalPrefix, index) }

// createJournal makes a complete journal in the folder path: it holds the hard state and one mark, and is
// on disk when createJournal returns. A leftover there is replaced.
func createJournal(zl *zap.Logger, path string, h []byte, state *raftpb.HardState, mark *walpb.Snapshot) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	w, err := wal.Create(zl, path, h)
	if err != nil {
		return fault("create journal", path, err)
	}
	err = w.Save(state, nil)
	if err == nil {
		err = w.SaveSnapshot(mark)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return fault("create journal", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// openJournal opens the journal in the folder path at a mark which it holds, and returns with it the hard
// state and the entries behind the mark.
func openJournal(zl *zap.Logger, dir, path string, mark *walpb.Snapshot, hooks hooks) (*journal, []*raftpb.Entry, error) {
	w, err := wal.Open(zl, path, mark)
	if err != nil {
		return nil, nil, fault("open journal", path, err)
	}
	_, state, entries, err := w.ReadAll()
	if err != nil {
		return nil, nil, errors.Join(fault("read journal", path, err), w.Close())
	}
	return &journal{dir: dir, path: path, wal: w, saved: state, log: zl, hooks: hooks}, entries, nil
}

// save writes entries and the hard state, with one fdatasync.
func (j *journal) save(state *raftpb.HardState, entries []*raftpb.Entry) error {
	if j.hooks.save != nil {
		if err := j.hooks.save(len(entries)); err != nil {
			return fault("write journal", j.path, err)
		}
	}
	if err := j.hooks.around(func() error { return j.wal.Save(state, entries) }); err != nil {
		return fault("write journal", j.path, err)
	}
	j.saved = state
	return nil
}

// mark writes that the state machine has everything up to the mark on its own disk: reading will begin
// there. The hard state goes with it, because a mark beyond the commit index is not believed.
func (j *journal) mark(state *raftpb.HardState, mark *walpb.Snapshot) error {
	if err := j.save(state, nil); err != nil {
		return err
	}
	if err := j.hooks.around(func() error { return j.wal.SaveSnapshot(mark) }); err != nil {
		return fault("write journal", j.path, err)
	}
	return nil
}

// reopen closes the journal and opens it again, at a mark that it holds.
func (j *journal) reopen(mark *walpb.Snapshot) error {
	if err := j.wal.Close(); err != nil {
		return fault("close journal", j.path, err)
	}
	next, _, err := openJournal(j.log, j.dir, j.path, mark, j.hooks)
	if err != nil {
		return err
	}
	next.head = j.head
	*j = *next
	return nil
}

// drop deletes the segments that reading from a mark at index does not need.
func (j *journal) drop(index uint64) error {
	if err := j.wal.ReleaseLockTo(index); err != nil {
		return fault("truncate journal", j.path, err)
	}
	paths, err := filepath.Glob(filepath.Join(j.path, "*.wal"))
	if err != nil {
		return fault("truncate journal", j.path, err)
	}
	dropped := droppable(paths, index)
	for _, path := range dropped { // oldest first: what is left after a crash has no gap
		if err := os.Remove(path); err != nil {
			return err
		}
		j.hooks.at("segment deleted")
	}
	if len(dropped) == 0 {
		return nil
	}
	return syncDir(j.path)
}

// droppable returns the oldest of the segments, named by number and first index: those whose successor
// already begins before index.
func droppable(paths []string, index uint64) []string {
	for i := range paths {
		if i+1 == len(paths) {
			return paths[:i]
		}
		var number, first uint64
		_, err := fmt.Sscanf(filepath.Base(paths[i+1]), "%016x-%016x.wal", &number, &first)
		if err != nil || first >= index {
			return paths[:i]
		}
	}
	return nil
}

// replace puts the journal dir/next, which begins at the mark, in the place of this one. Everything in this
// one is forgotten, also what lies beyond the mark.
func (j *journal) replace(mark *walpb.Snapshot, book []Member) error {
	path, err := promote(j.dir, mark.GetIndex())
	if err != nil {
		return err
	}
	j.hooks.at("journal replaced")
	next, _, err := openJournal(j.log, j.dir, path, mark, j.hooks)
	if err != nil {
		return err
	}
	old := *j
	next.head = header{old.head.Cluster, old.head.Member, book}
	*j = *next
	if err := old.wal.Close(); err != nil {
		return fault("close journal", old.path, err)
	}
	return os.RemoveAll(old.path)
}

// promote renames dir/next to its final name, the moment from which it counts.
func promote(dir string, index uint64) (string, error) {
	path := filepath.Join(dir, journalName(index))
	if err := os.Rename(filepath.Join(dir, nextName), path); err != nil {
		return "", err
	}
	return path, syncDir(dir)
}

// close ends a journal that has not failed. Writing the hard state once more keeps the latest commit index,
// so that the next start replays without waiting for a leader.
func (j *journal) close(state *raftpb.HardState) error {
	err := j.wal.Save(state, nil)
	return errors.Join(err, j.wal.Close())
}

// journals returns the first indexes of the journals in dir, highest first.
func journals(dir string) ([]uint64, error) {
	paths, err := filepath.Glob(filepath.Join(dir, journalPrefix+"*"))
	if err != nil {
		return nil, fault("open journal", dir, err)
	}
	var found []uint64
	for _, path := range paths {
		var index uint64
		if n, _ := fmt.Sscanf(filepath.Base(path), journalPrefix+"%016x", &index); n != 1 || filepath.Base(path) != journalName(index) {
			return nil, refuse(path, syscall.EINVAL, "not the name of a journal")
		}
		found = append(found, index)
	}
	slices.SortFunc(found, func(a, b uint64) int { return cmp.Compare(b, a) })
	return found, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err = fileutil.Fsync(d); err != nil {
		err = fault("sync", dir, err)
	}
	return errors.Join(err, d.Close())
}

// prepare makes dir/next, the journal that will replace this one.
func (j *journal) prepare(h header, state *raftpb.HardState, mark *walpb.Snapshot) error {
	return createJournal(j.log, filepath.Join(j.dir, nextName), h.encode(), state, mark)
}
