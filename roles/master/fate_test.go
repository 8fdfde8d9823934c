package master

import (
	"testing"

	"goosefs/metastore"
)

// Which files go, when: one that was created at 1000 and stays for 100 ms.
func TestFate(t *testing.T) {
	file := func(change func(*metastore.Inode)) metastore.Inode {
		n := metastore.Inode{CreateTime: 1000, ModTime: 10, Completed: true, Persistence: metastore.Persisted}
		if change != nil {
			change(&n)
		}
		return n
	}
	cached := file(func(n *metastore.Inode) { n.Persistence = metastore.NotPersisted })
	promised := file(func(n *metastore.Inode) { n.Persistence = metastore.ToBePersisted })
	writing := file(func(n *metastore.Inode) { n.Completed, n.Persistence = false, metastore.NotPersisted })
	lost := file(func(n *metastore.Inode) { n.Persistence = metastore.Lost })
	changed := file(func(n *metastore.Inode) { n.ModTime = 1050 })
	all := []metastore.TTLAction{metastore.ActionDelete, metastore.ActionDeleteOnlyGoosefs, metastore.ActionFree}
	deletes, frees := all[:2], all[2:]
	for _, c := range []struct {
		what    string
		n       metastore.Inode
		actions []metastore.TTLAction
		now     int64
		freed   int64
		want    fate
	}{
		{"before its time", file(nil), all, 1099, 0, stays},
		{"at its time", file(nil), all, 1100, 0, goes},
		{"changed since it was created", changed, all, 1149, 0, stays},
		{"a while after the change", changed, all, 1150, 0, goes},
		{"only cached", cached, deletes, 1100, 0, goes},
		{"only cached: to free it would lose it", cached, frees, 1100, 0, stays},
		{"lost", lost, deletes, 1100, 0, goes},
		{"lost, there is nothing to free", lost, frees, 1100, 0, stays},
		{"promised to the under file system", promised, all, 1100, 0, waits},
		{"promised, and young", promised, all, 1099, 0, stays},
		{"being written", writing, all, 1100, 0, waits},
		{"freed before", file(nil), frees, 5000, 1100, stays},
		{"its time was over after the others were freed", file(nil), frees, 5000, 1099, goes},
		{"freed before, and now to be deleted", file(nil), deletes, 5000, 1100, goes},
	} {
		for _, action := range c.actions {
			if got := fateOf(&c.n, metastore.Policy{TTL: 100, Action: action, FreedUntil: c.freed}, c.now); got != c.want {
				t.Errorf("%s, %v: %v, want %v", c.what, action, got, c.want)
			}
		}
	}
	if n := file(nil); fateOf(&n, metastore.Policy{}, 1<<60) != stays {
		t.Error("without a time it does not live for ever")
	}
}
