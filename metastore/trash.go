package metastore

import (
	"slices"
	"strconv"
)

// reapLimit is how many inodes a command reaps at most. What it deletes itself
// is among them, so deleting a small tree is over when the command is.
const reapLimit = 4096

// trash takes a directory, and all below it, out of the namespace.
func (t *tree) trash(n *Inode) {
	t.move(n, trashID, strconv.FormatInt(n.ID, 16))
}

// reap removes inodes from the trash for good, up to the limit. Trees are taken
// apart from the top: their directories become trash of their own.
func (t *tree) reap() {
	budget := reapLimit
	for budget > 0 && t.s.mu.state.trash > 0 {
		top := t.page(trashID, "", 1)[0] // the root's name is "", which is not after ""
		page := t.page(top.ID, "", budget)
		for _, n := range page {
			if n.Dir && n.Children > 0 {
				t.trash(n)
			} else {
				t.forget(n)
			}
		}
		if len(page) == budget {
			rest := *top
			rest.Children -= int64(len(page))
			t.update(&rest)
			return
		}
		t.forget(top)
		budget -= len(page) + 1
	}
}

// forget removes an inode that has no children.
func (t *tree) forget(n *Inode) {
	t.remove(n)
	if !n.Dir {
		t.reaped = append(t.reaped, n.ID)
	}
}

// takeReaped returns the ids of the files that are gone, in order.
func (t *tree) takeReaped() []int64 {
	slices.Sort(t.reaped)
	return t.reaped
}
