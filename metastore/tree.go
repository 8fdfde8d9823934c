package metastore

import (
	"iter"
	"os"
	"strings"

	"go.etcd.io/bbolt"
)

// tree is the namespace during one read or one batch of commands: the overlays
// over one transaction of the database. Store.mu is held, shared, during a read;
// during a batch it is held, exclusively, by each command. Only commands use the
// methods of change.go.
type tree struct {
	s *Store
	// frozen is the overlay that was being written when the tree was made. It
	// may be in the database meanwhile, which changes nothing: what is read is
	// the same. The active overlay is frozen only when no batch is under way.
	frozen  *overlay
	tx      *bbolt.Tx
	buckets [spaceCount]*bbolt.Bucket

	// Of the command:
	header Header
	reaped []int64 // ids of files that it removed for good
}

// treeLocked is the tree of the present state. The caller must close it.
func (s *Store) treeLocked() tree { return tree{s: s, frozen: s.mu.frozen} }

// read runs fn on the state as it is.
func (s *Store) read(fn func(t *tree) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.closed {
		return os.ErrClosed
	}
	t := s.treeLocked()
	defer t.close()
	return fn(&t)
}

// begin starts a command.
func (t *tree) begin(h Header) {
	// Many come from the same user: inodes share his name.
	if h.User == t.header.User {
		h.User = t.header.User
	}
	if h.Group == t.header.Group {
		h.Group = t.header.Group
	}
	t.header, t.reaped = h, nil
}

// transaction opens the transaction when first it is needed: no earlier than frozen was
// looked at, for a flush that ended in between would hide its changes.
func (t *tree) transaction() *bbolt.Tx {
	if t.tx == nil {
		tx, err := t.s.mu.db.Begin(false)
		if err != nil {
			panic(&Damage{What: t.s.path, Err: err})
		}
		t.tx = tx
	}
	return t.tx
}

func (t *tree) close() {
	if t.tx != nil {
		t.tx.Rollback() // of a read transaction: cannot fail
		*t = tree{s: t.s, frozen: t.frozen}
	}
}

func (t *tree) bucket(sp space) *bbolt.Bucket {
	b := &t.buckets[sp.index()]
	if *b == nil {
		*b = t.transaction().Bucket(sp.bucket())
	}
	return *b
}

// get returns the value of a key, or nil. It is valid until close.
func (t *tree) get(key string) []byte {
	if v, ok := t.s.mu.active.get(key); ok {
		return v
	}
	if t.frozen != nil {
		if v, ok := t.frozen.get(key); ok {
			return v
		}
	}
	return t.bucket(space(key[0])).Get([]byte(key[1:]))
}

// scan goes through the keys that begin with prefix and are greater than after,
// in order. Keys may be changed meanwhile only behind it.
func (t *tree) scan(prefix, after string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		sources := t.sources(prefix, after)
		for {
			var newest *source
			for _, src := range sources {
				if src.key != "" && (newest == nil || src.key < newest.key) {
					newest = src
				}
			}
			if newest == nil {
				return
			}
			key, value := newest.key, newest.value
			for _, src := range sources {
				if src.key == key {
					src.advance()
				}
			}
			if value != nil && !yield(key, value) {
				return
			}
		}
	}
}

// source is one layer's part of a scan: where it is, and how it goes on. key is
// "" at its end.
type source struct {
	key   string
	value []byte
	next  func() (string, []byte)
	under string // the prefix
}

func (src *source) advance() {
	src.key, src.value = src.next()
	if !strings.HasPrefix(src.key, src.under) {
		src.key = ""
	}
}

// sources are positioned on the first key after the given one, newest first.
func (t *tree) sources(prefix, after string) []*source {
	// The smallest key greater than after is after with a zero byte.
	from := max(prefix, after+"\x00")
	var list []*source
	for _, o := range []*overlay{t.s.mu.active, t.frozen} {
		if o == nil {
			continue
		}
		at := o.seek(from)
		list = append(list, &source{under: prefix, next: func() (string, []byte) {
			if at == nil {
				return "", nil
			}
			n := at
			at = at.next[0]
			return n.key, n.value
		}})
	}
	sp := prefix[:1]
	cursor := t.bucket(space(sp[0])).Cursor()
	started := false
	list = append(list, &source{under: prefix, next: func() (string, []byte) {
		var k, v []byte
		if !started {
			started = true
			k, v = cursor.Seek([]byte(from[1:]))
		} else {
			k, v = cursor.Next()
		}
		if k == nil {
			return "", nil
		}
		return sp + string(k), v
	}})
	for _, src := range list {
		src.advance()
	}
	return list
}

// child returns the inode of a name in a directory, or nil. It is shared and not
// to be changed.
func (t *tree) child(parent int64, name string) *Inode {
	if n := t.s.cache.get(parent, name); n != nil {
		return n
	}
	raw := t.get(entryKey(parent, name))
	if raw == nil {
		return nil
	}
	n := decodeInode(parent, strings.Clone(name), raw, nil)
	t.s.cache.put(n)
	return n
}

func (t *tree) root() *Inode { return t.child(trashID, "") }

// inode returns the inode of an id, or nil.
func (t *tree) inode(id int64) *Inode {
	where := t.get(idKey(id))
	if where == nil {
		return nil
	}
	n := t.child(splitEntryKey(string(rune(entries)) + string(where)))
	if n == nil {
		panic(&Damage{What: "an id that leads to no entry"})
	}
	return n
}

// children goes through the children of a directory whose names are greater than
// after, by name. They are not cached.
func (t *tree) children(dir int64, after string) iter.Seq[*Inode] {
	return func(yield func(*Inode) bool) {
		prefix := entryKey(dir, "")
		var last *Inode
		for key, raw := range t.scan(prefix, prefix+after) {
			last = decodeInode(dir, key[len(prefix):], raw, last)
			if !yield(last) {
				return
			}
		}
	}
}

// appendChildren appends at most limit children to list, all if limit is 0.
func (t *tree) appendChildren(list []Inode, dir int64, after string, limit int) []Inode {
	prefix := entryKey(dir, "")
	var last *Inode
	for key, raw := range t.scan(prefix, prefix+after) {
		list = append(list, Inode{})
		n := &list[len(list)-1]
		n.decode(dir, key[len(prefix):], raw, last)
		last = n
		if limit--; limit == 0 {
			break
		}
	}
	return list
}

// page collects at most limit children.
func (t *tree) page(dir int64, after string, limit int) []*Inode {
	var list []*Inode
	for n := range t.children(dir, after) {
		if list = append(list, n); len(list) == limit {
			break
		}
	}
	return list
}

// pathOf is the path of an inode; ok is false for one in the trash.
func (t *tree) pathOf(n *Inode) (p string, ok bool) {
	for n.ID != RootID {
		if n.ParentID == trashID {
			return "", false
		}
		p = "/" + n.Name + p
		if n = t.inode(n.ParentID); n == nil {
			panic(&Damage{What: "an inode without parent at …" + p})
		}
	}
	return max(p, "/"), true
}
