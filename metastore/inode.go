package metastore

import "goosefs/metastore/metapb"

// Persistence says whether a file's bytes are in its under file system.
type Persistence uint8

// The numbers are those of metapb.Persistence. Do not reorder.
const (
	NotPersisted  Persistence = iota // only cached
	ToBePersisted                    // only cached, and somebody is to write it
	Persisted                        // in the under file system
	Lost                             // was only cached, and the cache lost it
)

// String is the state's name as users see it.
func (p Persistence) String() string { return metapb.Persistence(p).String() }

// Inode is a file, a directory or a symbolic link.
//
// Inodes are handed out by value, but Xattr and the lists are shared with the
// store: they are not to be modified.
type Inode struct {
	ID       int64  // container<<24 | 0xFFFFFF; of a file also its version
	ParentID int64  // 0 for the root
	Name     string // "" for the root
	Dir      bool
	// Symlink is what a symbolic link leads to, as it was given; "" for what is none.
	// A link is complete, as long as its target's text, and never in the UFS.
	Symlink string

	Length    int64 // 0 for directories and for files that are not completed
	BlockSize int64 // 0 for directories
	Mode      uint32
	Owner     string
	Group     string

	CreateTime int64 // this and all times: ms since 1970
	ModTime    int64
	AccessTime int64

	Completed   bool // always true for directories
	Persistence Persistence
	Version     string // opaque token of the UFS object that the bytes come from; "" if there is none
	Weak        bool   // the UFS gives no good validator

	// MountID is the mount whose root this directory is, or 0.
	MountID int64
	// ChildrenLoaded: all children of the UFS directory are known.
	ChildrenLoaded bool
	// SyncTime is when the file, or the directory's listing, was last compared
	// with the UFS; 0 is never.
	SyncTime int64
	// Children counts the known children of a directory.
	Children int64

	Xattr map[string][]byte

	// ACL is what the access control list says beyond the mode: named users, the owning
	// group, named groups. Where there is any, the mode's bits for the group are the
	// mask. See [Inode.FullACL].
	ACL []ACLEntry
	// DefaultACL is the list, whole, that is inherited by what is made in a directory.
	DefaultACL []ACLEntry
}

// RootID is the id of "/".
const RootID int64 = firstContainer<<containerShift | containerMask

// DefaultBlockSize is the block size of files whose command names none.
const DefaultBlockSize = 64 << 20

const (
	firstContainer = 1
	containerShift = 24
	containerMask  = 1<<containerShift - 1

	// trashID is the parent of deleted trees that wait to be reaped. It is also
	// the root's parent; the root's name is empty, theirs is their id.
	trashID int64 = 0
)

func idOf(container int64) int64 { return container<<containerShift | containerMask }

func containerOf(id int64) int64 { return id >> containerShift }

// unpersisted: losing the inode would lose something the UFS does not have.
func (n *Inode) unpersisted() bool {
	return n.Persistence == NotPersisted || n.Persistence == ToBePersisted
}

// rare: the inode has what few have, which is encoded and decoded by package proto.
func (n *Inode) rare() bool { return len(n.Xattr)+len(n.ACL)+len(n.DefaultACL) > 0 || n.Symlink != "" }

const (
	modeBits        = 0o7777
	defaultFileMode = 0o644
	defaultDirMode  = 0o755
	defaultLinkMode = 0o777
)

func modeOr(mode, otherwise uint32) uint32 {
	if mode &= modeBits; mode != 0 {
		return mode
	}
	return otherwise
}
