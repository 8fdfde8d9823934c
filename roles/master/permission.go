package master

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"goosefs/metastore"
)

// right is what may be done with an inode: the bits of one class of a mode.
type right uint32

const (
	search right = 1 << iota
	write
	read
)

// String is the right as ls shows it.
func (r right) String() string {
	var b strings.Builder
	for i, bit := range []right{read, write, search} {
		if r&bit != 0 {
			b.WriteByte("rwx"[i])
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// caller is who asks for something.
type caller struct {
	user   string // empty: nobody knows
	groups []string
	super  bool // everything is allowed
}

// has says whether n gives the caller all of want: its mode or, where it has one, its access control list. As POSIX has it, the mode's first
// three bits are for the owner, the next for the group, and the last for all others: an owner who took a right from himself does not get it as one of them.
func (c caller) has(n *metastore.Inode, want right) bool {
	bits := right(n.Mode)
	switch {
	case c.owns(n):
		bits >>= 6
	case len(n.ACL) > 0:
		return c.listed(n, want)
	case slices.Contains(c.groups, n.Group):
		bits >>= 3
	}
	return bits&want == want
}

func (c caller) owns(n *metastore.Inode) bool { return c.user != "" && c.user == n.Owner }

// demand is what a call wants to do with a path.
type demand int

const (
	toStat      demand = iota // to see what it is: r of a file, for that is enough to read it; nothing of a directory or a link
	toRead                    // r
	toAccess                  // the rights that the need names
	toMake                    // w of the directory that it will be in, or of the nearest above that is there
	toEnsure                  // the same, unless it is a directory already
	toFill                    // to be its owner, or w
	toRemove                  // w of the directory that it is in
	toRemoveAll               // the same, and rwx of all directories from it on
	toChange                  // what the attributes say that are changed
	toOwn                     // to be its owner
)

// need is what a call wants of one path. Of each, x of all directories above is needed, too.
type need struct {
	op      string
	path    string
	what    demand
	rights  right // of toAccess
	changes attributes
	below   bool // the same of all that is below
}

// attributes are those that a call changes.
type attributes struct {
	owner, group string // empty: stays
	mode, others bool   // mode: or the write type of a directory
}

// judge decides whether the caller may do what he needs. chain is the inodes along the path, from the root as far as they
// are there; whole says that the last is the path's own.
func judge(c caller, n need, chain []metastore.Inode, whole bool) error {
	if c.super {
		return nil
	}
	above, last := chain, len(chain)-1
	if whole {
		above = chain[:last]
	}
	at := &way{need: n, chain: chain}
	for i := range above {
		if chain[i].Dir && !c.has(&chain[i], search) {
			return at.refused(c, search, i)
		}
	}
	if !whole {
		if (n.what == toMake || n.what == toEnsure) && !c.has(&chain[last], write) {
			return at.refused(c, write, last)
		}
		return nil
	}
	switch n.what {
	case toMake, toEnsure, toRemove, toRemoveAll:
		if last > 0 && !c.has(&chain[last-1], write) {
			return at.refused(c, write, last-1)
		}
	}
	return judgeInode(c, n, &chain[last], func(want right) error { return at.refused(c, want, last) })
}

// judgeInode decides about the inode itself. refused words that a right is missing.
func judgeInode(c caller, n need, inode *metastore.Inode, refused func(right) error) error {
	if c.super {
		return nil
	}
	var want right
	switch n.what {
	case toStat:
		if !inode.Dir && inode.Symlink == "" {
			want = read
		}
	case toRead:
		want = read
	case toAccess:
		want = n.rights
	case toFill:
		if !c.owns(inode) {
			want = write
		}
	case toRemoveAll:
		if inode.Dir && inode.Children > 0 {
			want = read | write | search
		}
	case toOwn:
		return mustOwn(c, n, inode)
	case toChange:
		return judgeChange(c, n, inode, refused)
	}
	if !c.has(inode, want) {
		return refused(want)
	}
	return nil
}

// judgeChange: the owner is changed by superusers alone, the group by an owner who is in it, the mode by the owner, and
// what is left by whoever may write.
func judgeChange(c caller, n need, inode *metastore.Inode, refused func(right) error) error {
	a := n.changes
	switch {
	case a.owner != "" && a.owner != inode.Owner:
		return permissionError(n, syscall.EPERM, "only superusers give a file to another owner, and user=%s is none, path=%s", c.user, n.path)
	case a.group != "" && a.group != inode.Group && !slices.Contains(c.groups, a.group):
		return permissionError(n, syscall.EPERM, "user=%s is not in the group %s, path=%s", c.user, a.group, n.path)
	case a.owner != "" || a.group != "" || a.mode:
		return mustOwn(c, n, inode)
	case a.others && !c.owns(inode) && !c.has(inode, write):
		return refused(write)
	}
	return nil
}

func mustOwn(c caller, n need, inode *metastore.Inode) error {
	if c.owns(inode) {
		return nil
	}
	return permissionError(n, syscall.EPERM, "user=%s is not the owner of path=%s, that is %s", c.user, n.path, inode.Owner)
}

// way is the inodes on the way to what is needed.
type way struct {
	need
	chain []metastore.Inode
}

// refused words that the caller lacks a right of the i-th inode of the path.
func (w *way) refused(c caller, want right, i int) error {
	at := "/"
	for _, n := range w.chain[1 : i+1] {
		at = path.Join(at, n.Name)
	}
	return lacks(c, w.need, want, at, &w.chain[i])
}

// lacks is the error of a right that is missing, in GooseFS's words.
func lacks(c caller, n need, want right, at string, inode *metastore.Inode) error {
	return permissionError(n, syscall.EACCES, "user=%s, access=%v, path=%s: failed at %s, inode owner=%s, inode group=%s, inode mode=%v%v%v",
		c.user, want, n.path, at, inode.Owner, inode.Group, right(inode.Mode>>6), right(inode.Mode>>3), right(inode.Mode))
}

func permissionError(n need, errno syscall.Errno, format string, args ...any) error {
	return &metastore.Error{Text: "Permission denied: " + fmt.Sprintf(format, args...), Err: pathErr(n.op, n.path, errno)}
}
