package sim

import (
	"strings"
	"syscall"
	"testing"

	"github.com/anishathalye/porcupine"
)

// The judges themselves: what is said of histories that are right, and of those that are not.
func TestJudges(t *testing.T) {
	made := op{kind: mkdir, number: 1, path: "/a"}
	gone := op{kind: remove, number: 2, path: "/a"}
	look := op{kind: stat, number: 3, path: "/a"}
	there, missing := answer{text: "dir u1:u1"}, answer{errno: syscall.ENOENT}
	acked := func(o op, call, end int64, a answer) record {
		return record{op: o, call: call, end: end, outcome: acknowledged, answer: a}
	}
	for _, test := range []struct {
		name    string
		applied []applied
		history []record
		says    string // "": all is well
		result  porcupine.CheckResult
	}{
		{"a change and a look", []applied{{number: 1, answer: there}},
			[]record{acked(made, 1, 2, there), acked(look, 3, 4, there)}, "", porcupine.Ok},
		{"a look that is stale", []applied{{number: 1, answer: there}},
			[]record{acked(made, 1, 2, there), acked(look, 3, 4, missing)}, "", porcupine.Illegal},
		{"a look at what is only under way", []applied{{number: 1, answer: there}},
			[]record{acked(made, 1, 4, there), acked(look, 2, 3, missing)}, "", porcupine.Ok},
		{"an acknowledged change that is lost", nil,
			[]record{acked(made, 1, 2, there)}, "is lost", porcupine.Ok},
		{"a refused change that happened", []applied{{number: 1, answer: there}},
			[]record{{op: made, call: 1, end: 2, outcome: refused}}, "was refused, and happened", porcupine.Ok},
		{"a repetition with the first answer", []applied{{number: 1, answer: there}, {number: 1, answer: there}},
			[]record{acked(made, 1, 2, there)}, "", porcupine.Ok},
		{"a repetition that was done again", []applied{{number: 1, answer: there}, {number: 2, answer: there}, {number: 2, answer: missing}},
			[]record{acked(made, 1, 2, there), acked(gone, 3, 4, there)}, "repeats", porcupine.Ok},
		{"an answer that is not the one of the log", []applied{{number: 1, answer: there}, {number: 2, answer: there}},
			[]record{acked(made, 1, 2, there), acked(gone, 3, 4, missing)}, "was answered", porcupine.Illegal},
		{"a result that the model does not give", []applied{{number: 2, answer: there}},
			[]record{acked(gone, 1, 2, there)}, "the model says", porcupine.Illegal},
		{"a command of nobody", []applied{{number: 9, answer: there}}, nil, "no client asked for", porcupine.Ok},
		{"an unknown outcome that happened", []applied{{number: 1, answer: there}},
			[]record{{op: made, call: 1, end: 2}, acked(look, 3, 4, missing), acked(op{kind: stat, number: 4, path: "/a"}, 5, 6, there)}, "", porcupine.Ok},
		{"an unknown outcome that did not happen", nil,
			[]record{{op: made, call: 1, end: 2}, acked(look, 3, 4, missing)}, "", porcupine.Ok},
		{"an unknown outcome that did not happen and is seen", nil,
			[]record{{op: made, call: 1, end: 2}, acked(look, 3, 4, there)}, "", porcupine.Illegal},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{history: &history{}}
			w.oracle = &oracle{world: w}
			w.oracle.mu.applied, w.history.mu.records = test.applied, test.history
			outcomes, complaints := w.oracle.judge(test.history)
			said := strings.Join(complaints, "; ")
			if (said == "") != (test.says == "") || !strings.Contains(said, test.says) {
				t.Errorf("the oracle says %q, not %q", said, test.says)
			}
			if got := porcupine.CheckOperationsTimeout(model(), w.history.operations(outcomes), patience); got != test.result {
				t.Errorf("porcupine says %s, not %s", got, test.result)
			}
		})
	}
}

// A plan follows from its seed.
func TestPlans(t *testing.T) {
	plan, again, other := planOf(7).String(), planOf(7).String(), planOf(8).String()
	if plan != again || plan == other {
		t.Error("a plan is not a function of its seed")
	}
	kinds := make(map[faultKind]bool)
	for seed := range uint64(50) {
		for _, f := range planOf(seed + 1).faults {
			kinds[f.kind] = true
		}
	}
	if len(kinds) < 20 {
		t.Errorf("50 plans have %d kinds of fault only", len(kinds))
	}
}
