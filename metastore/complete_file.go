package metastore

import (
	"syscall"

	"goosefs/metastore/metapb"
)

// CompleteFile ends the writing of a file: from now on it has a length and can
// be read.
type CompleteFile struct {
	Header
	Path        string
	IfID        int64 // if not 0: ESTALE unless the file has this id
	Length      int64
	Persistence Persistence // not Lost
	Version     string      // of the UFS object, if it is Persisted and known
	Weak        bool
}

// Encode is the command as the log holds it.
func (c CompleteFile) Encode() []byte { return encode(c) }

func (c CompleteFile) name() string { return "complete" }

func (c CompleteFile) fill(m *metapb.Command) {
	m.Body = &metapb.Command_CompleteFile{CompleteFile: &metapb.CompleteFile{
		Path: c.Path, IfId: c.IfID, Length: c.Length, Persistence: metapb.Persistence(c.Persistence),
		ObjectVersion: c.Version, Weak: c.Weak,
	}}
}

func completeFileOf(h Header, m *metapb.CompleteFile) CompleteFile {
	return CompleteFile{Header: h, Path: m.Path, IfID: m.IfId, Length: m.Length,
		Persistence: Persistence(m.Persistence), Version: m.ObjectVersion, Weak: m.Weak}
}

func (c CompleteFile) apply(t *tree) (*Result, error) {
	f, err := t.existing(c.name(), c.Path)
	if err != nil {
		return nil, err
	}
	switch n := f.inode; {
	case n.Dir:
		return nil, errIsDir(c.name(), f.path)
	case c.IfID != 0 && c.IfID != n.ID:
		return nil, errStale(c.name(), f.path, n.ID, c.IfID)
	case n.Completed:
		return nil, errorf(c.name(), f.path, syscall.EBUSY, "File %s already completed", f.path)
	case c.Length < 0:
		return nil, errorf(c.name(), f.path, syscall.EINVAL, "Invalid file length %d", c.Length)
	case c.Persistence > Persisted:
		return nil, errorf(c.name(), f.path, syscall.EINVAL, "A file cannot be completed as %s", c.Persistence)
	}
	if err := t.writable(c.name(), f.path); err != nil {
		return nil, err
	}
	n := *f.inode
	n.Completed = true
	n.Length = c.Length
	n.Persistence = c.Persistence
	n.Version, n.Weak = c.Version, c.Weak
	n.ModTime = t.header.Time
	if n.Persistence == Persisted {
		t.persistUp(n.ParentID)
	}
	t.update(&n)
	return &Result{Inode: n, Path: f.path}, nil
}
