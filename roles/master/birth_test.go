package master

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/wire/clusterpb"
)

// What a master with an empty folder does, from what the others say.
func TestDecideBirth(t *testing.T) {
	masters := []Member{{Journal: "a:1"}, {Journal: "b:1"}, {Journal: "c:1"}}
	newborn := func(journal string) *clusterpb.Peer { return &clusterpb.Peer{JournalAddress: journal} }
	of := func(cluster uint64, members ...uint64) *clusterpb.Peer {
		p := &clusterpb.Peer{ClusterId: cluster}
		for _, id := range members {
			p.Members = append(p.Members, &clusterpb.Member{Id: id})
		}
		return p
	}
	refusing := of(7, 1)
	refusing.Refused = "not among the masters"
	for name, test := range map[string]struct {
		self  string
		heard []*clusterpb.Peer
		how   beginning
		waits string
	}{
		"alone of three":                      {"a:1", nil, resumes, "1 of 3"},
		"the first, with a second":            {"a:1", []*clusterpb.Peer{newborn("b:1")}, founds, ""},
		"the second, with the first":          {"b:1", []*clusterpb.Peer{newborn("a:1")}, resumes, "a:1 to found"},
		"the second and third, no first":      {"b:1", []*clusterpb.Peer{newborn("c:1")}, resumes, "a:1 to found"},
		"the first, but there is a cluster":   {"a:1", []*clusterpb.Peer{newborn("b:1"), of(7, 1)}, resumes, "leader of cluster"},
		"taken in":                            {"a:1", []*clusterpb.Peer{newborn("b:1"), of(7, 1, 9)}, joins, ""},
		"not wanted":                          {"a:1", []*clusterpb.Peer{refusing}, resumes, "not among the masters"},
		"two clusters":                        {"a:1", []*clusterpb.Peer{of(7, 1), of(8, 2)}, resumes, "several"},
		"two clusters, and taken in by one":   {"a:1", []*clusterpb.Peer{of(7, 1), of(8, 2, 9)}, joins, ""},
		"a majority was emptied, one was not": {"a:1", []*clusterpb.Peer{newborn("b:1"), of(7, 5)}, resumes, "leader of cluster"},
	} {
		me := &clusterpb.Peer{MemberId: 9, JournalAddress: test.self}
		b := decideBirth(me, masters, test.heard)
		if b.how != test.how || !strings.Contains(b.waits, test.waits) {
			t.Errorf("%s: %+v", name, b)
		}
	}
	if b := decideBirth(&clusterpb.Peer{MemberId: 9, JournalAddress: "a:1"}, masters[:1], nil); b.how != founds {
		t.Errorf("a single master: %+v", b)
	}
}

// Whose state is the odd one: not that of the majority, or, without one, not the leader's.
func TestDecideDiverged(t *testing.T) {
	peer := func(id uint64, sums ...string) *clusterpb.Peer {
		p := &clusterpb.Peer{MemberId: id}
		for i, sum := range sums {
			if sum != "" {
				p.Hashes = append(p.Hashes, &clusterpb.StateHash{Commands: uint64(i + 1), Sum: []byte(sum)})
			}
		}
		return p
	}
	for name, test := range map[string]struct {
		peers []*clusterpb.Peer
		want  []uint64
	}{
		"all equal":                       {[]*clusterpb.Peer{peer(1, "a", "b"), peer(2, "a", "b"), peer(3, "a", "b")}, nil},
		"one is behind":                   {[]*clusterpb.Peer{peer(1, "a", "b"), peer(2, "a", "b"), peer(3, "a")}, nil},
		"a follower":                      {[]*clusterpb.Peer{peer(1, "a", "b"), peer(2, "a", "x"), peer(3, "a", "b")}, []uint64{2}},
		"the leader":                      {[]*clusterpb.Peer{peer(1, "a", "x"), peer(2, "a", "b"), peer(3, "a", "b")}, []uint64{1}},
		"two met, no majority":            {[]*clusterpb.Peer{peer(1, "a"), peer(2, "x")}, []uint64{2}},
		"two met, the leader is not here": {[]*clusterpb.Peer{peer(2, "a"), peer(3, "x")}, nil},
		"all differ":                      {[]*clusterpb.Peer{peer(1, "a"), peer(2, "x"), peer(3, "y")}, []uint64{2, 3}},
		"a learner":                       {[]*clusterpb.Peer{peer(1, "a"), peer(2, "a"), peer(4, "x")}, []uint64{4}},
		"once wrong, told once":           {[]*clusterpb.Peer{peer(1, "a", "b"), peer(2, "x", "y"), peer(3, "a", "b")}, []uint64{2}},
	} {
		var got []uint64
		for _, d := range decideDiverged(test.peers, []uint64{1, 2, 3}, 1) {
			got = append(got, d.member)
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Two processes of one member are found out, and a restart is not taken for that.
func TestLives(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1e9+int64(s), 0) }
	l := newLives(time.Second)
	for i, step := range []struct {
		life    uint64
		at      int
		refused bool
	}{
		{1, 0, false},
		{2, 10, false}, // restarted
		{1, 11, true},  // what was still on its way
		{2, 12, false},
		{1, 20, true}, // it lives
		{2, 21, true}, // so neither is believed
		{1, 29, true},
		{2, 38, true},
		{2, 40, false}, // the other has been silent
		{3, 41, false},
		{4, 60, false}, // a copy of 3 is started ...
		{3, 61, true},
		{4, 65, false},
		{3, 66, true},
		{3, 74, true},
		{3, 76, false}, // ... and was stopped
		{4, 77, true},
	} {
		if err := l.admit(7, step.life, at(step.at)); (err != nil) != step.refused || err != nil && !errors.Is(err, syscall.EPERM) {
			t.Errorf("step %d: %v", i, err)
		}
		if twins := l.twins(at(step.at)); (step.at >= 20 && step.at < 39 || step.at >= 66 && step.at < 76) && !slices.Equal(twins, []uint64{7}) {
			t.Errorf("step %d: twins %v", i, twins)
		}
	}
}

func TestDailyBackups(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Time{
		5 * time.Hour:  time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC),
		12 * time.Hour: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
		23 * time.Hour: time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC),
	} {
		if got := nextDaily(noon, after); !got.Equal(want) {
			t.Errorf("at %v after noon: %v", after, got)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"goosefs-backup-2026-03-01-1772366400000.gz", "goosefs-backup-2026-03-02-1772452800000.gz", "goosefs-backup-2026-03-03-1772539200000.gz", "mine.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := retain(dir, 2); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 3 || strings.Contains(strings.Join(left, " "), "2026-03-01") {
		t.Errorf("left: %v %v", left, err)
	}
}
