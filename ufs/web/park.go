package web

import (
	"sync"
	"time"
)

const (
	maxParked  = 8
	parkedFor  = 15 * time.Second
	maxSkipped = 64 << 20 // a gap longer than this is another reader's place in the file
)

// parking keeps transfers of whole objects that stopped between two parts, for
// servers without ranges. Each is taken by the next Open that starts where it
// stands or a little further on; unclaimed ones end after parkedFor.
type parking struct {
	mu struct {
		sync.Mutex
		closed bool
		cars   []*parkedTransfer // oldest first
	}
}

type parkedTransfer struct {
	url   string
	want  pin
	pos   int64
	x     *exchange
	timer *time.Timer
}

// put parks a transfer that stands at pos; the parking owns it now.
func (p *parking) put(url string, want pin, pos int64, x *exchange) {
	x.unlink()
	c := &parkedTransfer{url: url, want: want, pos: pos, x: x}
	if crowded := p.add(c); crowded != nil {
		crowded.Close()
	}
}

// add takes c in, and gives back what there is no more room for.
func (p *parking) add(c *parkedTransfer) (crowded *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return c.x
	}
	c.timer = time.AfterFunc(parkedFor, func() {
		if p.remove(c) {
			c.x.Close()
		}
	})
	p.mu.cars = append(p.mu.cars, c)
	if len(p.mu.cars) > maxParked {
		oldest := p.mu.cars[0]
		p.mu.cars = p.mu.cars[1:]
		oldest.timer.Stop()
		return oldest.x
	}
	return nil
}

// take gives the transfer of that version that stands nearest before off, and
// where it stands; nil if there is none. The caller owns it.
func (p *parking) take(url string, want pin, off int64) (*exchange, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, c := range p.mu.cars {
		if c.url == url && c.want == want && c.pos <= off && off-c.pos <= maxSkipped &&
			(best < 0 || c.pos > p.mu.cars[best].pos) {
			best = i
		}
	}
	if best < 0 {
		return nil, 0
	}
	c := p.mu.cars[best]
	p.mu.cars = append(p.mu.cars[:best:best], p.mu.cars[best+1:]...)
	c.timer.Stop()
	return c.x, c.pos
}

// remove takes c out; false if it is no longer there.
func (p *parking) remove(c *parkedTransfer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, parked := range p.mu.cars {
		if parked == c {
			p.mu.cars = append(p.mu.cars[:i:i], p.mu.cars[i+1:]...)
			return true
		}
	}
	return false
}

// close ends all that is parked, and whatever is brought later.
func (p *parking) close() {
	p.mu.Lock()
	cars := p.mu.cars
	p.mu.closed, p.mu.cars = true, nil
	p.mu.Unlock()
	for _, c := range cars {
		c.timer.Stop()
		c.x.Close()
	}
}
