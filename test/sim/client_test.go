package sim

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// client is a model of a client: it does one thing after the other, and asks again, the same, until it has an answer.
type client struct {
	world  *world
	id     int
	dice   *rand.Rand
	target uint64 // the master that led when it last knew
}

// Clients are patient this long with one operation, and pause this long before they ask again.
const (
	deadline = 8 * time.Second
	backoff  = 60 * time.Millisecond
)

func newClient(w *world, id int) *client {
	return &client{world: w, id: id, dice: rand.New(rand.NewPCG(w.plan.seed, 1000+uint64(id))), target: uint64(1 + id%3)}
}

// run does operations until the plan is over. After an outcome that it does not know it is somebody else: who asks must
// not wait for an answer that may never come.
func (c *client) run(over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(between(c.dice, 0, 2*c.world.plan.think)):
		}
		if c.do(c.choose()) == unknown {
			c.id = c.world.newcomer()
		}
	}
}

// do does an operation and records it.
func (c *client) do(o op) outcome {
	r := record{client: c.id, op: o, call: c.world.history.now(), outcome: refused}
	target := cmp.Or(o.at, c.target)
	for began := time.Now(); time.Since(began) < deadline; {
		a, maybe, err := c.ask(target, o)
		if err == nil {
			r.outcome, r.answer = acknowledged, a
			if !o.anywhere {
				c.target = target
			}
			break
		}
		if maybe {
			r.outcome = unknown
		}
		if !o.only {
			target = target%3 + 1
		}
		time.Sleep(between(c.dice, 0, backoff))
	}
	r.end = c.world.history.now()
	c.world.history.add(r)
	return r.outcome
}

// ask asks one master once.
func (c *client) ask(target uint64, o op) (a answer, maybe bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.world.plan.retry)
	defer cancel()
	there, back, lost := between(c.dice, 0, 2*time.Millisecond), between(c.dice, 0, 2*time.Millisecond), c.dice.Float64()
	time.Sleep(there)
	l := c.world.member(target).alive()
	if l == nil {
		return a, false, errUnreachable
	}
	if lost < c.world.replyLoss()/2 {
		<-ctx.Done() // the question is lost
		c.world.injected(lateReply)
		return a, false, ctx.Err()
	}
	a, maybe, err = l.do(ctx, o)
	if err == nil && lost < c.world.replyLoss() {
		<-ctx.Done() // the answer is lost
		c.world.injected(lateReply)
		return answer{}, true, ctx.Err()
	}
	time.Sleep(back)
	return a, maybe, err
}

// choose makes up an operation. Names are few, so that operations meet.
func (c *client) choose() op {
	o := op{number: c.world.number(), path: c.path()}
	switch n := c.dice.IntN(100); {
	case n < 18:
		o.kind, o.recursive = create, c.dice.IntN(2) == 0
	case n < 26:
		o.kind = complete
	case n < 36:
		o.kind, o.recursive = mkdir, c.dice.IntN(2) == 0
	case n < 46:
		o.kind, o.recursive = remove, c.dice.IntN(3) == 0
	case n < 56:
		o.kind = move
		for o.dst = c.path(); top(o.dst) != o.top(); {
			o.dst = c.path()
		}
	case n < 66:
		o.kind = setattr
	case n < 86:
		o.kind = stat
	default:
		o.kind = list
	}
	if o.kind.reads() && c.dice.IntN(3) != 0 {
		o.anywhere, o.at = true, uint64(1+c.dice.IntN(3))
	}
	return o
}

// path is one of few: /a, /a/x, /a/x/y.
func (c *client) path() string {
	p := "/" + pick(c.dice, "a", "b", "c")
	for range c.dice.IntN(3) {
		p += "/" + pick(c.dice, "x", "y", "z")
	}
	return p
}
