package model

import (
	"errors"
	"math"
	"os"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// History is what clients asked and were told. Its methods may be called from any goroutine. The zero value is empty.
type History struct {
	mu struct {
		sync.Mutex
		clock      int64 // counts calls and returns
		operations []porcupine.Operation
		open       map[string]int // changes with an unknown outcome, by top directory
		acked      int
		refused    int
	}
}

// Do records a call of a client and its outcome. A client is a number; it does one thing at a time.
func (h *History) Do(client int, in Input, call func() Output) Output {
	began := h.tick()
	out := call()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.clock++
	op := porcupine.Operation{ClientId: client, Input: in, Call: began, Output: out, Return: h.mu.clock}
	switch {
	case out.Unknown && in.Kind.reads():
		return out // it tells nothing
	case out.Unknown:
		if h.mu.open == nil {
			h.mu.open = make(map[string]int)
		}
		h.mu.open[in.top()]++
		op.Return = math.MaxInt64
	case out.Refused:
		h.mu.refused++
		return out
	default:
		h.mu.acked++
	}
	h.mu.operations = append(h.mu.operations, op)
	return out
}

func (h *History) tick() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.clock++
	return h.mu.clock
}

// Open counts the changes below a top directory, or all of them for "", whose outcome is unknown.
func (h *History) Open(top string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if top != "" {
		return h.mu.open[top]
	}
	all := 0
	for _, n := range h.mu.open {
		all += n
	}
	return all
}

// Acked counts the operations that a client was told the outcome of, be it done or impossible.
func (h *History) Acked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.acked
}

// Settle removes what decide says never happened, of the changes whose outcome is unknown: a log that was read
// afterwards knows.
func (h *History) Settle(happened func(client int, in Input) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.mu.operations[:0]
	for _, op := range h.mu.operations {
		if op.Output.(Output).Unknown && !happened(op.ClientId, op.Input.(Input)) {
			h.mu.open[op.Input.(Input).top()]--
			continue
		}
		kept = append(kept, op)
	}
	h.mu.operations = kept
}

// Verdict is what a check found out.
type Verdict string

// Undecided: it would have taken too long. It counts as a failure.
const (
	Legal     Verdict = "legal"
	Illegal   Verdict = "illegal"
	Undecided Verdict = "undecided"
)

// Check says whether the history is linearizable. If it is not, and page is not empty, it is drawn there, as HTML, and
// what contradicts what is told in page.txt.
func (h *History) Check(limit time.Duration, page string) (Verdict, error) {
	h.mu.Lock()
	operations := h.mu.operations
	h.mu.Unlock()
	m := namespace()
	verdict := Undecided
	switch porcupine.CheckOperationsTimeout(m, operations, limit) {
	case porcupine.Ok:
		return Legal, nil
	case porcupine.Illegal:
		verdict = Illegal
	}
	if page == "" {
		return verdict, nil
	}
	_, info := porcupine.CheckOperationsVerbose(m, operations, limit) // slower: only for what is drawn
	return verdict, errors.Join(
		porcupine.VisualizePath(m, info, page),
		os.WriteFile(page+".txt", []byte(explain(partition(operations), info)), 0o644))
}
