package metastore

// put writes one record; nil removes it. Every change of the state's records
// goes through here, so the sum is always right.
func (t *tree) put(key string, value []byte) {
	sum := &t.s.mu.state.sum
	if old := t.get(key); old != nil {
		sum.subtract(key, old)
	}
	if value != nil {
		sum.add(key, value)
	}
	t.s.mu.active.set(key, value)
	t.s.mu.watches.note(key)
}

// add writes a record of a key that has none.
func (t *tree) add(key string, value []byte) {
	t.s.mu.state.sum.add(key, value)
	t.s.mu.active.set(key, value)
	t.s.mu.watches.note(key)
}

// newID takes the next container.
func (t *tree) newID() int64 {
	id := idOf(t.s.mu.state.nextContainer)
	t.s.mu.state.nextContainer++
	return id
}

// insert adds a new inode. The parent's record is the caller's to update.
func (t *tree) insert(n *Inode) {
	t.account(n, 1)
	t.add(entryKey(n.ParentID, n.Name), encodeInode(n))
	t.s.cache.put(n)
	t.add(idKey(n.ID), idValue(n.ParentID, n.Name))
}

// update replaces the inode of the same place; its id may be another one.
func (t *tree) update(n *Inode) {
	old := t.child(n.ParentID, n.Name)
	t.account(old, -1)
	t.account(n, 1)
	if old.ID != n.ID {
		t.put(idKey(old.ID), nil)
		t.put(idKey(n.ID), idValue(n.ParentID, n.Name))
	}
	t.writeEntry(n)
}

// remove takes an inode away. The parent's record is the caller's to update, and
// so are children that it has.
func (t *tree) remove(n *Inode) {
	t.account(n, -1)
	t.put(entryKey(n.ParentID, n.Name), nil)
	t.put(idKey(n.ID), nil)
	t.s.cache.drop(n.ParentID, n.Name)
}

// move puts an inode elsewhere, and so all that is below it. The records of both
// parents are the caller's to update.
func (t *tree) move(n *Inode, parent int64, name string) *Inode {
	t.account(n, -1)
	t.put(entryKey(n.ParentID, n.Name), nil)
	t.s.cache.drop(n.ParentID, n.Name)
	moved := *n
	moved.ParentID, moved.Name = parent, name
	t.account(&moved, 1)
	t.add(entryKey(parent, name), encodeInode(&moved))
	t.s.cache.put(&moved)
	t.put(idKey(n.ID), idValue(parent, name))
	return &moved
}

func (t *tree) writeEntry(n *Inode) {
	t.put(entryKey(n.ParentID, n.Name), encodeInode(n))
	t.s.cache.put(n)
}

// account keeps what is known of all inodes together: sign is 1 for an inode that
// comes, -1 for one that goes.
func (t *tree) account(n *Inode, sign int64) {
	t.s.mu.state.account(n, sign)
	t.s.mu.unfinished.account(n, sign)
}

// account keeps the counters: sign is 1 for an inode that comes, -1 for one that
// goes.
func (st *state) account(n *Inode, sign int64) {
	if n.Dir {
		st.dirs += sign
	} else {
		st.files += sign
	}
	if n.unpersisted() {
		st.unpersisted += sign
	}
	if n.ParentID == trashID && n.ID != RootID {
		st.trash += sign
	}
}

// touchDir notes that children came or went in a directory, now.
func (t *tree) touchDir(id int64, children int64) {
	dir := *t.inode(id)
	dir.Children += children
	dir.ModTime = t.header.Time
	t.update(&dir)
}

// persistUp marks an inode's directories, up to the mount's root, as being in
// the UFS too, as they must be when it is. The directory id comes first.
func (t *tree) persistUp(id int64) {
	for {
		n := t.inode(id)
		if n.Persistence == Persisted || n.MountID != 0 || n.ID == RootID {
			return
		}
		dir := *n
		dir.Persistence = Persisted
		t.update(&dir)
		id = n.ParentID
	}
}

// setMount writes a mount's record.
func (t *tree) setMount(m Mount) {
	t.put(mountKey(m.Path), marshal(mountRecord(m)))
	t.s.mu.mounts = t.s.mu.mounts.with(m)
}

// removeMount removes it.
func (t *tree) removeMount(m Mount) {
	t.put(mountKey(m.Path), nil)
	t.s.mu.mounts = t.s.mu.mounts.without(m.Path)
}
