package master

import (
	"sync"
	"time"

	"goosefs/metastore"
)

// operations says what has become of operations lately. The metastore gives a command that is repeated its first result;
// this is for what is done before a command is proposed, and may not be done again: an under file system has no memory,
// and what has the path now may be somebody else's.
//
// Every master knows what it applied, so one that begins to lead does. Of what was undone only the master knows that
// undid it.
type operations struct {
	store interface {
		Operation(metastore.OpID) (ms int64, found bool)
	}
	mu struct {
		sync.Mutex
		refused, before map[metastore.OpID]error // of this rememberFor, and of the one before
		turned          time.Time
	}
}

// rememberFor is a little less than the metastore does: an operation that is known here is known there.
const rememberFor = metastore.OpWindow - time.Minute

func newOperations() *operations {
	o := &operations{}
	o.mu.refused = make(map[metastore.OpID]error)
	return o
}

// applied says whether the operation was applied: then its command, proposed again, does nothing but answer.
func (o *operations) applied(id metastore.OpID, now time.Time) bool {
	if id == (metastore.OpID{}) {
		return false
	}
	ms, found := o.store.Operation(id)
	return found && now.UnixMilli()-ms <= rememberFor.Milliseconds()
}

// refuse remembers that an operation that was applied has been undone, and why: the under file system would not have it.
func (o *operations) refuse(id metastore.OpID, why error, now time.Time) {
	if id == (metastore.OpID{}) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.mu.turned) > metastore.OpWindow {
		o.mu.refused, o.mu.before, o.mu.turned = make(map[metastore.OpID]error), o.mu.refused, now
	}
	o.mu.refused[id] = why
}

// refusal is why an operation was undone, or nil.
func (o *operations) refusal(id metastore.OpID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if why := o.mu.refused[id]; why != nil {
		return why
	}
	return o.mu.before[id]
}
