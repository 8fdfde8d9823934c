package metastore

import (
	"cmp"
	"maps"
	"syscall"

	"goosefs/metastore/metapb"
)

// LoadEntries tells what the leader read of a UFS directory: a page of its
// entries, and names that it looked for and did not find. What is only cached
// (NotPersisted, ToBePersisted) and mount points are never touched by it.
//
//	unknown name                     → a new inode, Persisted and complete
//	known, same kind, same version   → a file's SyncTime
//	known file, other version        → a new file id with the new attributes
//	known as the other kind          → replaced
//	gone, and still the id it was    → removed
//
// A directory that is replaced or gone but holds something that is only cached,
// or a mount point, loses the rest and stays, NotPersisted.
//
// Its Result has the directory's Inode, the removed files (old ids of changed
// ones among them), and how many entries Changed.
type LoadEntries struct {
	Header
	Dir       string
	DirID     int64 // ESTALE, and nothing done, if Dir is no longer this one
	Entries   []Entry
	Gone      []Gone
	Final     bool  // with this all of the directory has been read
	BlockSize int64 // of new files; 0: the store's
}

// Entry is one entry of a UFS directory. Mode 0 and no Owner or Group mean that
// the UFS has no such thing: a known inode keeps its own, a new one gets 0644 or
// 0755 and the directory's. ModTime 0 becomes the time of the command.
type Entry struct {
	Name    string
	Dir     bool
	Length  int64
	ModTime int64
	Mode    uint32
	Owner   string
	Group   string
	Version string
	Weak    bool
}

// Gone is a known entry that the UFS does not have.
type Gone struct {
	Name string
	ID   int64
}

// Encode is the command as the log holds it.
func (c LoadEntries) Encode() []byte { return encode(c) }

func (c LoadEntries) name() string { return "load" }

func (c LoadEntries) fill(m *metapb.Command) {
	body := &metapb.LoadEntries{Dir: c.Dir, DirId: c.DirID, Final: c.Final, BlockSize: c.BlockSize}
	for _, e := range c.Entries {
		body.Entries = append(body.Entries, &metapb.Entry{
			Name: e.Name, Dir: e.Dir, Length: e.Length, ModTime: e.ModTime, Mode: e.Mode,
			Owner: e.Owner, Group: e.Group, ObjectVersion: e.Version, Weak: e.Weak,
		})
	}
	for _, g := range c.Gone {
		body.Gone = append(body.Gone, &metapb.Gone{Name: g.Name, Id: g.ID})
	}
	m.Body = &metapb.Command_LoadEntries{LoadEntries: body}
}

func loadEntriesOf(h Header, m *metapb.LoadEntries) LoadEntries {
	c := LoadEntries{Header: h, Dir: m.Dir, DirID: m.DirId, Final: m.Final, BlockSize: m.BlockSize}
	for _, e := range m.Entries {
		c.Entries = append(c.Entries, Entry{
			Name: e.Name, Dir: e.Dir, Length: e.Length, ModTime: e.ModTime, Mode: e.Mode,
			Owner: e.Owner, Group: e.Group, Version: e.ObjectVersion, Weak: e.Weak,
		})
	}
	for _, g := range m.Gone {
		c.Gone = append(c.Gone, Gone{Name: g.Name, ID: g.Id})
	}
	return c
}

func (c LoadEntries) apply(t *tree) (*Result, error) {
	f, err := t.existing(c.name(), c.Dir)
	if err != nil {
		return nil, err
	}
	if err := c.allowed(f); err != nil {
		return nil, err
	}
	if len(c.Entries) > 0 || c.Final {
		t.persistUp(f.inode.ID) // the UFS has the directory
	}
	l := loading{tree: t, path: f.path, dir: t.inode(f.inode.ID), blockSize: cmp.Or(c.BlockSize, t.s.options.BlockSize)}
	for _, g := range c.Gone {
		if n := t.child(l.dir.ID, g.Name); n != nil && n.ID == g.ID {
			l.drop(n)
		}
	}
	for _, e := range c.Entries {
		l.enter(e)
	}
	dir := *l.dir
	dir.Children += l.children
	if c.Final {
		dir.ChildrenLoaded, dir.SyncTime = true, t.header.Time
	}
	if c.Final || l.changed > 0 {
		t.update(&dir)
	}
	return &Result{Inode: dir, Path: f.path, Changed: l.changed}, nil
}

func (c LoadEntries) allowed(f found) error {
	switch {
	case f.inode.ID != c.DirID:
		return errStale(c.name(), f.path, f.inode.ID, c.DirID)
	case !f.inode.Dir:
		return errNotDir(c.name(), f.path, f.path)
	case c.BlockSize < 0:
		return errorf(c.name(), f.path, syscall.EINVAL, "Invalid block size %d", c.BlockSize)
	}
	for _, e := range c.Entries {
		if !validName(e.Name) {
			return errorf(c.name(), f.path, syscall.EINVAL, "%q cannot be a name in %s", e.Name, f.path)
		}
		if e.Length < 0 {
			return errorf(c.name(), f.path, syscall.EINVAL, "Invalid length %d of %q in %s", e.Length, e.Name, f.path)
		}
	}
	return nil
}

// loading is a LoadEntries under way.
type loading struct {
	*tree
	path      string
	dir       *Inode
	blockSize int64
	children  int64 // by how many their number changed
	changed   int64
}

// enter makes an entry known.
func (l *loading) enter(e Entry) {
	old := l.child(l.dir.ID, e.Name)
	switch {
	case old == nil:
		l.add(e)
	case old.MountID != 0 || old.unpersisted():
	case old.Dir != e.Dir:
		if l.drop(old) {
			l.add(e)
		}
	case e.Dir: // its own listing is compared when it is loaded
	case e.is(old):
		seen := *old
		seen.SyncTime = l.header.Time
		l.update(&seen)
	default:
		l.replace(old, e)
	}
}

// is: the file is the one that is known. Where there is no version the time
// has to tell, if there is one.
func (e Entry) is(n *Inode) bool {
	return n.Persistence == Persisted && e.Version == n.Version && e.Length == n.Length &&
		(e.Version != "" || e.ModTime == 0 || e.ModTime == n.ModTime)
}

func (l *loading) add(e Entry) {
	n := l.inodeOf(e, &Inode{Owner: l.dir.Owner, Group: l.dir.Group})
	n.inheritWriteType(l.dir)
	l.insert(n)
	l.children++
	l.changed++
}

// replace gives a file that changed a new id.
func (l *loading) replace(old *Inode, e Entry) {
	n := l.inodeOf(e, old)
	n.CreateTime = old.CreateTime
	n.Xattr = maps.Clone(old.Xattr)
	n.keepACL(old, e.Mode&modeBits != 0)
	l.update(n)
	l.reaped = append(l.reaped, old.ID)
	l.changed++
}

// inodeOf is a new inode of the entry; what the UFS does not say is as in base.
func (l *loading) inodeOf(e Entry, base *Inode) *Inode {
	n := l.newInode(l.dir.ID, e.Name)
	n.Dir, n.Completed, n.Persistence = e.Dir, true, Persisted
	n.Owner, n.Group = cmp.Or(e.Owner, base.Owner), cmp.Or(e.Group, base.Group)
	n.ModTime = cmp.Or(e.ModTime, l.header.Time)
	if e.Dir {
		n.Mode = modeOr(e.Mode, modeOr(base.Mode, defaultDirMode))
		return n
	}
	n.Mode = modeOr(e.Mode, modeOr(base.Mode, defaultFileMode))
	n.Length, n.BlockSize = e.Length, l.blockSize
	n.Version, n.Weak = e.Version, e.Weak
	n.SyncTime = l.header.Time
	return n
}

// drop removes a child that the UFS does not have, if it may.
func (l *loading) drop(n *Inode) bool {
	if n.MountID != 0 || n.unpersisted() {
		return false
	}
	l.changed++
	path := join(l.path, n.Name)
	if n.Dir && l.holdsOwn(n, path) {
		l.prune(n)
		return false
	}
	l.discard(n)
	l.children--
	return true
}

const loadPage = 1000 // inodes looked at in one go

// holdsOwn: below the directory is a mount point, or something the UFS lacks.
func (l *loading) holdsOwn(dir *Inode, path string) bool {
	if len(l.s.mu.mounts.below(path)) > 0 {
		return true
	}
	if l.s.mu.state.unpersisted == 0 {
		return false // nowhere is any
	}
	dirs := []int64{dir.ID}
	for len(dirs) > 0 {
		id := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		for n := range l.tree.children(id, "") {
			if n.unpersisted() {
				return true
			}
			if n.Dir {
				dirs = append(dirs, n.ID)
			}
		}
	}
	return false
}

// prune removes from a directory all that came from the UFS, and the directory
// itself is no longer there either: what stays of it is only cached.
func (l *loading) prune(dir *Inode) {
	rest := *dir
	rest.Persistence = NotPersisted
	rest.ChildrenLoaded, rest.SyncTime = false, 0
	for after := ""; ; {
		page := l.page(dir.ID, after, loadPage)
		for _, n := range page {
			after = n.Name
			if n.MountID != 0 || n.unpersisted() {
				continue
			}
			if n.Dir {
				l.prune(n)
				n = l.inode(n.ID)
			}
			if n.Children == 0 {
				l.forget(n)
				rest.Children--
			}
		}
		if len(page) < loadPage {
			break
		}
	}
	l.update(&rest)
}
