package shell

import (
	"context"
	"path"
	"strings"
	"syscall"

	"goosefs/client"
)

// cleanPath reads a path as a user writes it: absolute, or a goosefs:// URI whose authority is of no interest, as the
// configuration says where the masters are. It is normalised, and never leaves the root.
func cleanPath(text string) (string, error) {
	p := text
	if rest, ok := strings.CutPrefix(p, "goosefs://"); ok {
		_, below, _ := strings.Cut(rest, "/")
		p = "/" + below
	}
	switch {
	case !strings.HasPrefix(p, "/"):
		return "", faultf("parse", text, syscall.EINVAL, "Path %q is invalid: it must start with /", text)
	case strings.ContainsRune(p, 0):
		return "", faultf("parse", text, syscall.EINVAL, "Path %q is invalid: it has a NUL in it", text)
	}
	return path.Clean(p), nil
}

// join appends a name to a directory's path.
func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// expand gives the paths that a pattern stands for, in order. A * stands for any part of one name; \* is a star.
// A pattern that nothing fits does not exist; a path without a star is not looked up.
func expand(ctx context.Context, c cluster, pattern string) ([]string, error) {
	pattern, err := cleanPath(pattern)
	if err != nil {
		return nil, err
	}
	if !hasStar(pattern) {
		return []string{unescape(pattern)}, nil
	}
	found := []string{"/"}
	names := strings.Split(pattern[1:], "/")
	for i, name := range names {
		var next []string
		for _, dir := range found {
			matches, err := expandName(ctx, c, dir, name, i == len(names)-1)
			if err != nil {
				return nil, err
			}
			next = append(next, matches...)
		}
		found = next
	}
	// What followed the last star was not looked up.
	if last := names[len(names)-1]; !hasStar(last) {
		found, err = existing(ctx, c, found)
		if err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, notExist("list", pattern)
	}
	return found, nil
}

// expandName gives the children of dir that fit one name of a pattern. Only directories do, unless it is the last one.
func expandName(ctx context.Context, c cluster, dir, name string, last bool) ([]string, error) {
	if !hasStar(name) {
		return []string{join(dir, unescape(name))}, nil
	}
	var found []string
	for info, err := range c.List(ctx, dir, client.StatOptions{}) {
		if isNotExist(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if fits(name, info.Name) && (last || info.Dir) {
			found = append(found, join(dir, info.Name))
		}
	}
	return found, nil
}

func existing(ctx context.Context, c cluster, paths []string) ([]string, error) {
	var found []string
	for _, p := range paths {
		switch _, err := c.Stat(ctx, p, client.StatOptions{}); {
		case err == nil:
			found = append(found, p)
		case !isNotExist(err):
			return nil, err
		}
	}
	return found, nil
}

func hasStar(pattern string) bool {
	return strings.Contains(strings.ReplaceAll(pattern, `\*`, ""), "*")
}

func unescape(pattern string) string { return strings.ReplaceAll(pattern, `\*`, "*") }

// fits matches a name against a pattern in which * is any text and \* a star.
func fits(pattern, name string) bool {
	const star = "\x00" // is in no name
	parts := strings.Split(strings.ReplaceAll(pattern, `\*`, star), "*")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], star, "*")
	}
	if len(parts) == 1 {
		return name == parts[0]
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
