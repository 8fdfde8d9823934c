package master

import (
	"maps"

	"goosefs/metastore"
)

// innerReadType is the attribute by which the directories of a namespace tell its read policy; their write policy is told by
// [metastore.InnerWriteType], which GooseFS's clients ask of the parent of a new file.
const innerReadType = "innerReadType"

// shownXattr are the attributes of an inode as clients see them: its own, and what its mount says where it says nothing
// itself. They are not to be modified.
func shownXattr(n *metastore.Inode, mount metastore.Mount) map[string][]byte {
	write, read := mount.Policy.Write.String(), mount.Policy.Read.String()
	if !n.Dir || write == "" && read == "" {
		return n.Xattr
	}
	shown := make(map[string][]byte, len(n.Xattr)+2)
	for name, policy := range map[string]string{metastore.InnerWriteType: write, innerReadType: read} {
		if policy != "" {
			shown[name] = []byte(policy)
		}
	}
	maps.Copy(shown, n.Xattr)
	return shown
}
