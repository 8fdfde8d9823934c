package metastore

import (
	"maps"
	"slices"
	"strings"
	"syscall"
)

// InnerWriteType is the extended attribute by which a directory says how clients that
// were told nothing else write files in it, such as CACHE_THROUGH. Directories that are
// made or found in it inherit it.
const InnerWriteType = "innerWriteType"

// What extended attributes may take, in bytes.
const (
	maxXattrName  = 255
	maxXattrValue = 64 << 10
	maxXattrs     = 64 << 10 // names and values of one inode together
)

// checkXattr refuses extended attributes that cannot be.
func (c SetAttribute) checkXattr(path string) error {
	for _, name := range slices.Sorted(maps.Keys(c.SetXattr)) { // every member has the same error first
		value := c.SetXattr[name]
		switch {
		case name == "" || strings.IndexByte(name, 0) >= 0:
			return errorf(c.name(), path, syscall.EINVAL, "%q cannot be the name of an extended attribute of %s", name, path)
		case len(name) > maxXattrName:
			return errorf(c.name(), path, syscall.ENAMETOOLONG, "The name of an extended attribute of %s has %d bytes, at most %d are allowed",
				path, len(name), maxXattrName)
		case len(value) > maxXattrValue:
			return errorf(c.name(), path, syscall.E2BIG, "Extended attribute %s of %s has %d bytes, at most %d are allowed",
				name, path, len(value), maxXattrValue)
		}
	}
	return nil
}

// roomForXattrs refuses an inode with more of them than there is room for. path is of the command.
func (c SetAttribute) roomForXattrs(n *Inode, path string) error {
	size := 0
	for name, value := range n.Xattr {
		size += len(name) + len(value)
	}
	if size > maxXattrs && len(c.SetXattr) > 0 {
		return errorf(c.name(), path, syscall.ENOSPC, "The extended attributes for %s would take %d bytes of one file, at most %d are allowed: remove some",
			path, size, maxXattrs)
	}
	return nil
}

// inheritWriteType gives a directory that is new to the namespace what the one above says.
func (n *Inode) inheritWriteType(dir *Inode) {
	if value, ok := dir.Xattr[InnerWriteType]; ok && n.Dir {
		n.Xattr = map[string][]byte{InnerWriteType: value}
	}
}
