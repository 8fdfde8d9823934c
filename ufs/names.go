package ufs

import (
	"strings"
	"syscall"
	"unicode/utf8"
)

// MaxName is the longest element of a name, in bytes: what Linux can show.
const MaxName = 255

// CleanName checks a name and takes leading and trailing slashes off it. A name
// that could mean something else to a source than to us (empty, ".", ".." elements,
// control characters, invalid UTF-8) is EINVAL; an element too long is ENAMETOOLONG.
func CleanName(name string) (string, error) {
	name = strings.Trim(name, "/")
	if name == "" {
		return "", nil
	}
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > MaxName {
			return "", syscall.ENAMETOOLONG
		}
		if !ValidElement(element) {
			return "", syscall.EINVAL
		}
	}
	return name, nil
}

// ValidElement reports whether s may be one element of a name. Besides what no
// file system takes, it refuses control characters (they forge log lines and
// terminals), bytes that are not UTF-8 (they do not survive the wire), and ".."
// between backslashes (some servers read those as slashes).
func ValidElement(s string) bool {
	if s == "" || s == "." || len(s) > MaxName || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f || s[i] == '/' {
			return false
		}
	}
	for part := range strings.SplitSeq(s, `\`) {
		if part == ".." {
			return false
		}
	}
	return true
}

// Base is the last element of a clean name.
func Base(name string) string {
	return name[strings.LastIndexByte(name, '/')+1:]
}

// Parent is a clean name without its last element.
func Parent(name string) string {
	return name[:max(strings.LastIndexByte(name, '/'), 0)]
}
