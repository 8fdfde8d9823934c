package metastore

import (
	"strings"
	"syscall"
)

const (
	maxPath = 4096
	maxName = 255
)

// CleanPath brings an absolute path to its one spelling: single slashes, no
// ".", no slash at the end. It refuses what cannot name anything: a relative
// or empty path, "..", NUL, a name over 255 or a path over 4,096 bytes.
func CleanPath(op, p string) (string, error) {
	switch {
	case !strings.HasPrefix(p, "/"):
		return "", errorf(op, p, syscall.EINVAL, "Path %q is not absolute.", p)
	case len(p) > maxPath:
		return "", errorf(op, p[:maxPath], syscall.ENAMETOOLONG, "Path of %d bytes is longer than %d.", len(p), maxPath)
	case strings.IndexByte(p, 0) >= 0:
		return "", errorf(op, p, syscall.EINVAL, "Path %q contains a NUL byte.", p)
	}
	var clean strings.Builder
	clean.Grow(len(p))
	for name := range strings.SplitSeq(p, "/") {
		switch {
		case name == "" || name == ".":
			continue
		case name == "..":
			return "", errorf(op, p, syscall.EINVAL, "Path %q contains \"..\".", p)
		case len(name) > maxName:
			return "", errorf(op, p, syscall.ENAMETOOLONG, "Path %q has a name longer than %d bytes.", p, maxName)
		}
		clean.WriteByte('/')
		clean.WriteString(name)
	}
	if clean.Len() == 0 {
		return "/", nil
	}
	return clean.String(), nil
}

// validName: name can be a directory's entry.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName &&
		!strings.ContainsAny(name, "/\x00")
}

// join is the path of name in the directory dir; both are clean.
func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// relative is the clean path p seen from dir, which it is inside: no leading
// slash, "" for dir itself.
func relative(p, dir string) string {
	return strings.TrimPrefix(strings.TrimPrefix(p, strings.TrimRight(dir, "/")), "/")
}
