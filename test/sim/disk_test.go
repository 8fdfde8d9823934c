package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// errStopped is what a machine that has stopped would say if it could.
var errStopped = errors.New("the machine has stopped")

// disk is what a master writes to in one life. When the machine stops nothing is written any more, so the folder stays
// as it was at that moment: the next life begins with it.
type disk struct {
	*member
	stopped chan struct{} // closed when the machine stops
	mu      struct {
		sync.Mutex
		armed  string // the point at which the machine will stop; "": none
		rate   float64
		fails  syscall.Errno // of the next write of the journal
		keeps  bool          // what that writes reaches the disk all the same
		flush  syscall.Errno // of the next flush
		broken bool          // the journal has failed: nothing may be written to it
	}
}

func newDisk(m *member) *disk { return &disk{member: m, stopped: make(chan struct{})} }

func (d *disk) hasStopped() bool {
	select {
	case <-d.stopped:
		return true
	default:
		return false
	}
}

// stop stops the machine.
func (d *disk) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.hasStopped() {
		close(d.stopped)
	}
}

// arm makes the machine stop at a point. rate says what part of a torn write reaches the disk.
func (d *disk) arm(point string, rate float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.armed, d.mu.rate = point, rate
}

// at stops the machine if it was to stop at this point.
func (d *disk) at(point string) bool {
	d.mu.Lock()
	reached := d.mu.armed == point && !d.hasStopped()
	d.mu.Unlock()
	if reached {
		d.world.note("master %d stops at %q", d.id, point)
		d.world.injected(stopAt)
		d.stop()
	}
	return reached
}

// fail makes the next write of the journal fail.
func (d *disk) fail(errno syscall.Errno, keeps bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.fails, d.mu.keeps = errno, keeps
}

func (d *disk) failFlush(errno syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.flush = errno
}

// crash is raftlog's Faults.At: the machine stops between two steps of the journal goroutine.
func (d *disk) crash(point string) {
	if d.at(point) && point != "checkpointed" {
		panic(errStopped)
	}
}

// write is raftlog's Faults.Write.
func (d *disk) write(write func() error) error {
	d.at("write")
	if err := d.failure(write); err != nil {
		return err
	}
	select {
	case <-time.After(d.latency()):
	case <-d.stopped:
	}
	if d.tears() {
		return errors.Join(errStopped, d.torn(write))
	}
	if d.hasStopped() {
		return errStopped // what was not synced is lost
	}
	return write()
}

// failure is the error of a write that a disk refuses.
func (d *disk) failure(write func() error) error {
	if d.hasStopped() {
		return errStopped
	}
	d.mu.Lock()
	broken, fails, keeps := d.mu.broken, d.mu.fails, d.mu.keeps
	d.mu.broken = broken || fails != 0
	d.mu.Unlock()
	if broken {
		d.world.violate("master %d writes to a journal that failed", d.id)
	}
	if fails == 0 {
		return nil
	}
	d.world.note("a write of master %d fails: %s", d.id, fails)
	if fails == syscall.ENOSPC {
		d.world.injected(noSpace)
	} else {
		d.world.injected(syncFails)
	}
	if keeps {
		return errors.Join(write(), &fs.PathError{Op: "sync", Path: d.dir, Err: fails})
	}
	return &fs.PathError{Op: "write", Path: d.dir, Err: fails}
}

// tears says whether the write that is under way is torn: the machine stops in it.
func (d *disk) tears() bool {
	d.mu.Lock()
	torn := d.mu.armed == string(tear) && !d.hasStopped()
	d.mu.Unlock()
	if torn {
		d.stop()
	}
	return torn
}

// torn writes, and takes some of the sectors back that were written.
func (d *disk) torn(write func() error) error {
	before, err := d.segments()
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	after, err := d.segments()
	if err != nil {
		return err
	}
	kept, lost := 0, 0
	for path, new := range after {
		old := before[path]
		if len(old) != len(new) {
			continue // a new segment
		}
		dice := rand.New(rand.NewPCG(d.world.plan.seed, uint64(len(bytes.TrimRight(new, "\x00")))))
		prefix := dice.IntN(2) == 0 // of the sectors, or any of them
		for at := 0; at < len(new); at += sector {
			if bytes.Equal(old[at:at+sector], new[at:at+sector]) {
				continue
			}
			if prefix && lost == 0 && dice.Float64() < d.rate() || !prefix && dice.Float64() < d.rate() {
				kept++
				continue
			}
			lost++
			copy(new[at:at+sector], old[at:at+sector])
		}
		if err := os.WriteFile(path, new, 0o600); err != nil {
			return err
		}
	}
	d.world.note("master %d stops while it writes: %d sectors reach the disk, %d do not", d.id, kept, lost)
	d.world.injected(tear)
	return nil
}

func (d *disk) rate() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.rate
}

// commit is metastore's Faults.Commit.
func (d *disk) commit(commit func() error) error {
	d.at("before flush")
	if d.hasStopped() {
		return errStopped
	}
	d.mu.Lock()
	fails := d.mu.flush
	d.mu.Unlock()
	if fails != 0 {
		d.world.note("a flush of master %d fails: %s", d.id, fails)
		d.world.injected(flushFails)
		return &fs.PathError{Op: "write", Path: d.dir, Err: fails}
	}
	err := commit()
	d.at("after flush")
	return err
}

// sector is what a disk writes whole or not at all.
const sector = 512

// segments are the journal's files.
func (m *member) segments() (map[string][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(m.dir, "journal", "log-*", "*.wal"))
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte)
	for _, path := range paths {
		if all[path], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// rot is a bit that changed.
type rot struct {
	path string
	at   int64
	bit  byte
}

func (r rot) String() string {
	return fmt.Sprintf("bit %d of byte %d of %s", r.bit, r.at, filepath.Base(r.path))
}

// rots changes a bit of something that was written to the journal.
func (m *member) rots(amount float64) (rot, error) {
	all, err := m.segments()
	if err != nil {
		return rot{}, err
	}
	var used int64
	for _, b := range all {
		used += int64(len(bytes.TrimRight(b, "\x00")))
	}
	at := int64(amount * float64(used))
	for path, b := range all {
		n := int64(len(bytes.TrimRight(b, "\x00")))
		if at < n {
			r := rot{path, at, byte(at % 8)}
			return r, r.flip()
		}
		at -= n
	}
	return rot{}, fs.ErrNotExist
}

// flip changes the bit, or changes it back.
func (r rot) flip() error {
	f, err := os.OpenFile(r.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, r.at)
	if err == nil {
		b[0] ^= 1 << r.bit
		_, err = f.WriteAt(b, r.at)
	}
	return errors.Join(err, f.Close())
}
