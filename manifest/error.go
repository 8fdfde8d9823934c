package manifest

import (
	"fmt"
	"strings"
	"syscall"
)

// An Error is one thing in a manifest that is refused. It unwraps to
// syscall.EINVAL.
type Error struct {
	File   string
	Line   int    // 0 when the error is about the whole file
	Column int    // 0 when unknown
	Field  string // as in spec.mounts[0].name; "" when the error is about no field
	Value  string // as written; "" when it says nothing, or may be secret
	Reason string // what is wrong, and what to write instead
}

func (e *Error) Error() string {
	parts := []string{place(e.File, e.Line, e.Column)}
	for _, s := range []string{e.Field, e.Value, e.Reason} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}

// Unwrap makes every refused manifest an EINVAL.
func (e *Error) Unwrap() error { return syscall.EINVAL }

// A Warning is something to tell the user once.
type Warning struct {
	File string // "" when the warning is about several places
	Line int
	Text string
}

func (w Warning) String() string {
	if w.File == "" {
		return w.Text
	}
	return place(w.File, w.Line, 0) + ": " + w.Text
}

func place(file string, line, column int) string {
	switch {
	case line == 0:
		return file
	case column == 0:
		return fmt.Sprintf("%s:%d", file, line)
	}
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}

// short quotes a value for a message, cut where it grows long.
func short(value string) string {
	if r := []rune(value); len(r) > 60 {
		value = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", value)
}
