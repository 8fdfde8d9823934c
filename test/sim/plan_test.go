package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// plan is everything that is decided before a run: it follows from the seed alone.
type plan struct {
	seed     uint64
	lasts    time.Duration
	clients  int
	think    time.Duration    // of a client between two operations, on average
	retry    time.Duration    // how long a client waits for an answer before it asks another master
	clocks   [3]float64       // how much slower than true each master's ticks are
	skew     [3]time.Duration // of each master's wall clock
	snapshot uint64           // entries between two marks
	catchUp  uint64           // entries kept for followers that are behind
	flush    time.Duration    // between two flushes of a store
	changes  int              // that make a store flush sooner
	weather  weather          // of the network, when nothing is wrong
	faults   []fault
}

// fault is something that goes wrong.
type fault struct {
	kind   faultKind
	at     time.Duration // since the beginning of the run
	lasts  time.Duration
	member who
	point  string  // where a machine stops
	amount float64 // of it, between 0 and 1
}

type faultKind string

const (
	kill       faultKind = "kill"           // a machine stops and starts again
	killAll    faultKind = "kill all"       // power fails
	stopAt     faultKind = "stop at"        // a machine stops at a point of its code
	tear       faultKind = "torn write"     // a machine stops while it writes, and some sectors reach the disk
	restart    faultKind = "restart"        // a process is asked to end, and starts again
	pause      faultKind = "pause"          // a process is stopped and continued (SIGSTOP)
	transfer   faultKind = "transfer"       // leadership is handed over
	isolate    faultKind = "isolate"        // one machine sees nobody
	oneWay     faultKind = "one way"        // links lose everything in one direction
	bridge     faultKind = "bridge"         // two machines see only the third
	scatter    faultKind = "three-way"      // nobody sees anybody
	flap       faultKind = "flapping"       // a machine is cut off and connected in turn
	loss       faultKind = "loss"           // messages get lost
	delay      faultKind = "delay"          // messages are late and overtake each other
	duplicate  faultKind = "duplicate"      // messages come twice, the second time late
	slowDisk   faultKind = "slow disk"      // each write takes long
	syncFails  faultKind = "failed fsync"   // of the journal
	diskFull   faultKind = "full disk"      // of the journal: a little is left
	noSpace    faultKind = "failed write"   // of the journal: nothing is left
	flushFails faultKind = "failed flush"   // of the store
	bitRot     faultKind = "bit rot"        // a bit of a journal changes while its master is down
	clockJump  faultKind = "clock jump"     // of a wall clock
	slowClock  faultKind = "slow clock"     // most ticks get lost
	staleLead  faultKind = "stale leader"   // a machine whose clock is slow sees nobody, and has not noticed
	badImage   faultKind = "damaged image"  // an image that is cut short or changed on its way; likewise
	lateReply  faultKind = "client network" // a request or an answer that is lost; likewise
)

// who is hit by a fault: a member's id, or a part that one plays then.
type who int

const (
	leader   who = 0
	follower who = 4
)

func (w who) String() string {
	switch w {
	case leader:
		return "leader"
	case follower:
		return "follower"
	}
	return fmt.Sprint("master ", int(w))
}

// points are where a machine may stop: raftlog's, and the two ends of a flush.
func points() []string {
	return []string{
		"write", "saved", "before mark", "marked", "truncated", "segment deleted", "checkpointed",
		"image received", "image restored", "journal replaced", "before flush", "after flush",
	}
}

func planOf(seed uint64) plan {
	dice := rand.New(rand.NewPCG(seed, 1))
	p := plan{
		seed: seed, lasts: 24 * time.Second,
		clients:  4 + dice.IntN(4),
		think:    between(dice, 15*time.Millisecond, 120*time.Millisecond),
		retry:    between(dice, 300*time.Millisecond, 1500*time.Millisecond),
		snapshot: uint64(15 + dice.IntN(60)),
		flush:    between(dice, 50*time.Millisecond, 2*time.Second),
		changes:  pick(dice, 10, 100, 50_000),
		weather:  weather{loss: 0.01 * dice.Float64(), duplicate: 0.2 * dice.Float64(), late: 0.03 * dice.Float64(), lateness: between(dice, 0, 3*time.Second)},
	}
	p.catchUp = p.snapshot / uint64(2+dice.IntN(3))
	for i := range 3 {
		p.clocks[i] = 0.9 + 0.3*dice.Float64()
		p.skew[i] = between(dice, -10*time.Second, 10*time.Second)
	}
	gap := between(dice, 700*time.Millisecond, 5*time.Second)
	for at := between(dice, 2*time.Second, 3*time.Second); at < p.lasts-2*time.Second; {
		f := faultOf(dice)
		f.at = at
		p.faults = append(p.faults, f)
		at += between(dice, 0, gap)
	}
	return p
}

func faultOf(dice *rand.Rand) fault {
	f := fault{
		kind: pick(dice, kill, kill, kill, killAll, stopAt, stopAt, stopAt, stopAt, tear, tear, restart, pause, pause, transfer, isolate, isolate, isolate, staleLead, slowClock,
			oneWay, oneWay, bridge, scatter, flap, loss, delay, delay, duplicate, slowDisk, slowDisk, syncFails, noSpace, diskFull, diskFull, flushFails, bitRot, clockJump),
		lasts:  between(dice, 100*time.Millisecond, 4*time.Second),
		member: pick(dice, leader, leader, follower, 1, 2, 3),
		amount: dice.Float64(),
	}
	if f.kind == stopAt {
		f.point = points()[dice.IntN(len(points()))]
	}
	return f
}

func between(dice *rand.Rand, low, high time.Duration) time.Duration {
	if low == high {
		return low
	}
	return low + time.Duration(dice.Int64N(int64(high-low)))
}

func pick[T any](dice *rand.Rand, of ...T) T { return of[dice.IntN(len(of))] }

func (f fault) String() string {
	s := fmt.Sprintf("%7.3fs  %s", f.at.Seconds(), f.kind)
	if f.point != "" {
		s += " " + f.point
	}
	return fmt.Sprintf("%s, %s, %.3fs, %.2f", s, f.member, f.lasts.Seconds(), f.amount)
}

func (p plan) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "seed %d: %s, %d clients who think %s and wait %s; clocks %.2f; a mark each %d entries, %d kept; a flush each %s or %d changes; %+v\n",
		p.seed, p.lasts, p.clients, p.think, p.retry, p.clocks, p.snapshot, p.catchUp, p.flush, p.changes, p.weather)
	for _, f := range p.faults {
		fmt.Fprintln(&s, f)
	}
	return s.String()
}
