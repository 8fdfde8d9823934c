package conf

import (
	"fmt"
	"strings"
	"syscall"
)

// An Error is a value or a file that cannot be used, and where it stands. It
// unwraps to a syscall.Errno: EINVAL for values, ENOENT for a missing file.
type Error struct {
	Source string // file:line, an environment variable, "command line" or "default"
	Key    string // "" when the trouble is the line itself
	Value  string // masked when the property is secret
	Reason string // what is wrong, and what to write instead

	errno syscall.Errno // 0 is EINVAL
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Source)
	if e.Key != "" {
		fmt.Fprintf(&b, ": %s", e.Key)
		if e.Value != "" {
			fmt.Fprintf(&b, "=%s", e.Value)
		}
	}
	fmt.Fprintf(&b, ": %s", e.Reason)
	return b.String()
}

// Unwrap returns the kind of the error.
func (e *Error) Unwrap() error {
	if e.errno != 0 {
		return e.errno
	}
	return syscall.EINVAL
}

// A Warning is something a user should hear of, once, at start.
type Warning struct {
	Source string // as in Error; "" when the warning is about several places
	Key    string // "" when the warning is about several keys
	Text   string
}

func (w Warning) String() string {
	var b strings.Builder
	for _, s := range []string{w.Source, w.Key} {
		if s != "" {
			b.WriteString(s + ": ")
		}
	}
	return b.String() + w.Text
}

// invalid is a text that does not follow a grammar. It unwraps to EINVAL.
type invalid string

func (e invalid) Error() string { return string(e) }
func (e invalid) Unwrap() error { return syscall.EINVAL }

func invalidf(format string, args ...any) error { return invalid(fmt.Sprintf(format, args...)) }
