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
		recent, older map[metastore.OpID]time.Time
		turned        time.Time
	}
}

// rememberFor is a little less than the metastore does: an operation that is known here is known there.
const rememberFor = metastore.OpWindow - time.Minute

func newOperations() *operations {
	o := &operations{}
	o.mu.recent = make(map[metastore.OpID]time.Time)
	return o
}

func (o *operations) note(id metastore.OpID, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.mu.turned) > rememberFor {
		o.mu.recent, o.mu.older, o.mu.turned = make(map[metastore.OpID]time.Time), o.mu.recent, now
	}
	o.mu.recent[id] = now
}

// applied says whether the operation was applied: then its command, proposed again, does nothing but answer.
func (o *operations) applied(id metastore.OpID, now time.Time) bool {
	if id == (metastore.OpID{}) {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	at, ok := o.mu.recent[id]
	if !ok {
		at, ok = o.mu.older[id]
	}
	return ok && now.Sub(at) <= rememberFor
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
