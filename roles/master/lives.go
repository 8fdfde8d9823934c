package master

import (
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"
)

// lives finds out when two processes say that they are the same member: somebody copied a folder. Each process has a
// random number of its own. When the number of a member changes, the process was started again, and the old number is
// never heard any more, but for what was on its way. If it is, neither of the two is listened to until one is silent: whichever that
// is, the copy or the one that was copied.
type lives struct {
	onItsWay time.Duration // how long messages of a process that ended may still come
	duelEnds time.Duration // with one of two silent for so long, the other is listened to again
	mu       struct {
		sync.Mutex
		members map[uint64]*lifeline
	}
}

// lifeline is what is known of one member.
type lifeline struct {
	now   uint64
	since time.Time
	heard map[uint64]time.Time // by process, the present one and old ones: when it was last heard of
	duel  time.Time            // when an old process was last heard of beside the present one; zero: never
}

// newLives: a process that is not listened to still says something in every election timeout or two.
func newLives(election time.Duration) *lives {
	l := &lives{onItsWay: 3 * election, duelEnds: 10 * election}
	l.mu.members = make(map[uint64]*lifeline)
	return l
}

// admit refuses what an old process of a member says, and both when two are alive.
func (l *lives) admit(member, life uint64, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.mu.members[member]
	if m == nil {
		m = &lifeline{now: life, since: now, heard: make(map[uint64]time.Time)}
		l.mu.members[member] = m
	}
	_, known := m.heard[life]
	silent := now.Sub(m.heard[m.now]) > l.duelEnds
	m.heard[life] = now
	switch {
	case life == m.now:
	case !known:
		m.now, m.since = life, now
	case silent: // the old one outlived the present one
		m.now, m.since, m.duel = life, now, time.Time{}
	default:
		if now.Sub(m.since) > l.onItsWay {
			m.duel = now
		}
		return twice(member)
	}
	if l.dueling(m, now) {
		return twice(member)
	}
	return nil
}

func (l *lives) dueling(m *lifeline, now time.Time) bool {
	return !m.duel.IsZero() && now.Sub(m.duel) < l.duelEnds
}

// twins are the members of which two processes are alive.
func (l *lives) twins(now time.Time) (members []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, m := range l.mu.members {
		if l.dueling(m, now) {
			members = append(members, id)
		}
	}
	return members
}

func twice(member uint64) error {
	return &fs.PathError{Op: "raft", Path: fmt.Sprintf("master %x: another process says it is this member; is its folder a copy?", member), Err: syscall.EPERM}
}
