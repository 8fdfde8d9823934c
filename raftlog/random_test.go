package raftlog

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The schedule of faults follows from the seed; the interleaving of goroutines does not.
var seed = flag.Uint64("seed", 0, "of the random test; 0 picks one")

// Clients propose and read while members are killed, restarted and cut off, and messages get lost. Afterwards all
// members have the same commands, every acknowledged one exactly once, none that was refused, none twice; and
// each read saw everything acknowledged before it began.
func TestRandomFaults(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1 << 32)
	}
	for run := range uint64(3) {
		t.Run(fmt.Sprint("seed=", first+run), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFaults(t, rand.New(rand.NewPCG(first+run, 1))) })
		})
	}
}

// history is what the clients were told.
type history struct {
	sync.Mutex
	acked, refused map[string]bool
	unknown        int
}

func randomFaults(t *testing.T, dice *rand.Rand) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.SnapshotEntries, cfg.CatchUpEntries = 30, 10 })
	c.network.set(func() { c.network.mu.delay, c.network.mu.loss = 30*time.Millisecond, 0.02 })
	var members struct { // the open ones; c.logs belongs to this goroutine
		sync.Mutex
		logs map[uint64]*Log
	}
	publish := func() {
		members.Lock()
		defer members.Unlock()
		members.logs = make(map[uint64]*Log)
		for id, l := range c.logs {
			members.logs[id] = l
		}
	}
	publish()
	pick := func(leading bool) (*Log, *list) { // of those that fit, map order picks
		members.Lock()
		defer members.Unlock()
		for _, l := range members.logs {
			if role, _ := l.Watch(); !leading || role.Leading {
				return l, l.cfg.StateMachine.(*list)
			}
		}
		return nil, nil
	}
	h := history{acked: make(map[string]bool), refused: make(map[string]bool)}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for client := range 6 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(client+1) * 7 * time.Millisecond):
				}
				if l, state := pick(n%4 != 0); l == nil {
					continue
				} else if n%5 == 3 {
					h.read(t, l, state)
				} else {
					h.propose(t, l, fmt.Sprintf("%d-%d", client, n))
				}
			}
		})
	}
	for range 25 {
		id := uint64(1 + dice.IntN(3))
		c.fault(id, dice.IntN(6), func() {
			members.Lock()
			defer members.Unlock()
			delete(members.logs, id)
		})
		time.Sleep(time.Duration(dice.IntN(1500)) * time.Millisecond)
		for id := range uint64(3) {
			if c.logs[id+1] == nil && dice.IntN(2) == 0 {
				c.open(id + 1)
			}
		}
		publish()
	}
	close(stop)
	clients.Wait()
	for id := range uint64(3) {
		c.network.isolate(id+1, false)
		if c.logs[id+1] == nil {
			c.open(id + 1)
		}
	}
	c.network.set(func() { c.network.mu.loss = 0 })
	c.propose(c.leader(), "the end")
	h.check(t, c)
	c.close()
}

// fault does to a member what the die says. gone is called when nobody may use it any more.
func (c *cluster) fault(id uint64, die int, gone func()) {
	switch l := c.logs[id]; {
	case die < 2 && l != nil:
		c.freeze(id)
		gone()
		c.bury(id)
	case die == 2 || die == 3: // one at a time, or hardly anything would ever be agreed on
		for _, m := range c.members {
			c.network.isolate(m.ID, false)
		}
		c.network.isolate(id, die == 2)
	case die == 4 && l != nil:
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		_ = l.TransferLeadership(ctx, 0) // any outcome is fine
		cancel()
	}
}

func (h *history) propose(t *testing.T, l *Log, cmd string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := l.Propose(ctx, []byte(cmd))
	h.Lock()
	defer h.Unlock()
	switch {
	case err == nil:
		h.acked[cmd] = true
	case errors.Is(err, ErrUnknown), errors.Is(err, context.DeadlineExceeded):
		h.unknown++
	case errors.Is(err, ErrNotLeader), errors.Is(err, ErrBusy), errors.Is(err, ErrClosed):
		h.refused[cmd] = true
	default:
		t.Errorf("propose: %v", err)
	}
}

func (h *history) read(t *testing.T, l *Log, state *list) {
	h.Lock()
	before := make([]string, 0, len(h.acked))
	for cmd := range h.acked {
		before = append(before, cmd)
	}
	h.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if l.ReadIndex(ctx) != nil {
		return
	}
	seen := make(map[string]bool)
	for _, cmd := range state.commands() {
		seen[cmd] = true
	}
	for _, cmd := range before {
		if !seen[cmd] {
			t.Errorf("a read of member %d does not see %s, acknowledged before", l.cfg.ID, cmd)
		}
	}
}

func (h *history) check(t *testing.T, c *cluster) {
	c.eventually("all to be equal", func() bool {
		one := c.lists[1].commands()
		return slices.Contains(one, "the end") && slices.Equal(one, c.lists[2].commands()) && slices.Equal(one, c.lists[3].commands())
	})
	count := make(map[string]int)
	for _, cmd := range c.lists[1].commands() {
		count[cmd]++
	}
	var wrong []string
	for cmd := range h.acked {
		if count[cmd] != 1 {
			wrong = append(wrong, fmt.Sprintf("%s acknowledged, there %d times", cmd, count[cmd]))
		}
	}
	for cmd, n := range count {
		if h.refused[cmd] || n > 1 {
			wrong = append(wrong, fmt.Sprintf("%s refused %v, there %d times", cmd, h.refused[cmd], n))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s", strings.Join(wrong, "\n"))
	}
	t.Logf("%d acknowledged, %d refused, %d unknown", len(h.acked), len(h.refused), h.unknown)
	if len(h.acked) < 20 {
		t.Error("hardly anything happened")
	}
}
