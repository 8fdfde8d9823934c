package sim

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// weather is how the network treats messages.
type weather struct {
	loss      float64
	duplicate float64
	late      float64       // the part of messages that are late, so that others overtake them
	lateness  time.Duration // of those, at most
	cut       func(from, to uint64) bool
}

// network carries messages between masters. What falls to a message follows from the seed and from how many went the
// same way before.
type network struct {
	world  *world
	flying sync.WaitGroup
	mu     struct {
		sync.Mutex
		weathers map[int]weather // those that there are at present
		last     int
		dice     map[[2]uint64]*rand.Rand
		images   map[uint64]int // being sent, by sender
	}
}

func newNetwork(w *world) *network {
	n := &network{world: w}
	n.mu.weathers = map[int]weather{0: w.plan.weather}
	n.mu.dice = make(map[[2]uint64]*rand.Rand)
	n.mu.images = make(map[uint64]int)
	return n
}

// becomes makes the weather worse, and returns what makes it better again.
func (n *network) becomes(w weather) (over func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.last++
	id := n.mu.last
	n.mu.weathers[id] = w
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.mu.weathers, id)
	}
}

// heal ends all that is wrong.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.mu.weathers)
}

// trips are how long copies of a message are on their way; none: it is lost.
func (n *network) trips(from, to uint64) (trips []time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	link := [2]uint64{from, to}
	dice := n.mu.dice[link]
	if dice == nil {
		dice = rand.New(rand.NewPCG(n.world.plan.seed, 100+10*from+to))
		n.mu.dice[link] = dice
	}
	trip := between(dice, 200*time.Microsecond, 3*time.Millisecond)
	lost, again, late, by := dice.Float64(), dice.Float64(), dice.Float64(), dice.Float64()
	trips = []time.Duration{trip}
	for _, w := range n.mu.weathers {
		if w.cut != nil && w.cut(from, to) || lost < w.loss {
			return nil
		}
		lateness := time.Duration(by * float64(w.lateness))
		if late < w.late {
			trips[0] += lateness
		}
		if again < w.duplicate {
			trips = append(trips, trip+lateness)
		}
	}
	return trips
}

// end is one master's end of the network: its raftlog.Transport.
type end struct {
	*network
	life *life
}

func (e *end) Send(messages []*raftpb.Message) {
	for _, m := range messages {
		if e.life.disk.hasStopped() {
			return
		}
		for _, trip := range e.trips(m.GetFrom(), m.GetTo()) {
			m := encoded(m)
			e.flying.Go(func() {
				time.Sleep(trip)
				if to := e.world.member(m.GetTo()).alive(); to != nil {
					_ = to.log.Step(to.ctx, m) // an error: it is lost
				}
			})
		}
	}
}

// SendSnapshot sends an image, all of it at one instant. Some are cut short or changed on their way.
func (e *end) SendSnapshot(ctx context.Context, m *raftpb.Message, image io.Reader) error {
	from, to := m.GetFrom(), m.GetTo()
	// Taking an image in waits for those that are being sent from the same store to be closed: not in the time of
	// the bubble, so it would never happen.
	e.sending(from, 1)
	defer e.sending(from, -1)
	trips, target := e.trips(from, to), e.world.member(to).alive()
	if len(trips) == 0 || target == nil || e.life.disk.hasStopped() || e.isSending(to) {
		return syscall.EHOSTUNREACH
	}
	whole, err := io.ReadAll(image)
	if err != nil {
		return err
	}
	damaged := e.damage(from, to, whole)
	err = target.log.InstallSnapshot(ctx, encoded(m), bytes.NewReader(whole[:damaged.length]))
	if damaged.yes && err == nil {
		e.world.violate("master %d took in an image that was damaged on its way (%+v)", to, damaged)
	}
	return err
}

// damage is what happened to an image on its way.
type damage struct {
	yes    bool
	length int // what is left of it
	bit    int // that was changed; -1: none
}

func (n *network) damage(from, to uint64, image []byte) damage {
	n.mu.Lock()
	defer n.mu.Unlock()
	dice := n.mu.dice[[2]uint64{from, to}]
	d := damage{length: len(image), bit: -1}
	switch dice.IntN(12) {
	case 0:
		d = damage{yes: true, length: dice.IntN(len(image)), bit: -1}
	case 1:
		d = damage{yes: true, length: len(image), bit: dice.IntN(8 * len(image))}
		image[d.bit/8] ^= 1 << (d.bit % 8)
	}
	if d.yes {
		n.world.injected(badImage)
	}
	return d
}

func (n *network) sending(id uint64, change int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.images[id] += change
}

func (n *network) isSending(id uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.images[id] > 0
}

// encoded is a message as it arrives: nothing of it is shared with the sender.
func encoded(m *raftpb.Message) *raftpb.Message {
	b, err := proto.Marshal(m)
	out := &raftpb.Message{}
	if err == nil {
		err = proto.Unmarshal(b, out)
	}
	if err != nil {
		panic(err)
	}
	return out
}
