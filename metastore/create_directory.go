package metastore

import "goosefs/metastore/metapb"

// CreateDirectory makes a directory. Its Result has the Inode.
type CreateDirectory struct {
	Header
	Path        string
	Mode        uint32 // 0: 0755
	Recursive   bool   // make missing parents
	AllowExists bool   // a directory that exists is not an error, and is not changed
	Persisted   bool   // it is in the UFS too, and so are the parents that are made
}

// Encode is the command as the log holds it.
func (c CreateDirectory) Encode() []byte { return encode(c) }

func (c CreateDirectory) name() string { return "mkdir" }

func (c CreateDirectory) fill(m *metapb.Command) {
	m.Body = &metapb.Command_CreateDirectory{CreateDirectory: &metapb.CreateDirectory{
		Path: c.Path, Mode: c.Mode, Recursive: c.Recursive, AllowExists: c.AllowExists, Persisted: c.Persisted,
	}}
}

func createDirectoryOf(h Header, m *metapb.CreateDirectory) CreateDirectory {
	return CreateDirectory{Header: h, Path: m.Path, Mode: m.Mode, Recursive: m.Recursive,
		AllowExists: m.AllowExists, Persisted: m.Persisted}
}

func (c CreateDirectory) apply(t *tree) (*Result, error) {
	clean, err := CleanPath(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	f := t.walk(clean)
	if c.AllowExists && f.inode != nil && f.inode.Dir {
		return &Result{Inode: *f.inode, Path: f.path}, nil
	}
	v, err := t.vacancyIn(c.name(), f, c.Recursive)
	if err != nil {
		return nil, err
	}
	parent := t.makeParents(v, c.Persisted)
	n := t.makeDir(parent, v.name(), c.Mode, c.Persisted)
	return &Result{Inode: *n, Path: v.path}, nil
}
