package shell

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// isTerminal says whether a person reads what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// shown is a name as it may be printed where a person reads it.
func shown(name string) string {
	if unsafeForTerminal(name) {
		return strconv.QuoteToGraphic(name)
	}
	return name
}
