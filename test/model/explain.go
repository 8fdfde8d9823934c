package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// told is how many operations before the contradiction are told.
const told = 25

// explain says in words where the names below each top directory contradict what clients were told: the longest order
// that can be true, its state, and what fits nowhere behind it.
func explain(parts [][]porcupine.Operation, info porcupine.LinearizationInfo) string {
	var b strings.Builder
	for i, orders := range info.PartialLinearizationsOperations() {
		longest := slices.MaxFunc(append(orders, nil), func(a, b []porcupine.Operation) int { return cmp.Compare(len(a), len(b)) })
		if len(longest) == len(parts[i]) {
			continue
		}
		state := tree{}
		for _, op := range longest {
			_, state = step(state, op.Input.(Input), op.Output.(Output))
		}
		fmt.Fprintf(&b, "%s: %d of %d operations fit into one order, of which the last are\n", parts[i][0].Input.(Input).top(), len(longest), len(parts[i]))
		for _, op := range longest[max(0, len(longest)-told):] {
			fmt.Fprintf(&b, "  %s\n", line(op))
		}
		fmt.Fprintf(&b, "Then there is\n%s\n", indent(state.String()))
		b.WriteString("and none of these can follow:\n")
		for _, op := range next(parts[i], longest) {
			fmt.Fprintf(&b, "  %s\n", line(op))
		}
	}
	return b.String()
}

// next are the operations that are not in an order, and were called before any of them returned.
func next(all, order []porcupine.Operation) (rest []porcupine.Operation) {
	placed := make(map[int64]bool)
	for _, op := range order {
		placed[op.Call] = true
	}
	first := int64(math.MaxInt64)
	for _, op := range all {
		if !placed[op.Call] {
			rest = append(rest, op)
			first = min(first, op.Return)
		}
	}
	return slices.DeleteFunc(rest, func(op porcupine.Operation) bool { return op.Call > first })
}

func line(op porcupine.Operation) string {
	returned := "never"
	if op.Return != math.MaxInt64 {
		returned = fmt.Sprint(op.Return)
	}
	return fmt.Sprintf("%6d to %-6s client %-3d %s → %s", op.Call, returned, op.ClientId, op.Input, op.Output)
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
