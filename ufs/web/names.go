package web

import (
	"net/url"
	"strings"

	"goosefs/ufs"
)

// urlOf is the URL of a clean name.
func (u *UFS) urlOf(name string, dir bool) *url.URL {
	to := *u.base
	if name == "" {
		return &to
	}
	escaped := make([]string, 0, 8)
	for element := range strings.SplitSeq(name, "/") {
		escaped = append(escaped, url.PathEscape(element))
	}
	to.RawPath = u.base.EscapedPath() + strings.Join(escaped, "/")
	to.Path = u.base.Path + name
	if dir {
		to.RawPath += "/"
		to.Path += "/"
	}
	return &to
}

// entry is one link of a listing that names a child.
type entry struct {
	name string
	dir  bool // the link ends with a slash
}

// verdict says what a link is to a listing.
type verdict int

const (
	child   verdict = iota
	parent          // the directory above
	control         // the page itself, in another order or place: a query or a fragment
	foreign         // anything else: another host, another directory, an unsafe name
)

// maxLink is the longest link worth parsing: a name of 255 bytes below a deep path, encoded.
const maxLink = 16 << 10

// childOf decides what href, found on the listing at (whose links resolve
// against base), means. Everything is decided on the resolved URL, element by element,
// after decoding: whatever the link looks like, a child is one safe element below at.
func childOf(at, base *url.URL, href string) (entry, verdict) {
	href = strings.Trim(href, " \t\r\n\f")
	if href == "" || href[0] == '#' || href[0] == '?' {
		return entry{}, control
	}
	if len(href) > maxLink {
		return entry{}, foreign
	}
	ref, err := url.Parse(href)
	if err != nil {
		return entry{}, foreign
	}
	to := base.ResolveReference(ref)
	if to.Opaque != "" || !sameOrigin(at, to) {
		return entry{}, foreign
	}
	here, ok := elements(at)
	if !ok {
		return entry{}, foreign
	}
	there, ok := elements(to)
	if !ok {
		return entry{}, foreign
	}
	switch below := len(there) - len(here); {
	case ref.RawQuery != "" || ref.ForceQuery || ref.Fragment != "":
		return entry{}, control
	case below == -1 && hasPrefix(here, there):
		return entry{}, parent
	case below == 0 && hasPrefix(here, there):
		return entry{}, control
	case below == 1 && hasPrefix(there, here):
		return entry{name: there[len(here)], dir: strings.HasSuffix(to.Path, "/")}, child
	}
	return entry{}, foreign
}

// elements splits a URL's path into decoded elements; ok is false if one of them is unsafe.
func elements(u *url.URL) (path []string, ok bool) {
	escaped := strings.TrimSuffix(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if escaped == "" {
		return nil, true
	}
	for part := range strings.SplitSeq(escaped, "/") {
		element, err := url.PathUnescape(part)
		if err != nil || !ufs.ValidElement(element) {
			return nil, false
		}
		path = append(path, element)
	}
	return path, true
}

func hasPrefix(path, prefix []string) bool {
	if len(prefix) > len(path) {
		return false
	}
	for i, element := range prefix {
		if path[i] != element {
			return false
		}
	}
	return true
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}

// within reports whether a redirect may lead from from to to, for a mount of base:
// same host, no way down from HTTPS, and below the base.
func within(base, from, to *url.URL) bool {
	upgrade := strings.EqualFold(from.Scheme, "http") && strings.EqualFold(to.Scheme, "https") &&
		strings.EqualFold(from.Hostname(), to.Hostname()) && port(from) == "80" && port(to) == "443"
	if to.Opaque != "" || !upgrade && !sameOrigin(from, to) {
		return false
	}
	above, ok := elements(base)
	if !ok {
		return false
	}
	path, ok := elements(to)
	return ok && hasPrefix(path, above)
}
