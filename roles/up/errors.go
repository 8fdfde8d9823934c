package up

import "errors"

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 128 + 2 // as a shell reports SIGINT
)

// errInterrupted is why everything ends after Ctrl-C.
var errInterrupted = errors.New("interrupted")

// usageError is a mistake in what the user typed or wrote: exit code 2.
type usageError string

func (e usageError) Error() string { return string(e) }

// exitCode is the exit code that an error means.
func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	return exitFailure
}
