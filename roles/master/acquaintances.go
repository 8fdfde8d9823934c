package master

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"goosefs/raftlog"
	"goosefs/wire/clusterpb"
)

// Masters meet every second, besides raft's messages: each learns how the others are, and whether their states are
// the same as its own. What is wrong is told by goosefs fsadmin doctor.

// acquaintEvery is how often.
const acquaintEvery = time.Second

// acquaintances is what this master knows of the others, from meeting them.
type acquaintances struct {
	mu struct {
		sync.Mutex
		peers    map[uint64]acquaintance
		diverged map[uint64]string // members whose state is another one, and how that was seen
		strange  map[string]stranger
	}
}

type acquaintance struct {
	peer *clusterpb.Peer
	at   time.Time
}

// stranger is a master of another cluster at an address where one of this cluster is expected.
type stranger struct {
	cluster uint64
	at      time.Time
}

func newAcquaintances() *acquaintances {
	a := &acquaintances{}
	a.mu.peers = make(map[uint64]acquaintance)
	a.mu.diverged = make(map[uint64]string)
	a.mu.strange = make(map[string]stranger)
	return a
}

func (a *acquaintances) note(p *clusterpb.Peer, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.peers[p.GetMemberId()] = acquaintance{p, now}
	delete(a.mu.strange, p.GetJournalAddress())
}

func (a *acquaintances) noteStranger(addr string, cluster uint64, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.strange[addr] = stranger{cluster, now}
}

// strangers are those that were met lately: their clusters by address.
func (a *acquaintances) strangers(now time.Time) map[string]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := make(map[string]uint64)
	for addr, s := range a.mu.strange {
		if now.Sub(s.at) < 5*acquaintEvery {
			found[addr] = s.cluster
		}
	}
	return found
}

// recent are those that were met lately.
func (a *acquaintances) recent(now time.Time) (peers []*clusterpb.Peer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.mu.peers {
		if now.Sub(p.at) < 5*acquaintEvery {
			peers = append(peers, p.peer)
		}
	}
	return peers
}

// accuse remembers that a member's state is another one.
func (a *acquaintances) accuse(member uint64, how string) (isNew bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.mu.diverged[member]
	a.mu.diverged[member] = how
	return !known
}

// keep forgets all but the members.
func (a *acquaintances) keep(members []raftlog.Member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := func(id uint64) bool {
		return !slices.ContainsFunc(members, func(m raftlog.Member) bool { return m.ID == id })
	}
	for id := range a.mu.peers {
		if gone(id) {
			delete(a.mu.peers, id)
		}
	}
	for id := range a.mu.diverged {
		if gone(id) {
			delete(a.mu.diverged, id)
		}
	}
}

func (a *acquaintances) accusations() map[uint64]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	copied := make(map[uint64]string)
	for id, how := range a.mu.diverged {
		copied[id] = how
	}
	return copied
}

// keepAcquainted meets the other members, for as long as this master runs.
func (m *Master) keepAcquainted() {
	for pause(m.ctx, acquaintEvery) {
		members := m.raft.Members()
		m.transport.setMembers(members)
		m.acquaintances.keep(members)
		me := m.peer()
		for _, p := range m.meetings.all(m.ctx, m.others(), me) {
			if p.GetRemoved() && !m.removed.Swap(true) {
				m.log.Error("this master was removed from its cluster: it serves nobody. To bring it back, stop it, run goosefs fsadmin journal rejoin here, and start it")
			}
			switch p.GetClusterId() {
			case me.GetClusterId():
				m.acquaintances.note(p, time.Now())
			case 0: // it is about to join
			default:
				m.acquaintances.noteStranger(p.GetJournalAddress(), p.GetClusterId(), time.Now())
			}
		}
		m.compareStates(m.peer())
	}
}

// others are the journal addresses of the other members.
func (m *Master) others() (addrs []string) {
	for _, p := range m.raft.Members() {
		if p.ID != m.identity.ID {
			addrs = append(addrs, p.Address)
		}
	}
	return addrs
}

// compareStates looks whether the members' states are the same, and ends this master if its own is the odd one out.
func (m *Master) compareStates(me *clusterpb.Peer) {
	var voters []uint64
	for _, p := range me.GetMembers() {
		if !p.GetLearner() {
			voters = append(voters, p.GetId())
		}
	}
	for _, d := range decideDiverged(append(m.acquaintances.recent(time.Now()), me), voters, me.GetLeader()) {
		how := fmt.Sprintf("after %d commands its state was another one than that of the other masters", d.commands)
		if d.member == me.GetMemberId() {
			m.meetings.all(m.ctx, m.others(), me) // so that they can say what became of it
			m.fail(m.leaveService(how))
			return
		}
		if m.acquaintances.accuse(d.member, how) {
			m.log.Error("a master's state is wrong", "master", m.journalAddress(d.member), "how", how)
		}
	}
}

// divergence is a member whose state is not that of the others, and where that shows.
type divergence struct {
	member, commands uint64
}

// decideDiverged finds the members whose state is another one than most voters', or, where no majority has the same,
// than the leader's: that is what clients have seen.
func decideDiverged(peers []*clusterpb.Peer, voters []uint64, leader uint64) (odd []divergence) {
	states := make(map[uint64]map[uint64]string) // by number of commands and member
	for _, p := range peers {
		for _, h := range p.GetHashes() {
			if states[h.GetCommands()] == nil {
				states[h.GetCommands()] = make(map[uint64]string)
			}
			states[h.GetCommands()][p.GetMemberId()] = string(h.GetSum())
		}
	}
	found := make(map[uint64]bool)
	for commands, byMember := range states {
		right, known := byMember[leader]
		votes := make(map[string]int)
		for _, id := range voters {
			if sum, ok := byMember[id]; ok {
				if votes[sum]++; votes[sum] >= len(voters)/2+1 {
					right, known = sum, true
				}
			}
		}
		for id, sum := range byMember {
			if known && sum != right && !found[id] {
				found[id] = true
				odd = append(odd, divergence{id, commands})
			}
		}
	}
	return odd
}
