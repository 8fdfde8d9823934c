package metastore

import (
	"strings"
	"syscall"

	"goosefs/metastore/metapb"
)

// CreateSymlink makes a symbolic link. Its Result has the Inode. What the link leads
// to need not exist, and the namespace does not follow it: a path through a link
// is ENOTDIR. A link is not in the UFS, whatever is around it.
type CreateSymlink struct {
	Header
	Path      string
	Target    string // 1 to 4,095 bytes, none of them NUL
	Mode      uint32 // 0: 0777
	Recursive bool   // make missing parents
}

// maxTarget is the longest target that a kernel takes.
const maxTarget = maxPath - 1

// Encode is the command as the log holds it.
func (c CreateSymlink) Encode() []byte { return encode(c) }

func (c CreateSymlink) name() string { return "symlink" }

func (c CreateSymlink) fill(m *metapb.Command) {
	m.Body = &metapb.Command_CreateSymlink{CreateSymlink: &metapb.CreateSymlink{
		Path: c.Path, Target: c.Target, Mode: c.Mode, Recursive: c.Recursive,
	}}
}

func createSymlinkOf(h Header, m *metapb.CreateSymlink) CreateSymlink {
	return CreateSymlink{Header: h, Path: m.Path, Target: m.Target, Mode: m.Mode, Recursive: m.Recursive}
}

func (c CreateSymlink) apply(t *tree) (*Result, error) {
	v, err := t.vacancyAt(c.name(), c.Path, c.Recursive)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Target == "":
		return nil, errorf(c.name(), v.path, syscall.EINVAL, "Symbolic link %s needs a target", v.path)
	case len(c.Target) > maxTarget:
		return nil, errorf(c.name(), v.path, syscall.ENAMETOOLONG, "The target of symbolic link %s has %d bytes, at most %d are allowed",
			v.path, len(c.Target), maxTarget)
	case strings.IndexByte(c.Target, 0) >= 0:
		return nil, errorf(c.name(), v.path, syscall.EINVAL, "The target %q of symbolic link %s contains a NUL byte", c.Target, v.path)
	}
	parent := t.makeParents(v, false)
	n := t.newInode(parent, v.name())
	n.Symlink, n.Completed = c.Target, true
	n.Length, n.BlockSize = int64(len(c.Target)), t.s.options.BlockSize
	n.Mode = modeOr(c.Mode, defaultLinkMode)
	t.insert(n)
	t.touchDir(parent, 1)
	return &Result{Inode: *n, Path: v.path}, nil
}
