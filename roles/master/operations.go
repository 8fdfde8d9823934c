package master

import (
	"sync"
	"time"

	"goosefs/metastore"

	"google.golang.org/protobuf/encoding/protowire"
)

// operations remembers which operations have been applied lately. The metastore gives a command that is repeated its
// first result; this is for what is done before a command is proposed, and may not be done again: an under file system
// has no memory, and what has the path now may be somebody else's.
//
// Every master remembers what it applies, so that one that begins to lead knows. Only a master that has just been
// started, or received an image, knows less.
type operations struct {
	mu struct {
		sync.Mutex
		recent, older map[metastore.OpID]outcome
		turned        time.Time
	}
}

// outcome of an operation that was applied.
type outcome struct {
	at      time.Time
	refused error // why it was undone: the under file system would not have it
}

// rememberFor is a little less than the metastore does: an operation that is known here is known there.
const rememberFor = metastore.OpWindow - time.Minute

func newOperations() *operations {
	o := &operations{}
	o.mu.recent = make(map[metastore.OpID]outcome)
	return o
}

func (o *operations) note(id metastore.OpID, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.mu.turned) > rememberFor {
		o.mu.recent, o.mu.older, o.mu.turned = make(map[metastore.OpID]outcome), o.mu.recent, now
	}
	o.mu.recent[id] = outcome{at: now, refused: o.outcomeLocked(id).refused}
}

// refuse remembers that an operation that was applied has been undone, and why.
func (o *operations) refuse(id metastore.OpID, why error, now time.Time) {
	if id == (metastore.OpID{}) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.recent[id] = outcome{at: now, refused: why}
}

// applied says whether the operation was applied: then its command, proposed again, does nothing but answer.
func (o *operations) applied(id metastore.OpID, now time.Time) bool {
	at := o.outcome(id).at
	return !at.IsZero() && now.Sub(at) <= rememberFor
}

// outcome is zero for what is not known.
func (o *operations) outcome(id metastore.OpID) outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.outcomeLocked(id)
}

func (o *operations) outcomeLocked(id metastore.OpID) outcome {
	if known, ok := o.mu.recent[id]; ok {
		return known
	}
	return o.mu.older[id]
}

// stateMachine is the metastore, and a note of every operation that it applies.
type stateMachine struct {
	*metastore.Store
	operations *operations
	now        func() time.Time
}

// Apply implements raftlog.StateMachine.
func (s stateMachine) Apply(last uint64, commands [][]byte) []any {
	results := s.Store.Apply(last, commands)
	for _, c := range commands {
		if id, ok := operationOf(c); ok {
			s.operations.note(id, s.now())
		}
	}
	return results
}

// operationField is the number of metapb.Command's op_id, which is written ahead of all that is long.
const operationField = 2

// operationOf reads the operation id of an encoded command, if it has one.
func operationOf(command []byte) (id metastore.OpID, ok bool) {
	for len(command) > 0 {
		number, kind, n := protowire.ConsumeTag(command)
		if n < 0 || number > operationField {
			return id, false
		}
		command = command[n:]
		if number == operationField && kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(command)
			return id, n > 0 && copy(id[:], value) == len(id)
		}
		if n = protowire.ConsumeFieldValue(number, kind, command); n < 0 {
			return id, false
		}
		command = command[n:]
	}
	return id, false
}
