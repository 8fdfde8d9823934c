package metastore

import (
	"cmp"
	"strings"
	"syscall"

	"goosefs/metastore/metapb"
)

// CreateFile makes a file that is not yet complete. Its Result has the Inode.
// There is no replacing: a path that exists is EEXIST.
type CreateFile struct {
	Header
	Path      string
	Mode      uint32 // 0: 0644
	BlockSize int64  // 0: the store's
	Recursive bool   // make missing parents
	// Persisted: the bytes will go to the UFS while they are written. Until it is
	// complete the file is ToBePersisted; parents that are made are Persisted.
	Persisted bool
}

// Encode is the command as the log holds it.
func (c CreateFile) Encode() []byte { return encode(c) }

func (c CreateFile) name() string { return "create" }

func (c CreateFile) fill(m *metapb.Command) {
	m.Body = &metapb.Command_CreateFile{CreateFile: &metapb.CreateFile{
		Path: c.Path, Mode: c.Mode, BlockSize: c.BlockSize, Recursive: c.Recursive, Persisted: c.Persisted,
	}}
}

func createFileOf(h Header, m *metapb.CreateFile) CreateFile {
	return CreateFile{Header: h, Path: m.Path, Mode: m.Mode, BlockSize: m.BlockSize,
		Recursive: m.Recursive, Persisted: m.Persisted}
}

func (c CreateFile) apply(t *tree) (*Result, error) {
	clean, err := CleanPath(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	f := t.walk(clean)
	if f.inode != nil && f.inode.Dir {
		return nil, errorf(c.name(), f.path, syscall.EEXIST,
			"%s already exists. Directories cannot be overwritten with create", f.path)
	}
	v, err := t.vacancyIn(c.name(), f, c.Recursive)
	if err != nil {
		return nil, err
	}
	if c.BlockSize < 0 {
		return nil, errorf(c.name(), v.path, syscall.EINVAL, "Invalid block size %d", c.BlockSize)
	}
	parent := t.makeParents(v, c.Persisted)
	n := t.newInode(parent, v.name())
	n.Mode = modeOr(c.Mode, defaultFileMode)
	n.BlockSize = cmp.Or(c.BlockSize, t.s.options.BlockSize)
	if c.Persisted {
		n.Persistence = ToBePersisted
	}
	n.inherit(t.inode(parent))
	t.insert(n)
	t.touchDir(parent, 1)
	return &Result{Inode: *n, Path: v.path}, nil
}

// vacancy is a path at which something can be created.
type vacancy struct {
	path  string
	dir   *Inode   // the deepest directory that exists
	names []string // what is missing below it; the last is the thing itself
}

func (v vacancy) name() string { return v.names[len(v.names)-1] }

// vacancyAt is the vacancy at path. With recursive its parents may be missing.
func (t *tree) vacancyAt(op, path string, recursive bool) (vacancy, error) {
	clean, err := CleanPath(op, path)
	if err != nil {
		return vacancy{}, err
	}
	return t.vacancyIn(op, t.walk(clean), recursive)
}

// vacancyIn is the vacancy at the end of a walk.
func (t *tree) vacancyIn(op string, f found, recursive bool) (vacancy, error) {
	clean := f.path
	switch {
	case f.inode != nil:
		return vacancy{}, errExists(op, clean)
	case !f.deepest.Dir:
		return vacancy{}, errThrough(op, clean, f.deepestPath, f.deepest)
	}
	names := strings.Split(relative(clean, f.deepestPath), "/")
	if len(names) > 1 && !recursive {
		return vacancy{}, errNotExist(op, clean[:strings.LastIndexByte(clean, '/')])
	}
	if err := t.writable(op, clean); err != nil {
		return vacancy{}, err
	}
	return vacancy{path: clean, dir: f.deepest, names: names}, nil
}

// makeParents makes the directories that are missing above the vacancy and
// returns the id of the last.
func (t *tree) makeParents(v vacancy, persisted bool) int64 {
	if persisted {
		t.persistUp(v.dir.ID)
	}
	parent := v.dir.ID
	for _, name := range v.names[:len(v.names)-1] {
		parent = t.makeDir(parent, name, 0, persisted).ID
	}
	return parent
}

func (t *tree) makeDir(parent int64, name string, mode uint32, persisted bool) *Inode {
	n := t.newInode(parent, name)
	n.Dir, n.Completed = true, true
	n.Mode = modeOr(mode, defaultDirMode)
	if persisted {
		n.Persistence = Persisted
	}
	dir := t.inode(parent)
	n.inherit(dir)
	n.inheritWriteType(dir)
	t.insert(n)
	t.touchDir(parent, 1)
	return n
}

// newInode is an inode made now by the command's caller, with the next id.
func (t *tree) newInode(parent int64, name string) *Inode {
	h := t.header
	return &Inode{
		ID: t.newID(), ParentID: parent, Name: strings.Clone(name), // of a path, which would stay with it
		Owner: h.User, Group: h.Group,
		CreateTime: h.Time, ModTime: h.Time, AccessTime: h.Time,
	}
}
