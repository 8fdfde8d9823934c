package raftlog

import (
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// The oldest segment that is left may begin with a mark that is older than its entries: those between were in a
// segment that is deleted since. That is no gap.
func TestSegmentThatBeginsWithAnOldMark(t *testing.T) {
	const segment = 64 << 10
	path := filepath.Join(t.TempDir(), "log")
	state := func(commit uint64) *raftpb.HardState {
		return &raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(1)), Commit: new(commit)}
	}
	mark := func(index uint64) *walpb.Snapshot {
		return &walpb.Snapshot{Index: new(index), Term: new(uint64(1)), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}
	}
	zl := zapLogger(Config{}.withDefaults().Log)
	if err := createJournal(zl, path, header{}.encode(), state(1), mark(1)); err != nil {
		t.Fatal(err)
	}
	j, _, err := openJournal(zl, filepath.Dir(path), path, mark(1), hooks{})
	if err != nil {
		t.Fatal(err)
	}
	save := func(first, last uint64, size int) {
		t.Helper()
		var entries []*raftpb.Entry
		for index := first; index <= last; index++ {
			entries = append(entries, &raftpb.Entry{Term: new(uint64(1)), Index: new(index), Data: make([]byte, size)})
		}
		if err := j.save(state(last), entries); err != nil {
			t.Fatal(err)
		}
	}
	save(2, 20, segment/16) // fills the first segment: the next begins
	if err := j.mark(state(20), mark(10)); err != nil {
		t.Fatal(err)
	}
	save(21, 30, 8)
	if err := j.mark(state(30), mark(25)); err != nil {
		t.Fatal(err)
	}
	if err := j.drop(25); err != nil {
		t.Fatal(err)
	}
	s, err := surveySegments(path)
	if err != nil {
		t.Fatal(err)
	}
	if found := newestMark(s); found.GetIndex() != 25 || s.last != 30 {
		t.Errorf("the newest mark is at %d, the last entry %d", found.GetIndex(), s.last)
	}
	if err := j.wal.Close(); err != nil {
		t.Fatal(err)
	}
	again, entries, err := openJournal(zl, filepath.Dir(path), path, mark(25), hooks{})
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d entries behind the mark, %v", len(entries), err)
	}
	if err := again.wal.Close(); err != nil {
		t.Error(err)
	}
}
