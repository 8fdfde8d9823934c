package metastore

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// Mount binds a directory of the namespace to a directory of an under file
// system. Mounts may be nested; the deepest one rules. Options and Secrets are
// not to be modified.
type Mount struct {
	ID       int64 // from 1, never used twice; 0: no mount
	Path     string
	UFS      string // as the user wrote it
	ReadOnly bool
	Shared   bool // may overlap with another mount's UFS
	Options  map[string]string
	Secrets  []string // the options whose values are not to be shown; sorted
	Policy   Policy   // of the files that are in no deeper mount
}

// ufsPath is the URI of rel, a path within the mount without leading slash.
func (m Mount) ufsPath(rel string) string {
	switch {
	case m.ID == 0:
		return ""
	case rel == "":
		return m.UFS
	}
	return strings.TrimRight(m.UFS, "/") + "/" + rel
}

// mountTable is all mounts by path. A table is never changed: a command makes
// a new one.
type mountTable map[string]Mount

// nearest is the deepest mount that clean path p is in; zero if there is none.
func (t mountTable) nearest(p string) Mount {
	for ; ; p = path.Dir(p) {
		if m, ok := t[p]; ok || p == "/" {
			return m
		}
	}
}

// below returns the mounts strictly under p, by path.
func (t mountTable) below(p string) []Mount {
	var found []Mount
	for _, at := range slices.Sorted(maps.Keys(t)) {
		if at != p && inside(at, p) {
			found = append(found, t[at])
		}
	}
	return found
}

// overlap returns a mount whose UFS is the given one, is above it or below it.
func (t mountTable) overlap(ufs string) (Mount, bool) {
	ufs = canonicalUFS(ufs)
	for _, at := range slices.Sorted(maps.Keys(t)) {
		other := canonicalUFS(t[at].UFS)
		if inside(ufs, other) || inside(other, ufs) {
			return t[at], true
		}
	}
	return Mount{}, false
}

// with returns the table with m added or replaced.
func (t mountTable) with(m Mount) mountTable {
	t = maps.Clone(t)
	t[m.Path] = m
	return t
}

// without returns the table without the mount at p.
func (t mountTable) without(p string) mountTable {
	t = maps.Clone(t)
	delete(t, p)
	return t
}

// canonicalUFS brings the spellings of one UFS to one: the case of scheme and
// host and slashes at the end do not count.
func canonicalUFS(ufs string) string {
	scheme, rest, ok := strings.Cut(ufs, "://")
	if ok {
		host, dir, _ := strings.Cut(rest, "/")
		ufs = strings.ToLower(scheme) + "://" + strings.ToLower(host) + "/" + dir
	}
	return strings.TrimRight(ufs, "/")
}

// inside: p is dir or below it.
func inside(p, dir string) bool {
	dir = strings.TrimRight(dir, "/")
	return strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}
