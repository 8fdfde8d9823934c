package worker

import (
	"context"
	"sync"
)

// link is the way to one master. Who wants it told of something takes a ticket, and may wait until the master says that
// it has taken in a report with that ticket.
type link struct {
	master string
	wake   chan struct{} // a token: report now

	mu struct {
		sync.Mutex
		up      bool          // a stream is up and everything has been taken in on it
		tickets uint64        // given out; from 1 on
		taken   uint64        // reports that were taken in cover tickets up to this one
		changed chan struct{} // closed and replaced when up or taken change
	}
}

func newLink(master string) *link {
	l := &link{master: master, wake: make(chan struct{}, 1)}
	l.mu.changed, l.mu.tickets = make(chan struct{}), 1
	return l
}

// ask wants the master told at once.
func (l *link) ask() (ticket uint64) {
	l.mu.Lock()
	l.mu.tickets++
	ticket = l.mu.tickets
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return ticket
}

// await returns when the ticket's report has been taken in, cannot be sent, or ctx ends.
func (l *link) await(ctx context.Context, ticket uint64) {
	for {
		l.mu.Lock()
		done, changed := !l.mu.up || l.mu.taken >= ticket, l.mu.changed
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// asked is the last ticket: a report that is made after this covers it.
func (l *link) asked() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.tickets
}

// told notes that a report which covers the ticket was taken in. It says whether the master had not been reported to
// before.
func (l *link) told(ticket uint64) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first = !l.mu.up
	l.mu.up, l.mu.taken = true, max(l.mu.taken, ticket)
	l.announceLocked()
	return first
}

// down notes that the stream ended. It says whether it was up.
func (l *link) down() (was bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, l.mu.up = l.mu.up, false
	l.announceLocked()
	return was
}

func (l *link) announceLocked() {
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
}
