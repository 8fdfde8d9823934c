package metastore

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// model is the namespace as a map of paths: slow, obvious, and written without a
// look at the store. It says what a command answers and what is there afterwards.
type model map[string]*thing

type thing struct {
	id          int64
	dir         bool
	completed   bool
	length      int64
	version     string
	persistence Persistence
	ufs         string // of a mount
	settings           // of a mount
	target      string // of a symbolic link
}

// TestModel applies random commands to a store and to the model, with flushes and
// restarts in between, and compares answers and trees.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s := open(t, dir)
		defer func() { s.Close() }()
		m := model{"/": {id: RootID, dir: true, completed: true}}
		c := commands{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "") }, store: s, anonymous: true}
		steps := rapid.IntRange(1, 60).Draw(rt, "steps")
		for i := range steps {
			switch rapid.IntRange(0, 15).Draw(rt, "between") {
			case 0:
				checkpoint(t, s)
			case 1:
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = open(t, dir)
				c.store = s
			}
			step(rt, s, m, uint64(i+1), c.next())
		}
		if err := s.Check(); err != nil {
			rt.Fatal(err)
		}
	})
}

func step(rt *rapid.T, s *Store, m model, index uint64, cmd command) {
	before := s.mu.state
	result := s.Apply(index, [][]byte{encode(cmd)})[0]
	var errno syscall.Errno
	var removed []int64
	if err, ok := result.(error); ok {
		errno, _ = errors.AsType[syscall.Errno](err)
	} else {
		removed = result.(*Result).Removed
	}
	wantRemoved, want := m.apply(cmd, result)
	slices.Sort(wantRemoved)
	if errno != want {
		rt.Fatalf("%#v: %v, the model says %v", cmd, result, want)
	}
	if !slices.Equal(removed, wantRemoved) {
		rt.Fatalf("%#v removed %v, the model says %v", cmd, removed, wantRemoved)
	}
	after := s.mu.state
	after.applied, after.commands = before.applied, before.commands
	if errno != 0 && after != before {
		rt.Fatalf("%#v failed with %v and changed the state", cmd, errno)
	}
	if got, want := dump(rt, s), m.dump(); got != want {
		rt.Fatalf("after %#v:\n%s\nthe model has:\n%s", cmd, got, want)
	}
	m.learn(rt, s)
}

func dump(rt *rapid.T, s *Store) string {
	var lines []string
	dirs := []string{"/"}
	for len(dirs) > 0 {
		at := dirs[0]
		dirs = dirs[1:]
		r, err := s.Resolve(at)
		if err != nil || r.Inode == nil {
			rt.Fatalf("%s is listed and cannot be resolved: %v", at, err)
		}
		if _, back, err := s.Get(r.Inode.ID); err != nil || back != at {
			rt.Fatalf("the id of %s is at %q, %v", at, back, err)
		}
		lines = append(lines, describeThing(at, &thing{dir: true, completed: true, persistence: r.Inode.Persistence}))
		list, err := s.List(r.Inode.ID, "", 0)
		if err != nil {
			rt.Fatal(err)
		}
		for _, n := range list {
			if n.Dir {
				dirs = append(dirs, join(at, n.Name))
				continue
			}
			lines = append(lines, describeThing(join(at, n.Name), &thing{completed: n.Completed,
				length: n.Length, version: n.Version, persistence: n.Persistence, target: n.Symlink}))
		}
	}
	for _, m := range s.Mounts() {
		lines = append(lines, fmt.Sprintf("%s: %v", m.Path, settingsOf(m)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (m model) dump() string {
	var lines []string
	for at, n := range m {
		lines = append(lines, describeThing(at, n))
		if n.ufs != "" {
			lines = append(lines, fmt.Sprintf("%s: %v", at, n.settings))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func describeThing(at string, n *thing) string {
	if n.dir {
		return fmt.Sprintf("%s/ %s", at, n.persistence)
	}
	return fmt.Sprintf("%s %v %d %q %s -> %s", at, n.completed, n.length, n.version, n.persistence, n.target)
}

// apply returns the ids of removed files, and 0 or the errno. Ids of new inodes
// are taken from the store's result or left open.
func (m model) apply(cmd command, result any) (removed []int64, errno syscall.Errno) {
	switch c := cmd.(type) {
	case CreateFile:
		if errno := m.vacant(c.Path, c.Recursive); errno != 0 {
			return nil, errno
		}
		m.parents(c.Path, c.Persisted)
		m[c.Path] = &thing{id: idIn(result)}
		if c.Persisted {
			m[c.Path].persistence = ToBePersisted
		}
	case CompleteFile:
		return nil, m.complete(c)
	case CreateDirectory:
		if n := m[c.Path]; n != nil && n.dir && c.AllowExists {
			return nil, 0
		}
		if errno := m.vacant(c.Path, c.Recursive); errno != 0 {
			return nil, errno
		}
		m.parents(c.Path, c.Persisted)
		m[c.Path] = &thing{id: idIn(result), dir: true, completed: true}
		if c.Persisted {
			m[c.Path].persistence = Persisted
		}
	case CreateSymlink:
		if errno := m.vacant(c.Path, c.Recursive); errno != 0 {
			return nil, errno
		}
		m.parents(c.Path, false)
		m[c.Path] = &thing{id: idIn(result), completed: true, length: int64(len(c.Target)), target: c.Target}
	case Delete:
		return m.delete(c)
	case Rename:
		return nil, m.rename(c)
	case AddMount:
		return nil, m.mount(c, result)
	case RemoveMount:
		return m.unmount(c)
	case LoadEntries:
		return m.load(c)
	case SetAttribute:
		return nil, m.setAttribute(c)
	case SetNamespace:
		return nil, m.setNamespace(c)
	case SetACL:
		return nil, m.setACL(c)
	}
	return removed, 0
}

func idIn(result any) int64 {
	if r, ok := result.(*Result); ok {
		return r.Inode.ID
	}
	return 0
}

// under lists the paths strictly below p.
func (m model) under(p string) []string {
	var list []string
	for at := range m {
		if at != p && strings.HasPrefix(at, strings.TrimSuffix(p, "/")+"/") {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	return list
}

func (m model) mountUnder(p string) bool {
	return slices.ContainsFunc(m.under(p), func(at string) bool { return m[at].ufs != "" })
}

// mountOf is the path of the mount that p is in, or "".
func (m model) mountOf(p string) string {
	for ; ; p = path.Dir(p) {
		if n := m[p]; n != nil && n.ufs != "" {
			return p
		}
		if p == "/" {
			return ""
		}
	}
}

func (m model) readOnly(p string) bool {
	at := m.mountOf(p)
	return at != "" && m[at].readOnly
}

func (m model) vacant(p string, recursive bool) syscall.Errno {
	if m[p] != nil {
		return syscall.EEXIST
	}
	above := path.Dir(p)
	for m[above] == nil {
		above = path.Dir(above)
	}
	switch {
	case !m[above].dir:
		return syscall.ENOTDIR
	case above != path.Dir(p) && !recursive:
		return syscall.ENOENT
	case m.readOnly(p):
		return syscall.EROFS
	}
	return 0
}

// absent is what a path is that is not there: one that leads through a link is no path.
func (m model) absent(p string) syscall.Errno {
	for m[p] == nil {
		p = path.Dir(p)
	}
	if m[p].target != "" {
		return syscall.ENOTDIR
	}
	return syscall.ENOENT
}

// parents makes what is missing above p, and persists what is there if so.
func (m model) parents(p string, persisted bool) {
	crossed := false
	for p != "/" {
		p = path.Dir(p)
		if m[p] == nil {
			m[p] = &thing{dir: true, completed: true}
		}
		crossed = crossed || m[p].persistence == Persisted || m[p].ufs != "" || p == "/"
		if persisted && !crossed {
			m[p].persistence = Persisted
		}
	}
}

func (m model) complete(c CompleteFile) syscall.Errno {
	n := m[c.Path]
	switch {
	case n == nil:
		return m.absent(c.Path)
	case n.dir:
		return syscall.EISDIR
	case n.completed:
		return syscall.EBUSY
	case m.readOnly(c.Path):
		return syscall.EROFS
	}
	n.completed, n.length, n.persistence = true, c.Length, c.Persistence
	if c.Persistence == Persisted {
		m.parents(c.Path, true)
	}
	return 0
}

// drop removes p and all below it.
func (m model) drop(p string) (removed []int64) {
	for _, at := range append(m.under(p), p) {
		if !m[at].dir {
			removed = append(removed, m[at].id)
		}
		delete(m, at)
	}
	return removed
}

func (m model) delete(c Delete) ([]int64, syscall.Errno) {
	n := m[c.Path]
	switch {
	case n == nil:
		return nil, m.absent(c.Path)
	case n.ufs != "", m.mountUnder(c.Path):
		return nil, syscall.EBUSY
	case !c.GoosefsOnly && m.readOnly(c.Path):
		return nil, syscall.EROFS
	case len(m.under(c.Path)) > 0 && !c.Recursive:
		return nil, syscall.ENOTEMPTY
	}
	return m.drop(c.Path), 0
}

func (m model) rename(c Rename) syscall.Errno {
	n := m[c.Src]
	switch {
	case n == nil:
		return m.absent(c.Src)
	case strings.HasPrefix(c.Dst, c.Src+"/"):
		return syscall.EINVAL
	case n.ufs != "", m.mountUnder(c.Src):
		return syscall.EBUSY
	case m.mountOf(c.Src) != m.mountOf(path.Dir(c.Dst)):
		return syscall.EXDEV
	case m.readOnly(c.Src):
		return syscall.EROFS
	}
	if errno := m.vacant(c.Dst, false); errno != 0 {
		return errno
	}
	for _, at := range append(m.under(c.Src), c.Src) {
		m[c.Dst+strings.TrimPrefix(at, c.Src)] = m[at]
		delete(m, at)
	}
	if n.persistence == Persisted {
		m.parents(c.Dst, true)
	}
	return 0
}

func (m model) mount(c AddMount, result any) syscall.Errno {
	n := m[c.Path]
	if n != nil && n.ufs != "" {
		return syscall.EEXIST
	}
	for _, other := range m {
		a, b := c.UFS+"/", other.ufs+"/"
		if other.ufs != "" && !c.Shared && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
			return syscall.EEXIST
		}
	}
	if n == nil {
		switch errno := m.vacant(c.Path, false); errno {
		case 0, syscall.EROFS: // a mount writes nothing
		default:
			return errno
		}
	} else if !n.dir || len(m.under(c.Path)) > 0 {
		return syscall.EEXIST
	}
	m[c.Path] = &thing{id: idIn(result), dir: true, completed: true, persistence: Persisted, ufs: c.UFS, settings: settings{readOnly: c.ReadOnly, shared: c.Shared}}
	return 0
}

func (m model) unmount(c RemoveMount) ([]int64, syscall.Errno) {
	n := m[c.Path]
	switch {
	case n == nil:
		return nil, m.absent(c.Path)
	case n.ufs == "":
		return nil, syscall.EINVAL
	case m.mountUnder(c.Path):
		return nil, syscall.EBUSY
	}
	return m.drop(c.Path), 0
}

func (m model) setAttribute(c SetAttribute) syscall.Errno {
	if m[c.Path] == nil {
		return m.absent(c.Path)
	}
	if c.Recursive {
		for _, at := range m.under(c.Path) {
			if m[at].ufs != "" && m[at].readOnly {
				return syscall.EROFS
			}
		}
	}
	if m.readOnly(c.Path) {
		return syscall.EROFS
	}
	return 0
}

// setACL says only what is refused: what lists become is in a test of its own, [TestACLs].
func (m model) setACL(c SetACL) syscall.Errno {
	n := m[c.Path]
	if n == nil {
		return m.absent(c.Path)
	}
	isDefault := slices.ContainsFunc(c.Entries, func(e ACLEntry) bool { return e.Default })
	if n.target != "" || !n.dir && (isDefault || c.Action == ACLRemoveDefault) {
		return syscall.EINVAL
	}
	return m.setAttribute(SetAttribute{Path: c.Path, Recursive: c.Recursive})
}

func (m model) load(c LoadEntries) (removed []int64, errno syscall.Errno) {
	dir := m[c.Dir]
	switch {
	case dir == nil:
		return nil, m.absent(c.Dir)
	case !dir.dir:
		return nil, syscall.ENOTDIR
	}
	if len(c.Entries) > 0 || c.Final {
		m.parents(join(c.Dir, "x"), true)
	}
	for _, g := range c.Gone {
		removed = append(removed, m.vanish(join(c.Dir, g.Name))...)
	}
	for _, e := range c.Entries {
		at := join(c.Dir, e.Name)
		old := m[at]
		if old != nil && (old.ufs != "" || old.persistence != Persisted) {
			continue
		}
		if old != nil && old.dir != e.Dir {
			removed = append(removed, m.vanish(at)...)
			if m[at] != nil {
				continue
			}
			old = nil
		}
		if old != nil && (e.Dir || old.version == e.Version && old.length == e.Length) {
			continue
		}
		if old != nil {
			removed = append(removed, old.id)
		}
		m[at] = &thing{dir: e.Dir, completed: true, length: e.Length, version: e.Version, persistence: Persisted}
	}
	return removed, 0
}

// vanish: the UFS no longer has p. What is only cached stays, with its parents.
func (m model) vanish(p string) (removed []int64) {
	if n := m[p]; n == nil || n.ufs != "" || n.persistence != Persisted {
		return nil
	}
	keep := map[string]bool{}
	for _, at := range m.under(p) {
		if m.mountOf(at) != m.mountOf(p) || m[at].persistence != Persisted {
			for ; at != p; at = path.Dir(at) {
				keep[at] = true
			}
			keep[p] = true
		}
	}
	if len(keep) == 0 {
		return m.drop(p)
	}
	for _, at := range slices.Sorted(maps.Keys(m)) {
		if at != p && !strings.HasPrefix(at, p+"/") || m.mountOf(at) != m.mountOf(p) {
			continue
		}
		if keep[at] && m[at].persistence == Persisted {
			m[at].persistence = NotPersisted
		}
		if !keep[at] {
			if !m[at].dir {
				removed = append(removed, m[at].id)
			}
			delete(m, at)
		}
	}
	return removed
}

// learn takes over the ids of inodes that the model did not see made.
func (m model) learn(rt *rapid.T, s *Store) {
	for at, n := range m {
		r, err := s.Resolve(at)
		if err != nil || r.Inode == nil {
			rt.Fatalf("%s is missing: %v", at, err)
		}
		if n.id == 0 {
			n.id = r.Inode.ID
		}
		if n.id != r.Inode.ID {
			rt.Fatalf("%s was id %d and is %d", at, n.id, r.Inode.ID)
		}
	}
}
