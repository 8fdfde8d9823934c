package fuse

import (
	"sync/atomic"
	"time"

	"goosefs/client"
)

// unconfirmed is how long an answer is believed that no stream of invalidations stands behind.
const unconfirmed = time.Second

// moment is a point in the order of invalidations: a question asked at moment m saw everything pushed before m.
type moment uint64

// trust says which answers the stream of invalidations stands behind.
type trust struct {
	clock atomic.Uint64 // the present moment; advanced by every invalidation
	since atomic.Uint64 // the moment since which the stream lives; 0 while it is down
}

// now dates a question that is about to be asked.
func (t *trust) now() moment { return moment(t.clock.Load()) }

// tick begins a new moment, for an invalidation.
func (t *trust) tick() moment { return moment(t.clock.Add(1)) }

// alive notes that the stream lives. Answers from before stay unconfirmed: nobody watched over them.
func (t *trust) alive() {
	if t.since.Load() == 0 {
		t.since.CompareAndSwap(0, uint64(t.tick()))
	}
}

// lost notes that the stream broke: from now on nothing is confirmed.
func (t *trust) lost() { t.since.Store(0) }

// confirmed says if the stream stands behind an answer to a question asked at the moment asked.
func (t *trust) confirmed(asked moment) bool {
	since := t.since.Load()
	return since != 0 && asked >= moment(since)
}

// pushed says if the masters push what is to be known of something: of what is in a consistent namespace the source
// itself is to be asked, which pushes nothing.
func pushed(info client.Info) bool { return !info.ReadPolicy.Consistent() }

// remaining is how much longer an answer may be believed: long in all if it is confirmed, a second otherwise, and
// never longer than long. Not above zero: it has to be asked for again.
func remaining(long, age time.Duration, confirmed bool) time.Duration {
	if !confirmed {
		long = min(long, unconfirmed)
	}
	return long - age
}
