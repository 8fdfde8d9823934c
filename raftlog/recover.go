package raftlog

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// recovered is what a member knows when it starts.
type recovered struct {
	journal *journal
	state   *raftpb.HardState
	mark    *walpb.Snapshot // the journal begins behind it
	entries []*raftpb.Entry
	applied uint64 // by the state machine, durably

	memberships []since    // at the mark, and after each change up to applied
	membership  membership // the last of them
}

// The place every member of a new cluster starts from. Entries begin behind it, so that the members, which
// raft keeps with snapshots, need no entry of their own.
const (
	genesisIndex = 1
	genesisTerm  = 1
)

// recoverJournal brings the folder into order after whatever happened, and reads it. The folder is locked.
func recoverJournal(cfg Config, zl *zap.Logger) (*recovered, error) {
	if err := makeRoom(cfg); err != nil {
		return nil, err
	}
	if err := settle(cfg, zl); err != nil {
		return nil, err
	}
	found, err := journals(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		if found, err = bootstrap(cfg, zl); err != nil {
			return nil, err
		}
	}
	for _, index := range found[1:] { // replaced, and not yet deleted
		if err := os.RemoveAll(filepath.Join(cfg.Dir, journalName(index))); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(cfg.Dir, journalName(found[0]))
	s, err := surveySegments(path)
	if err != nil {
		return nil, err
	}
	h, err := checkHeader(cfg, path, s.header)
	if err != nil {
		return nil, err
	}
	mark := newestMark(s)
	if mark == nil {
		return nil, refuse(path, syscall.EIO, "the journal has no mark to begin from. %s", wayOut)
	}
	if err := cut(cfg, s.tear); err != nil {
		return nil, err
	}
	j, entries, err := openJournal(zl, cfg.Dir, path, mark, cfg.hooks)
	if err != nil {
		return nil, err
	}
	j.head = h
	r := &recovered{journal: j, state: j.saved, mark: mark, entries: entries, applied: cfg.StateMachine.Applied()}
	err = r.reconcile()
	if err == nil {
		err = r.remember(cfg.Address)
	}
	if err != nil {
		return nil, errors.Join(err, j.wal.Close())
	}
	return r, nil
}

// remember finds out who the members are as of applied: what the mark says, and the changes behind it.
func (r *recovered) remember(address string) error {
	book, err := readBook(r.journal.path, r.journal.head)
	if err != nil {
		return err
	}
	m := membershipOf(r.mark.GetConfState(), joined(r.journal.head.Members, book))
	if id := m.unknown(); id != 0 {
		return refuse(r.journal.path, syscall.EIO, "nothing tells the address of member %x. %s", id, wayOut)
	}
	r.memberships, r.membership = []since{{r.mark.GetIndex(), m}}, m
	for _, e := range r.entries {
		if e.GetType() == raftpb.EntryNormal {
			continue
		}
		_, c, _, _, ok := decodeChange(e)
		if !ok {
			return notUnderstood(r.journal.path, e.GetIndex())
		}
		m = m.with(c)
		if e.GetIndex() <= r.applied {
			r.memberships, r.membership = append(r.memberships, since{e.GetIndex(), m}), m
		}
	}
	self, known := m.member(r.journal.head.Member)
	if known && len(m.voters) > 1 && address != "" && address != self.Address {
		return refuse(r.journal.dir, syscall.EINVAL, "it belongs to the member at %s, and this one is at %s: it is a copy, or this master has moved. %s", self.Address, address, wayOut)
	}
	return nil
}

// settle finishes or undoes what a crash left: images half received, and the journal that was to begin at an
// image. If the state machine has that image, the journal takes its place; otherwise nothing happened.
func settle(cfg Config, zl *zap.Logger) error {
	leftovers, err := filepath.Glob(filepath.Join(cfg.Dir, imagePattern))
	if err != nil {
		return fault("open journal", cfg.Dir, err)
	}
	for _, path := range append(leftovers, filepath.Join(cfg.Dir, nextName+".tmp"), filepath.Join(cfg.Dir, bookName+".tmp")) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	next := filepath.Join(cfg.Dir, nextName)
	if _, err := os.Stat(next); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if s, err := surveySegments(next); err == nil {
		if mark := newestMark(s); mark != nil && mark.GetIndex() == cfg.StateMachine.Applied() {
			zl.Warn("finishing the installation of an image", zap.Uint64("index", mark.GetIndex()))
			_, err := promote(cfg.Dir, mark.GetIndex())
			return err
		}
	}
	return os.RemoveAll(next)
}

// bootstrap makes the journal of a new cluster's member, whole or not at all.
func bootstrap(cfg Config, zl *zap.Logger) ([]uint64, error) {
	if err := cfg.validateMembers(); err != nil {
		return nil, err
	}
	begin, applied := uint64(genesisIndex), cfg.StateMachine.Applied()
	switch {
	case applied == 0:
	case cfg.Restored && !cfg.Join:
		begin = max(begin, applied)
	default:
		return nil, refuse(cfg.Dir, syscall.ENOENT, "the journal is missing, but the state machine has applied %d entries. %s", applied, wayOut)
	}
	h := header{cfg.ClusterID, cfg.ID, cfg.Members}
	state := &raftpb.HardState{Term: new(uint64(genesisTerm)), Vote: new(uint64(0)), Commit: new(begin)}
	mark := &walpb.Snapshot{Index: new(begin), Term: new(uint64(genesisTerm)), ConfState: founded(cfg.Members).conf()}
	if cfg.Join {
		// It does not know the first members, so it must not go on from the others' beginning. No entry has this
		// term, so it will be sent an image.
		mark.Term = new(uint64(0))
	}
	if err := createJournal(zl, filepath.Join(cfg.Dir, nextName), h.encode(), state, mark); err != nil {
		return nil, err
	}
	cfg.hooks.at("journal created")
	_, err := promote(cfg.Dir, begin)
	return []uint64{begin}, err
}

func parseHeader(path string, encoded []byte) (header, error) {
	var h header
	if err := json.Unmarshal(encoded, &h); err != nil {
		return h, refuse(path, syscall.EIO, "the head of its segments is not readable: %v. %s", err, wayOut)
	}
	return h, nil
}

// checkHeader refuses the journal of somebody else.
func checkHeader(cfg Config, path string, encoded []byte) (header, error) {
	h, err := parseHeader(path, encoded)
	if err != nil {
		return h, err
	}
	if h.Cluster != cfg.ClusterID {
		return h, refuse(cfg.Dir, syscall.EINVAL, "it belongs to cluster %d, not to cluster %d", h.Cluster, cfg.ClusterID)
	}
	if h.Member != cfg.ID {
		return h, refuse(cfg.Dir, syscall.EINVAL, "it belongs to member %d, not to member %d", h.Member, cfg.ID)
	}
	return h, nil
}

// newestMark returns the last mark that is committed. Index 0 is written by etcd into every new WAL.
func newestMark(s *survey) *walpb.Snapshot {
	var newest *walpb.Snapshot
	for _, mark := range s.marks {
		if mark.GetIndex() > 0 && mark.GetIndex() <= s.state.GetCommit() {
			newest = mark
		}
	}
	return newest
}

// cut removes a torn write. etcd's wal.Repair would neither see one that begins with a gap nor say how much it
// cut.
func cut(cfg Config, t *tear) error {
	if t == nil {
		return nil
	}
	cfg.Log.Warn("the journal ends in a write that was never finished; it is cut off", "file", t.path, "offset", t.at, "bytes", t.bytes)
	f, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(t.at)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// reconcile compares the journal with the state machine.
//
// The state machine may be ahead of the journal's commit index, which is not synced by itself. What it has
// applied was committed, and was in this journal before, so the commit index follows it. But it cannot
// be ahead of the journal's end, nor behind its beginning: then one of the two has lost something.
func (r *recovered) reconcile() error {
	first, last := r.mark.GetIndex(), r.mark.GetIndex()+uint64(len(r.entries))
	switch {
	case r.applied == 0 && first == genesisIndex:
		r.applied = genesisIndex // the empty state
	case r.applied < first:
		return refuse(r.journal.path, syscall.EIO, "it begins behind entry %d, but the state machine has only %d: the state machine's folder is old or was lost. %s", first, r.applied, wayOut)
	case r.applied > last:
		return refuse(r.journal.path, syscall.EIO, "it ends at entry %d, but the state machine has %d: the journal has lost its end. %s", last, r.applied, wayOut)
	}
	if r.state.GetCommit() > last {
		return refuse(r.journal.path, syscall.EIO, "it ends at entry %d, but %d were committed: the journal has lost its end. %s", last, r.state.GetCommit(), wayOut)
	}
	if r.state.GetCommit() < r.applied {
		r.state = &raftpb.HardState{Term: r.state.Term, Vote: r.state.Vote, Commit: new(r.applied)}
	}
	return nil
}

// storage gives raft what was recovered.
func (r *recovered) storage() (*raft.MemoryStorage, error) {
	storage := raft.NewMemoryStorage()
	// raft reads from it who the members are as of applied; the next mark puts things right.
	metadata := &raftpb.SnapshotMetadata{Index: r.mark.Index, Term: r.mark.Term, ConfState: r.membership.conf()}
	if err := storage.ApplySnapshot(&raftpb.Snapshot{Metadata: metadata}); err != nil {
		return nil, err
	}
	if err := storage.SetHardState(r.state); err != nil {
		return nil, err
	}
	return storage, storage.Append(r.entries)
}

// readdressed returns what to tell a person if the configuration names other addresses than the journal, which
// is the one that counts.
func readdressed(configured, kept []Member) string {
	var changes []string
	for _, c := range configured {
		for _, k := range kept {
			if c.ID == k.ID && c.Address != k.Address {
				changes = append(changes, k.Address+" (configured: "+c.Address+")")
			}
		}
	}
	return strings.Join(changes, ", ")
}
