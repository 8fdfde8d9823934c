package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/urfave/cli/v2"
)

// Exit codes. GooseFS's commands fail with -1, which a shell sees as 255.
const (
	exitFailure     = 255
	exitInterrupted = 130 // 128 + SIGINT
	exitBrokenPipe  = 141 // 128 + SIGPIPE
)

// fault words an error as GooseFS does, and keeps operation, path and errno reachable.
type fault struct {
	text string
	at   *fs.PathError
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.at }

func faultf(op, path string, errno syscall.Errno, format string, args ...any) error {
	return &fault{fmt.Sprintf(format, args...), &fs.PathError{Op: op, Path: path, Err: errno}}
}

func notExist(op, path string) error {
	return faultf(op, path, syscall.ENOENT, "Path %q does not exist.", path)
}

// usageError is a command line that cannot be meant.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// exit ends the program with a code. Its text, if any, is what remains to be said.
type exit struct {
	code int
	text string
	err  error
}

func (e *exit) Error() string { return e.text }
func (e *exit) Unwrap() error { return e.err }
func (e *exit) ExitCode() int { return e.code }

var _ cli.ExitCoder = (*exit)(nil)

// exitOf decides how a command that returned err ends.
func exitOf(err error, v verb) error {
	var wrong *usageError
	var exiting *exit
	var said *reportedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exiting):
		return exiting
	case errors.Is(err, syscall.EPIPE):
		return &exit{code: exitBrokenPipe, err: err}
	case interrupted(err):
		return &exit{code: exitInterrupted, text: "interrupted", err: err}
	case errors.As(err, &said):
		return &exit{code: v.failCode(), err: err}
	case errors.As(err, &wrong):
		return &exit{code: v.failCode(), text: safe(err) + "\n" + v.usageLine(), err: err}
	}
	return &exit{code: v.failCode(), text: safe(err), err: err}
}

// stops says whether err leaves nothing to go on for: the user ended the command, or nobody reads its output.
func stops(err error) bool {
	var said *reportedError
	return err != nil && (interrupted(err) || errors.Is(err, syscall.EPIPE) || errors.As(err, &said))
}

func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, syscall.ECANCELED)
}

func isNotExist(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && errno == syscall.ENOENT
}

// safe is the text of an error for a terminal: one line, or one for each of several that were joined.
func safe(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return oneLine(err.Error())
	}
	var lines, texts []string
	for _, e := range joined.Unwrap() {
		lines, texts = append(lines, safe(e)), append(texts, e.Error())
	}
	if strings.Join(texts, "\n") != err.Error() {
		return oneLine(err.Error())
	}
	return strings.Join(lines, "\n")
}

// oneLine escapes what would move a terminal's cursor or change its colours.
func oneLine(text string) string {
	if !unsafeForTerminal(text) {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// unsafeForTerminal says whether text has something in it that a terminal would obey rather than show.
func unsafeForTerminal(text string) bool {
	if strings.ToValidUTF8(text, "") != text {
		return true
	}
	return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// errnoOf is the errno in err, EIO if there is none.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}
