package sim

import (
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// outcome is what a client knows of an operation.
type outcome int

const (
	unknown      outcome = iota // nothing: it may have happened, or may yet
	acknowledged                // an answer
	refused                     // that it did not happen and will not
)

// record is an operation in the history of a run.
type record struct {
	client    int
	op        op
	call, end int64 // moments; every call and every end has one of its own
	outcome   outcome
	answer    answer
}

// history is what clients did and were told.
type history struct {
	moment atomic.Int64
	mu     struct {
		sync.Mutex
		records []record
		ended   int64 // the moment at which the last client had stopped and all that was on its way had arrived
	}
}

func (h *history) now() int64 { return h.moment.Add(1) }

func (h *history) add(r record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.records = append(h.mu.records, r)
}

// settle notes that nothing that was asked before will happen from now on.
func (h *history) settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.ended = h.now()
}

// operations are what porcupine is to judge: what did not happen is left out, and of what clients do not know the
// outcome is looked up.
func (h *history) operations(outcomes map[uint64]answer) []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []porcupine.Operation
	for _, r := range h.mu.records {
		o := porcupine.Operation{ClientId: r.client, Input: r.op, Call: r.call, Output: r.answer, Return: r.end}
		if r.outcome != acknowledged {
			a, happened := outcomes[r.op.number]
			if r.op.kind.reads() || !happened {
				continue
			}
			o.Output, o.Return = a, h.mu.ended
			if o.Return == 0 {
				o.Return = math.MaxInt64
			}
		}
		all = append(all, o)
	}
	return all
}

// model is the tree as porcupine wants it: one for each directory of the root.
func model() porcupine.Model {
	hasher := hasher{maphash.MakeSeed()}
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			var parts [][]porcupine.Operation
			where := make(map[string]int)
			for _, o := range history {
				top := o.Input.(op).top()
				at, ok := where[top]
				if !ok {
					at = len(parts)
					where[top] = at
					parts = append(parts, nil)
				}
				parts[at] = append(parts[at], o)
			}
			return parts
		},
		Init: func() any { return tree(nil) },
		Step: func(state, input, output any) (bool, any) {
			want, next := state.(tree).apply(input.(op))
			return output.(answer).fits(want), next
		},
		Equal: func(a, b any) bool { return equal(a.(tree), b.(tree)) },
		Hash:  func(state any) uint64 { return hasher.hash(state.(tree)) },
		DescribeOperation: func(input, output any) string {
			return fmt.Sprintf("%s: %s", input, output)
		},
		DescribeState: func(state any) string { return state.(tree).String() },
	}
}

// patience is how long porcupine may think about one history.
const patience = time.Minute
