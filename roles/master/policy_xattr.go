package master

import (
	"maps"

	"goosefs/metastore"
)

// The attributes by which the directories of a namespace tell clients its policies, by name. GooseFS's clients ask the
// parent of a new file for the first.
const (
	writePolicyXattr = "innerWriteType"
	readPolicyXattr  = "innerReadType"
)

// shownXattr are the attributes of an inode as clients see them: its own, and what its mount says where it says nothing
// itself. They are not to be modified.
func shownXattr(n *metastore.Inode, mount metastore.Mount) map[string][]byte {
	write, read := mount.Policy.Write.String(), mount.Policy.Read.String()
	if !n.Dir || write == "" && read == "" {
		return n.Xattr
	}
	shown := make(map[string][]byte, len(n.Xattr)+2)
	for name, policy := range map[string]string{writePolicyXattr: write, readPolicyXattr: read} {
		if policy != "" {
			shown[name] = []byte(policy)
		}
	}
	maps.Copy(shown, n.Xattr)
	return shown
}
