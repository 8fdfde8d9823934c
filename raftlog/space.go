package raftlog

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"golang.org/x/sys/unix"
)

// A full disk must not end a member: the journal goroutine looks once a second how much is free, and while it is less
// than Config.ReserveBytes the member is full. A full member takes no commands (ErrFull) and no entries or images
// from a leader, and goes on with everything else: it votes, hears and sends heartbeats, answers reads. What it
// still writes, elections above all, fits into the segment that is allocated already. When there is space again it
// is full no more, by itself.
//
// When somebody else fills the disk to the last byte the reserve is gone too. Then the file BALLAST is given up, so
// that the state machine can write its checkpoint and old segments can be deleted. It comes back with the space.

// spaceCheck is how often the disk is looked at.
const spaceCheck = time.Second

// space is what the journal goroutine knows of its disk.
type space struct {
	unprepared int // checks in a row that found the next segment not allocated
}

// spaceAction is what to do about the disk.
type spaceAction int

const (
	goOn       spaceAction = iota
	stopTaking             // full from now on
	giveBallastUp
	takeAgain // full no more
	keepBallast
)

// decideSpace is a function of what is free, of the limits, of whether the member counts as full and of whether the
// ballast is there.
func decideSpace(free, reserve, ballast int64, full, kept bool) spaceAction {
	switch {
	case !full && free < reserve:
		return stopTaking
	case full && kept && free < reserve/4:
		return giveBallastUp
	case full && kept && free >= reserve, full && !kept && free >= reserve+ballast:
		return takeAgain
	case !full && !kept && free >= reserve+2*ballast:
		return keepBallast
	}
	return goOn
}

// checkSpace looks at the disk and does what is to be done. It runs on the journal goroutine.
func (w *writer) checkSpace() error {
	defer w.log.post(func(r *replica) { r.checking = false })
	cfg, full := w.log.cfg, w.log.full.Load()
	free, err := w.free()
	if err != nil {
		return fault("statfs", cfg.Dir, err)
	}
	ballast := filepath.Join(cfg.Dir, ballastName)
	_, err = os.Lstat(ballast)
	kept := err == nil
	switch decideSpace(free, cfg.ReserveBytes, cfg.BallastBytes, full, kept) {
	case stopTaking:
		cfg.Log.Error("the disk of the journal is full: no changes are taken until there is space", "dir", cfg.Dir, "free", free, "needed", cfg.ReserveBytes)
		w.log.full.Store(true)
		w.press()
	case giveBallastUp:
		cfg.Log.Warn("no space at all: the ballast is given up, so that the log can be truncated", "dir", cfg.Dir, "free", free)
		if err := os.Remove(ballast); err != nil {
			return err
		}
		w.press()
	case takeAgain:
		w.space.unprepared = 1
		if err := w.prepareSegment(); err != nil {
			return err
		}
		cfg.Log.Info("there is space again: changes are taken", "dir", cfg.Dir, "free", free)
		w.log.full.Store(false)
	case keepBallast:
		if err := allocate(ballast, cfg.BallastBytes); err != nil {
			cfg.Log.Warn("no ballast", "file", ballast, "error", err)
		}
	case goOn:
		if !full {
			return w.prepareSegment()
		}
	}
	return nil
}

// press has the log truncated as far as it goes.
func (w *writer) press() { w.log.tasks.put(task{truncate: make(chan error, 1)}) }

// prepareSegment looks whether etcd's WAL has the next segment allocated. It does that ahead, and gives up for good
// if there was no space at that moment: then it is opened anew.
func (w *writer) prepareSegment() error {
	ready, err := w.journal.prepared()
	if err != nil {
		return fault("read journal", w.journal.path, err)
	}
	if ready {
		w.space.unprepared = 0
		return nil
	}
	if w.space.unprepared++; w.space.unprepared < 2 {
		return nil
	}
	w.space.unprepared = 0
	w.log.cfg.Log.Info("the next segment of the journal was not allocated; opening the journal anew", "dir", w.journal.path)
	return w.journal.reopen(w.mark)
}

// prepared says whether the next segment is allocated.
func (j *journal) prepared() (bool, error) {
	paths, err := filepath.Glob(filepath.Join(j.path, "*.tmp"))
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil && info.Size() >= wal.SegmentSizeBytes {
			return true, nil
		}
	}
	return false, err
}

// free is how much space there is for us; none if there are no more inodes.
func (w *writer) free() (int64, error) {
	if free := w.log.cfg.hooks.free; free != nil {
		return free(), nil
	}
	return freeSpace(w.log.cfg.Dir)
}

func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	const fewInodes = 16
	if s.Files > 0 && s.Ffree < fewInodes {
		return 0, nil
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// allocate makes a file that takes so much space on the disk.
func allocate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(fileutil.Preallocate(f, size, true), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// makeRoom gives the ballast up before the journal is opened, if there is no space to open it.
func makeRoom(cfg Config) error {
	free, err := freeSpace(cfg.Dir)
	if err != nil {
		return fault("statfs", cfg.Dir, err)
	}
	if free >= cfg.ReserveBytes/4 {
		return nil
	}
	err = os.Remove(filepath.Join(cfg.Dir, ballastName))
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// SetSegmentBytes sets the size of the journal's files in this process, 64 MB if it is never called. It belongs
// before the first Open.
func SetSegmentBytes(n int64) { wal.SegmentSizeBytes = n }
