package ufs

import (
	"fmt"
	"strings"
)

const (
	stagedPrefix = ".goosefs-"
	stagedSuffix = ".staged"
)

// Staged is the name beside name under which a file that is written through a cluster waits, whole, until the masters have
// its length and give it its own name. id is the cluster's id of the file.
func Staged(name string, id int64) string {
	staged := fmt.Sprintf("%s%x%s", stagedPrefix, id, stagedSuffix)
	if parent := Parent(name); parent != "" {
		return parent + "/" + staged
	}
	return staged
}

// IsStaged reports whether an element of a name is one that [Staged] makes. Kinds that can be written to do not list such
// names, and a directory that holds nothing else can be removed.
func IsStaged(element string) bool {
	return strings.HasPrefix(element, stagedPrefix) && strings.HasSuffix(element, stagedSuffix)
}
