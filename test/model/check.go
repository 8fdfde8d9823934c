package model

import (
	"fmt"
	"path"
	"slices"

	"github.com/anishathalye/porcupine"
)

// namespace is the model as porcupine wants it. A state is a [tree], operations are partitioned by top directory.
func namespace() porcupine.Model {
	return porcupine.Model{
		Partition: partition,
		Init:      func() any { return tree{} },
		Step: func(state, in, out any) (bool, any) {
			return step(state.(tree), in.(Input), out.(Output))
		},
		Equal:             func(a, b any) bool { return a.(tree).equal(b.(tree)) },
		Hash:              func(state any) uint64 { return state.(tree).hash() },
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%s → %s", in, out) },
		DescribeState:     func(state any) string { return state.(tree).String() },
	}
}

func partition(ops []porcupine.Operation) [][]porcupine.Operation {
	var tops []string
	of := make(map[string][]porcupine.Operation)
	for _, op := range ops {
		top := op.Input.(Input).top()
		if of[top] == nil {
			tops = append(tops, top)
		}
		of[top] = append(of[top], op)
	}
	slices.Sort(tops)
	parts := make([][]porcupine.Operation, len(tops))
	for i, top := range tops {
		parts[i] = of[top]
	}
	return parts
}

// step says whether in may be answered by out in the state t, and what the state is then.
func step(t tree, in Input, out Output) (bool, tree) {
	after, errno := t.change(in)
	switch {
	case out.Unknown:
		return true, after
	case errno != 0 || out.Err != 0:
		return errno == out.Err, t
	case in.Kind == Stat:
		return t.saw(in.Path, out.Entry)
	case in.Kind == List:
		return t.listed(in.Path, out.Entries)
	case out.Entry.ID != 0:
		return after.saw(in.Path, out.Entry)
	}
	return true, after
}

// saw says whether e may be what is at p. An id that is seen first is remembered.
func (t tree) saw(p string, e Entry) (bool, tree) {
	known := t.seen(p)
	if isTop(p) {
		return e.Dir && e.Name == known.Name && e.Length == known.Length, t
	}
	if !known.same(e) {
		return false, t
	}
	if e.ID != known.ID && e.ID != 0 {
		known, _ = t.get(p)
		known.ID = e.ID
		t = t.with(p, known)
	}
	return true, t
}

// listed says whether entries may be what is in p. A file lists itself.
func (t tree) listed(p string, entries []Entry) (bool, tree) {
	entries = sorted(entries)
	if e, _ := t.get(p); !e.Dir {
		if len(entries) != 1 {
			return false, t
		}
		return t.saw(p, entries[0])
	}
	children := t.children(p)
	if len(children) != len(entries) {
		return false, t
	}
	for i := range children {
		var fits bool
		if fits, t = t.saw(path.Join(p, children[i].Name), entries[i]); !fits {
			return false, t
		}
	}
	return true, t
}
