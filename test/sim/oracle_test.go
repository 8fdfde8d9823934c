package sim

import (
	"bytes"
	"fmt"
	"sync"

	"goosefs/metastore"
	"goosefs/metastore/metapb"

	"google.golang.org/protobuf/proto"
)

// oracle is told by each master what it applies. So it knows the one order of all commands, or that there is none.
type oracle struct {
	world *world
	mu    struct {
		sync.Mutex
		applied []applied // entry i is the i+1st command
	}
}

// applied is a command as the first master that applied it tells.
type applied struct {
	command []byte
	number  uint64 // of the operation
	answer  answer
	by      uint64
}

// stateMachine is a master's store, whose commands the oracle hears of.
type stateMachine struct {
	*metastore.Store
	oracle *oracle
	member uint64
}

// Apply implements raftlog.StateMachine.
func (s stateMachine) Apply(last uint64, commands [][]byte) []any {
	before := s.Hash().Commands
	results := s.Store.Apply(last, commands)
	for i, c := range commands {
		s.oracle.hear(s.member, before+uint64(i), c, results[i])
	}
	return results
}

// hear compares what a master applied as command at with what others did.
func (o *oracle) hear(member, at uint64, command []byte, result any) {
	a := answerOf(result)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch known := uint64(len(o.mu.applied)); {
	case at > known:
		o.world.violate("master %d applies command %d, but nobody applied %d", member, at, known)
	case at == known:
		o.mu.applied = append(o.mu.applied, applied{command, numberOf(command), a, member})
	default:
		first := o.mu.applied[at]
		if !bytes.Equal(first.command, command) {
			o.world.violate("command %d is operation %d for master %d and %d for master %d", at, first.number, first.by, numberOf(command), member)
		} else if first.answer != a {
			o.world.violate("command %d, operation %d, is %q for master %d and %q for master %d", at, first.number, first.answer, first.by, a, member)
		}
	}
}

// numberOf is the number of the operation that a command is of.
func numberOf(command []byte) uint64 {
	var m metapb.Command
	if err := proto.Unmarshal(command, &m); err != nil {
		panic(err)
	}
	var id metastore.OpID
	copy(id[:], m.OpId)
	return number(id)
}

// judge compares the order of all commands with what clients were told, and with the model. It returns what each
// operation came to.
func (o *oracle) judge(history []record) (outcomes map[uint64]answer, complaints []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	ops := make(map[uint64]op)
	for _, r := range history {
		ops[r.op.number] = r.op
	}
	outcomes = make(map[uint64]answer)
	trees := make(map[string]tree)
	for i, c := range o.mu.applied {
		this, known := ops[c.number]
		if !known {
			complain("command %d is an operation that no client asked for", i)
			continue
		}
		if first, again := outcomes[c.number]; again {
			if c.answer != first {
				complain("command %d repeats %s: %q, the first time %q", i, this, c.answer, first)
			}
			continue
		}
		want, next := trees[this.top()].apply(this)
		if !c.answer.fits(want) {
			complain("command %d, %s: %q, the model says %q", i, this, c.answer, want)
		}
		trees[this.top()], outcomes[c.number] = next, c.answer
	}
	for _, r := range history {
		if r.op.kind.reads() {
			continue
		}
		a, there := outcomes[r.op.number]
		switch {
		case r.outcome == acknowledged && !there:
			complain("%s was acknowledged, and is lost", r.op)
		case r.outcome == acknowledged && !r.answer.fits(a):
			complain("%s was answered %q, and was %q", r.op, r.answer, a)
		case r.outcome == refused && there:
			complain("%s was refused, and happened", r.op)
		}
	}
	return outcomes, complaints
}
