package raftlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// guest is a member that is not one of the first.
func guest(id uint64) Member {
	return Member{ID: id, Address: fmt.Sprintf("master-%d:26000", id), Clients: fmt.Sprintf("master-%d:9200", id)}
}

// join opens a member that waits to be added.
func (c *cluster) join(id uint64) *Log {
	c.t.Helper()
	cfg := c.config(id)
	cfg.Join, cfg.Members = true, nil
	l, err := Open(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.logs[id] = l
	c.network.set(func() { c.network.mu.logs[id] = l })
	return l
}

// add makes a new member a voter, as a leader does.
func (c *cluster) add(m Member) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.leader(c.voters()...).AddLearner(ctx, m); err != nil {
		c.t.Fatalf("add %d: %v", m.ID, err)
	}
	if c.logs[m.ID] == nil {
		c.join(m.ID)
	}
	c.promote(m.ID)
}

func (c *cluster) promote(id uint64) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("member %d to have a vote", id), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := c.leader(c.voters()...).Promote(ctx, id)
		return err == nil || errors.Is(err, syscall.EEXIST)
	})
}

// voters are the open members that have a vote, as they see it themselves.
func (c *cluster) voters() (ids []uint64) {
	for id, l := range c.logs {
		for _, m := range l.Status().Members {
			if m.ID == id && !m.Learner {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// One master grows to three while it takes commands, with a log that is whole or cut short; then the one it began with dies
// and is replaced by one with an empty disk.
func TestGrowAndReplace(t *testing.T) {
	for name, change := range map[string]func(*Config){"whole": nil, "cut short": often} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1, change)
				defer c.close()
				var acked []string
				propose := func(n int) {
					for range n {
						cmd := fmt.Sprint("c", len(acked))
						c.propose(c.leader(c.voters()...), cmd)
						acked = append(acked, cmd)
					}
				}
				propose(60)
				c.add(guest(2))
				propose(20)
				c.add(guest(3))
				propose(20)
				c.converged(acked...)
				c.kill(1)
				propose(60)
				leader := c.leader(c.voters()...)
				if err := leader.Remove(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				c.add(guest(4))
				propose(20)
				c.converged(acked...)
				for id, l := range c.logs { // all know all, with addresses
					if got := l.Members(); !slices.Equal(got, []Member{guest(2), guest(3), guest(4)}) {
						t.Errorf("member %d knows %v", id, got)
					}
				}
				if !leader.Removed(1) || leader.Removed(9) {
					t.Error("1 was removed, and 9 never was there")
				}
			})
		})
	}
}

// Who the members are survives a crash of each and of all, with the mark before, between and behind the changes.
func TestMembersSurviveCrashes(t *testing.T) {
	for _, entries := range []uint64{1000, 7, 20} {
		t.Run(fmt.Sprint("mark after ", entries), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 2, func(cfg *Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = entries, 2 })
				defer c.close()
				var acked []string
				again := func(n int) {
					for range n {
						cmd := fmt.Sprint("c", len(acked))
						c.propose(c.leader(), cmd)
						acked = append(acked, cmd)
					}
					var open []uint64
					for id := range c.logs {
						open = append(open, id)
					}
					for _, id := range open {
						c.kill(id)
					}
					slices.Sort(open)
					for _, id := range open {
						c.open(id)
					}
					c.leader()
				}
				again(10)
				c.add(guest(3))
				again(10)
				c.add(guest(4))
				again(3)
				if l := c.leader(); l.cfg.ID == 1 {
					if err := l.TransferLeadership(t.Context(), 3); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.leader().Remove(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				c.kill(1)
				delete(c.lists, 1)
				again(1)
				again(30)
				c.converged(acked...)
				for id, l := range c.logs {
					var ids []uint64
					for _, m := range l.Members() {
						ids = append(ids, m.ID)
					}
					if !slices.Equal(ids, []uint64{2, 3, 4}) {
						t.Errorf("member %d knows %v", id, ids)
					}
				}
			})
		})
	}
}

// A learner counts for nothing: with one that never comes commands are agreed on as before.
func TestAbsentLearner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		defer c.close()
		l := c.leader()
		if err := l.AddLearner(t.Context(), guest(2)); err != nil {
			t.Fatal(err)
		}
		c.propose(l, "x")
		if err := l.ReadIndex(t.Context()); err != nil {
			t.Error(err)
		}
		if err := l.Promote(t.Context(), 2); !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("a vote for one that has nothing: %v", err)
		}
		if err := l.AddLearner(t.Context(), Member{ID: 3, Address: guest(2).Address}); !errors.Is(err, syscall.EEXIST) {
			t.Errorf("two members at one address: %v", err)
		}
		if err := l.Remove(t.Context(), 2); err != nil {
			t.Error(err)
		}
		if err := l.AddLearner(t.Context(), guest(2)); !errors.Is(err, syscall.EEXIST) {
			t.Errorf("an id that was used: %v", err)
		}
		moved := Member{ID: 1, Address: "elsewhere:26000"}
		if err := l.Readdress(t.Context(), moved); err != nil {
			t.Error(err)
		}
		if got := l.Members(); !slices.Equal(got, []Member{moved}) {
			t.Errorf("members: %v", got)
		}
		if err := l.Remove(t.Context(), 1); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("the last one removed itself: %v", err)
		}
	})
}

// What would leave members that cannot agree on anything is refused.
func TestQuorumIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		leader := c.leader()
		var others []uint64
		for id := range c.logs {
			if id != leader.cfg.ID {
				others = append(others, id)
			}
		}
		c.network.isolate(others[0], true)
		time.Sleep(5 * time.Second)
		if err := leader.Remove(t.Context(), others[1]); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "quorum") {
			t.Errorf("the only other one that answers: %v", err)
		}
		if err := leader.Remove(t.Context(), others[0]); err != nil {
			t.Errorf("the one that does not answer: %v", err)
		}
		c.network.isolate(others[0], false)
		// The removed one hears no more, and nobody listens to it.
		vote := &raftpb.Message{Type: raftpb.MsgPreVote.Enum(), From: new(others[0]), To: new(leader.cfg.ID), Term: new(uint64(99))}
		if err := leader.Step(t.Context(), vote); !errors.Is(err, ErrRemoved) {
			t.Errorf("a message of the removed one: %v", err)
		}
		c.propose(leader, "x")
		if err := c.logs[others[0]].AddLearner(t.Context(), guest(9)); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a change by one that does not lead: %v", err)
		}
	})
}

func TestDecideChange(t *testing.T) {
	member := func(id uint64, match uint64, flags string) MemberStatus {
		return MemberStatus{
			Member: guest(id), Match: match, Leader: strings.Contains(flags, "leader"),
			Active: !strings.Contains(flags, "silent"), Learner: strings.Contains(flags, "learner"),
		}
	}
	for name, test := range map[string]struct {
		change  changeKind
		id      uint64
		members []MemberStatus
		want    error
	}{
		"remove a healthy one of three":          {remove, 2, []MemberStatus{member(1, 9, "leader"), member(2, 9, ""), member(3, 9, "")}, nil},
		"remove one of three, another is silent": {remove, 2, []MemberStatus{member(1, 9, "leader"), member(2, 9, ""), member(3, 9, "silent")}, syscall.EBUSY},
		"remove the silent one of two":           {remove, 2, []MemberStatus{member(1, 9, "leader"), member(2, 9, "silent")}, nil},
		"remove the leader":                      {remove, 1, []MemberStatus{member(1, 9, "leader"), member(2, 9, "")}, syscall.EBUSY},
		"remove a learner, whoever is silent":    {remove, 3, []MemberStatus{member(1, 9, "leader"), member(2, 9, "silent"), member(3, 9, "learner")}, nil},
		"remove nobody":                          {remove, 7, []MemberStatus{member(1, 9, "leader")}, syscall.ENOENT},
		"promote one that has all":               {addVoter, 2, []MemberStatus{member(1, 9, "leader"), member(2, 9, "learner")}, nil},
		"promote a silent one":                   {addVoter, 2, []MemberStatus{member(1, 9, "leader"), member(2, 9, "learner silent")}, syscall.EAGAIN},
		"promote one far behind":                 {addVoter, 2, []MemberStatus{member(1, 9000, "leader"), member(2, 9, "learner")}, syscall.EAGAIN},
		"promote a voter":                        {addVoter, 2, []MemberStatus{member(1, 9, "leader"), member(2, 9, "")}, syscall.EEXIST},
		"promote where too many are silent":      {addVoter, 3, []MemberStatus{member(1, 9, "leader"), member(2, 9, "silent"), member(4, 9, "silent"), member(3, 9, "learner")}, syscall.EBUSY},
		"readdress nobody":                       {readdress, 7, []MemberStatus{member(1, 9, "leader")}, syscall.ENOENT},
		"add nobody":                             {addLearner, 0, []MemberStatus{member(1, 9, "leader")}, syscall.EEXIST},
	} {
		m := membership{}
		var commit uint64
		for _, s := range test.members {
			kind := addVoter
			if s.Learner {
				kind = addLearner
			}
			m = m.with(memberChange{kind, s.Member})
			commit = max(commit, s.Match)
		}
		_, err := decideChange(Status{Members: test.members, Commit: commit}, m, memberChange{test.change, Member{ID: test.id}})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The book of members is refused if it is damaged, newer, or does not know somebody.
func TestDamagedBook(t *testing.T) {
	path, config := journalOf(t, numbered("c", 10))
	book := filepath.Join(filepath.Dir(path), bookName)
	j := &journal{dir: filepath.Dir(path), path: path, head: header{Cluster: 7, Member: 1}}
	if err := j.saveBook([]Member{guest(1), guest(2)}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good[:len(good)-1] {
		changed := slices.Clone(good)
		changed[at] ^= 1
		if err := os.WriteFile(book, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(config())
		refusal(t, err, syscall.EIO, book, "rejoin")
	}
	newer := &journal{dir: j.dir, path: path, head: j.head}
	if err := newer.saveBook(nil); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(good[9:len(good)-1]), `"version":1`, `"version":2`, 1)
	if err := os.WriteFile(book, sealed([]byte(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(config())
	refusal(t, err, syscall.EPROTONOSUPPORT, book, "version 2")
	if err := os.WriteFile(book, good, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(config())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// A change that a newer version wrote is not skipped, neither when it is read again nor when it is applied.
func TestChangeOfANewerVersion(t *testing.T) {
	good := encodeChange(memberChange{addLearner, guest(2)}, 1, 2)
	data := func(change *raftpb.ConfChange) *raftpb.Entry {
		return &raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Index: new(uint64(9)), Term: new(uint64(2)), Data: encode(change)}
	}
	if _, c, life, number, ok := decodeChange(data(good)); !ok || c.member != guest(2) || life != 1 || number != 2 {
		t.Fatalf("decoded: %v %v %v %v", c, life, number, ok)
	}
	version, field, other := encodeChange(memberChange{addLearner, guest(2)}, 1, 2), encodeChange(memberChange{addLearner, guest(2)}, 1, 2), encodeChange(memberChange{addLearner, guest(2)}, 1, 2)
	version.Context[0]++
	field.Context = append(field.Context[:len(field.Context)-1], []byte(`,"witness":true}`)...)
	other.NodeId = new(uint64(3))
	for name, change := range map[string]*raftpb.ConfChange{"version": version, "field": field, "other id": other} {
		if understood(data(change)) {
			t.Errorf("%s: taken", name)
		}
	}
	c := newCluster(t, 1, nil)
	l := c.leader()
	l.post(func(r *replica) {
		if err := r.node.ProposeConfChange(version); err != nil {
			t.Error(err)
		}
	})
	ended(t, l, syscall.EPROTONOSUPPORT, "newer")
}

// A cluster that begins with a state goes on from it, and hands it to those who join.
func TestRestoredCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, nil)
		defer c.close()
		c.members = []Member{guest(1)}
		cfg := c.config(1)
		cfg.StateMachine.(*list).mu.index, cfg.StateMachine.(*list).mu.cmds = 40, []string{"old"}
		if err := c.lists[1].Checkpoint(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(cfg); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("by accident: %v", err)
		}
		c.change = func(cfg *Config) { cfg.Restored = !cfg.Join }
		c.open(1)
		c.propose(c.leader(), "new")
		c.change = nil
		c.add(guest(2))
		c.converged("old", "new")
		c.kill(1)
		c.open(1)
		c.propose(c.leader(), "more")
		c.converged("old", "new", "more")
	})
}

// A copy of a member's folder is refused at another address; the only member may move.
func TestCopiedFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, func(cfg *Config) { cfg.Address = guest(cfg.ID).Address })
		defer c.close()
		c.add(guest(2))
		c.propose(c.leader(), "x")
		c.converged("x")
		c.kill(2)
		cfg := c.config(2)
		cfg.Address = "copy:26000"
		_, err := Open(cfg)
		refusal(t, err, syscall.EINVAL, cfg.Dir, "copy:26000", guest(2).Address, "rejoin")
		c.open(2)
		c.leader()
	})
	path, config := journalOf(t, []string{"x"})
	cfg := config()
	cfg.Address = "elsewhere:26000"
	l, err := Open(cfg)
	if err != nil {
		t.Fatalf("the only member of %s moves: %v", path, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestInspect(t *testing.T) {
	if _, ok, err := Inspect(filepath.Join(t.TempDir(), "none")); ok || err != nil {
		t.Errorf("nothing there: %v %v", ok, err)
	}
	path, _ := journalOf(t, []string{"x"})
	id, ok, err := Inspect(filepath.Dir(path))
	if err != nil || !ok || id.ClusterID != 7 || id.ID != 1 || len(id.Members) != 1 {
		t.Errorf("%+v %v %v", id, ok, err)
	}
	segment := filepath.Join(path, "0000000000000000-0000000000000000.wal")
	if err := os.WriteFile(segment, []byte("garbage, and more of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = Inspect(filepath.Dir(path))
	refusal(t, err, syscall.EIO, segment, "rejoin")
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	_, _, err = Inspect(filepath.Dir(path))
	refusal(t, err, syscall.EIO, path, "no segments")
}
