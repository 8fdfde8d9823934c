package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"goosefs/ufs"
)

// pin is what is known of one version of an object: a Version, taken apart.
type pin struct {
	kind      pinKind
	size      int64
	validator string // ETag or Last-Modified as the server wrote it; "" for bySize
}

// pinKind orders the kinds of proof, best first.
type pinKind byte

const (
	byETag     pinKind = 'e' // a strong ETag
	byTime     pinKind = 't' // Last-Modified and length
	byWeakETag pinKind = 'w' // a weak ETag and length
	bySize     pinKind = 's' // length only
)

// newPin makes the best pin of a response's header and the object's size.
func newPin(h http.Header, size int64) pin {
	etag, modified := h.Get("ETag"), h.Get("Last-Modified")
	switch {
	case isStrong(etag):
		return pin{byETag, size, etag}
	case modified != "":
		return pin{byTime, size, modified}
	case etag != "":
		return pin{byWeakETag, size, strings.TrimPrefix(etag, "W/")}
	}
	return pin{bySize, size, ""}
}

func isStrong(etag string) bool {
	return len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"'
}

func (p pin) version() ufs.Version {
	return ufs.Version(string(p.kind) + strconv.FormatInt(p.size, 10) + ":" + p.validator)
}

func (p pin) weak() bool { return p.kind == byWeakETag || p.kind == bySize }

// parsePin takes a version apart.
func parsePin(v ufs.Version) (p pin, ok bool) {
	if len(v) < 3 {
		return p, false
	}
	size, validator, found := strings.Cut(string(v[1:]), ":")
	n, err := strconv.ParseInt(size, 10, 64)
	if !found || err != nil || n < 0 {
		return p, false
	}
	p = pin{pinKind(v[0]), n, validator}
	switch p.kind {
	case byETag, byTime, byWeakETag:
		return p, validator != ""
	case bySize:
		return p, validator == ""
	}
	return p, false
}

// evidence is what a response says about a pin.
type evidence int

const (
	same    evidence = iota // the pinned version
	changed                 // another one
	silent                  // the validator that would tell is missing
)

// compare checks the validator of a response. The size is the caller's to compare.
func (p pin) compare(h http.Header) evidence {
	var got string
	switch p.kind {
	case byETag:
		got = h.Get("ETag")
	case byTime:
		got = h.Get("Last-Modified")
	case byWeakETag:
		got = strings.TrimPrefix(h.Get("ETag"), "W/")
	case bySize:
		return same
	}
	switch got {
	case p.validator:
		return same
	case "":
		return silent
	}
	return changed
}

// modTime reads Last-Modified; zero if there is none or it is in no known form.
func modTime(h http.Header, layout string) time.Time {
	value := h.Get("Last-Modified")
	if layout != "" {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC()
		}
	}
	t, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// contentRange is a parsed Content-Range: "bytes 0-9/100", or "bytes */100" (first is -1 then).
type contentRange struct{ first, last, total int64 }

// parseContentRange is strict: a total must be given, and bounds must lie in it.
func parseContentRange(s string) (r contentRange, ok bool) {
	unit, rest, found := strings.Cut(s, " ")
	if !found || !strings.EqualFold(unit, "bytes") {
		return r, false
	}
	bounds, total, found := strings.Cut(strings.TrimSpace(rest), "/")
	if r.total, ok = parseSize(total); !found || !ok {
		return r, false
	}
	if bounds == "*" {
		r.first, r.last = -1, -1
		return r, true
	}
	first, last, found := strings.Cut(bounds, "-")
	var ok1, ok2 bool
	r.first, ok1 = parseSize(first)
	r.last, ok2 = parseSize(last)
	return r, found && ok1 && ok2 && r.first <= r.last && r.last < r.total
}

// parseSize takes digits only: no sign, no space.
func parseSize(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
