package metastore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"goosefs/metastore/metapb"

	"go.etcd.io/bbolt"
)

// checkLimit is how many violations are told at most.
const checkLimit = 20

// Check flushes and then verifies all that must hold, on the database: every
// entry has a directory for parent and is reached from the root or the trash, ids
// and entries lead to each other, mounts and mount points too, directories know
// how many children they have, what is in the UFS has parents that are, counters
// and hash are those of the records. Commands wait only for the flush.
func (s *Store) Check() error {
	var known opIndex
	f, err := s.flushed(func() { known = s.mu.ops.clone() })
	if err != nil {
		return err
	}
	defer f.tx.Rollback()
	c := &checker{tx: f.tx}
	c.entries()
	c.reach()
	c.ids()
	c.mounts(f.mounts)
	c.ops(known)
	c.counters(f.state)
	return errors.Join(c.found...)
}

type checker struct {
	tx    *bbolt.Tx
	found []error

	state       state           // as the records make it
	children    int64           // as directories count them
	mountPoints map[int64]int64 // mount id → inode id
	maxID       int64
}

func (c *checker) bad(format string, args ...any) {
	if len(c.found) < checkLimit {
		c.found = append(c.found, fmt.Errorf("metastore: "+format, args...))
	}
}

// each goes through a space and adds its records to the sum.
func (c *checker) each(sp space, fn func(key string, value []byte)) {
	cursor := c.tx.Bucket(sp.bucket()).Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		key := string(rune(sp)) + string(k)
		c.state.sum.add(key, v)
		fn(key, v)
	}
}

func (c *checker) get(key string) []byte {
	return c.tx.Bucket(space(key[0]).bucket()).Get([]byte(key[1:]))
}

// inode follows an id; nil if it leads nowhere.
func (c *checker) inode(id int64) *Inode {
	where := c.get(idKey(id))
	if len(where) < 8 {
		return nil
	}
	key := string(rune(entries)) + string(where)
	raw := c.get(key)
	if raw == nil {
		return nil
	}
	parent, name := splitEntryKey(key)
	return decodeInode(parent, name, raw, nil)
}

// entries checks each inode by itself and with its parent. A directory's
// children come one after the other.
func (c *checker) entries() {
	c.mountPoints = map[int64]int64{}
	var parent *Inode
	var siblings int64
	endOfDir := func() {
		if parent != nil && parent.Children != siblings {
			c.bad("directory %d has %d children and counts %d", parent.ID, siblings, parent.Children)
		}
	}
	c.each(entries, func(key string, raw []byte) {
		dir, name := splitEntryKey(key)
		n := decodeInode(dir, name, raw, nil)
		c.inodeAlone(n)
		if dir == trashID {
			return
		}
		if parent == nil || parent.ID != dir {
			endOfDir()
			parent, siblings = c.inode(dir), 0
			if parent == nil {
				c.bad("%q (%d) has no parent %d", name, n.ID, dir)
				return
			}
		}
		siblings++
		c.withParent(n, parent)
	})
	endOfDir()
	roots := c.state.trash + 1
	if all := c.state.files + c.state.dirs - roots; c.children != all {
		c.bad("directories count %d children in all, there are %d", c.children, all)
	}
}

func (c *checker) inodeAlone(n *Inode) {
	c.state.account(n, 1)
	c.children += n.Children
	c.maxID = max(c.maxID, n.ID)
	if at := c.inode(n.ID); at == nil || at.ParentID != n.ParentID || at.Name != n.Name {
		c.bad("id %d does not lead to %q in %d", n.ID, n.Name, n.ParentID)
	}
	switch {
	case n.ID != RootID && !validName(n.Name):
		c.bad("%d has the name %q", n.ID, n.Name)
	case n.ID&containerMask != containerMask || n.ID < RootID:
		c.bad("%q has the id %d", n.Name, n.ID)
	case n.Dir && (n.Length != 0 || n.BlockSize != 0 || !n.Completed):
		c.bad("directory %d has the fields of a file", n.ID)
	case !n.Dir && (n.Children != 0 || n.MountID != 0 || n.ChildrenLoaded):
		c.bad("file %d has the fields of a directory", n.ID)
	case !n.Dir && (n.Length < 0 || n.BlockSize <= 0 || !n.Completed && n.Length != 0):
		c.bad("file %d has length %d, block size %d", n.ID, n.Length, n.BlockSize)
	case n.Symlink != "" && (n.Dir || !n.Completed || n.Length != int64(len(n.Symlink)) || n.Persistence != NotPersisted):
		c.bad("link %d has the fields of a file or a directory", n.ID)
	case len(n.DefaultACL) > 0 && !n.Dir, len(n.ACL) > 0 && n.Symlink != "":
		c.bad("%d has an access control list that is not for its kind", n.ID)
	case !n.Completed && n.Persistence == Persisted:
		c.bad("file %d is persisted and incomplete", n.ID)
	}
	c.acl(n, n.FullACL(), false)
	if len(n.DefaultACL) > 0 {
		c.acl(n, n.DefaultACL, true)
	}
	if n.MountID != 0 && (n.ParentID != trashID || n.ID == RootID) {
		c.mountPoints[n.MountID] = n.ID
	}
}

// acl checks a list of an inode: it is in order, each entry is good and about another
// one, owner, group and others are there, and a mask if anybody is named.
func (c *checker) acl(n *Inode, list []ACLEntry, isDefault bool) {
	sorted := slices.Clone(list)
	sortACL(sorted)
	good := slices.Equal(sorted, list) && len(list) <= maxACL &&
		hasKind(list, ACLOwner) && hasKind(list, ACLOwningGroup) && hasKind(list, ACLOther) &&
		(hasKind(list, ACLMask) || !hasKind(list, ACLNamedUser) && !hasKind(list, ACLNamedGroup))
	for i, e := range list {
		good = good && checkACLEntry(e) == "" && e.Default == isDefault && (i == 0 || !sameSubject(list[i-1], e))
	}
	if !good {
		c.bad("%q (%d) has the access control list %v", n.Name, n.ID, list)
	}
}

func (c *checker) withParent(n, parent *Inode) {
	if !parent.Dir {
		c.bad("%q (%d) is in %d, which is a file", n.Name, n.ID, parent.ID)
	}
	if n.Persistence == Persisted && n.MountID == 0 && parent.Persistence != Persisted && parent.ID != RootID {
		c.bad("%q (%d) is persisted, its directory %d is not", n.Name, n.ID, parent.ID)
	}
}

// reach counts what can be reached from the root and the trash: a tree that hangs
// on nothing, or on itself, is not.
func (c *checker) reach() {
	var reached int64
	dirs := []int64{trashID} // the root's parent
	cursor := c.tx.Bucket(entries.bucket()).Cursor()
	for len(dirs) > 0 && reached <= c.state.files+c.state.dirs {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		prefix := binary.BigEndian.AppendUint64(nil, uint64(dir))
		for k, v := cursor.Seek(prefix); len(k) >= 8 && string(k[:8]) == string(prefix); k, v = cursor.Next() {
			reached++
			if n := decodeInode(dir, string(k[8:]), v, nil); n.Dir {
				dirs = append(dirs, n.ID)
			}
		}
	}
	if all := c.state.files + c.state.dirs; reached != all {
		c.bad("%d of %d inodes are reached", reached, all)
	}
}

func (c *checker) ids() {
	var count int64
	c.each(ids, func(string, []byte) { count++ })
	if all := c.state.files + c.state.dirs; count != all {
		c.bad("%d ids, %d inodes", count, all)
	}
}

func (c *checker) mounts(table mountTable) {
	stored := mountTable{}
	c.each(mounts, func(key string, raw []byte) {
		var r metapb.MountRecord
		unmarshal(raw, &r)
		m := mountOf(&r)
		stored[m.Path] = m
		c.state.nextMount = max(c.state.nextMount, m.ID+1)
		if key != mountKey(m.Path) {
			c.bad("mount %d is not at %s", m.ID, m.Path)
		}
		point, ok := c.mountPoints[m.ID]
		if path := c.path(point); !ok || path != m.Path {
			c.bad("mount %d should be at %s and is at %q", m.ID, m.Path, path)
		}
	})
	if len(c.mountPoints) != len(stored) {
		c.bad("%d mounts, %d mount points", len(stored), len(c.mountPoints))
	}
	if !maps.EqualFunc(stored, table, func(a, b Mount) bool {
		return reflect.DeepEqual(mountRecord(a), mountRecord(b))
	}) {
		c.bad("the mounts in memory are not those of the database")
	}
}

// path is "" for an id that is not in the namespace.
func (c *checker) path(id int64) string {
	p := ""
	for n := c.inode(id); n != nil; n = c.inode(n.ParentID) {
		if n.ID == RootID {
			return max(p, "/")
		}
		p = "/" + n.Name + p
	}
	return ""
}

func (c *checker) ops(known opIndex) {
	var count, indexed int
	c.each(ops, func(key string, raw []byte) {
		count++
		ms, id := splitOpKey(key)
		if at, ok := known.find(id); !ok || at != ms {
			c.bad("operation %x of %d is not known", id, ms)
		}
		if ms < known.oldest {
			c.bad("operation %x of %d is older than the oldest, %d", id, ms, known.oldest)
		}
		unmarshal(raw, new(metapb.OpRecord))
	})
	for _, p := range known.periods {
		indexed += len(p)
	}
	if count != indexed {
		c.bad("%d operations, %d known", count, indexed)
	}
}

func (c *checker) counters(st state) {
	want := c.state
	if st.nextContainer <= containerOf(c.maxID) || st.nextMount < want.nextMount {
		c.bad("the next container %d or mount %d is in use", st.nextContainer, st.nextMount)
	}
	want.applied, want.commands = st.applied, st.commands
	want.nextContainer, want.nextMount = st.nextContainer, st.nextMount
	if st != want {
		c.bad("state %+v, its records make %+v", st, want)
	}
}
