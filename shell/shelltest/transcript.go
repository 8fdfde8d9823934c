// Package shelltest plays transcripts of the shell: command lines with all that they print and their exit codes. Any
// cluster will do: the tests of package shell play them on one in memory.
//
// A transcript is a datadriven file. The directive goosefs has a command line in each line of its input, quoted as for
// a shell; each of several is repeated in the output. What goes to standard error is marked with "! ", an exit code
// other than 0 with "exit CODE". All other directives are those of the caller.
package shelltest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/urfave/cli/v2"
)

// Program makes the program of one command line: an app, and the arguments that are left for it. args starts with the
// program's name.
type Program func(args []string) (app *cli.App, rest []string)

// Play runs the transcript at path.
func Play(t *testing.T, path string, program Program, directive func(t *testing.T, d *datadriven.TestData) string) {
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd != "goosefs" {
			return directive(t, d)
		}
		var b strings.Builder
		for line := range strings.Lines(d.Input) {
			words, err := Words(line)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			if strings.Count(d.Input, "\n") > 0 {
				b.WriteString("$ " + strings.TrimSpace(line) + "\n")
			}
			stdout, stderr, code := Run(program, words...)
			b.WriteString(stdout)
			if stdout != "" && !strings.HasSuffix(stdout, "\n") {
				b.WriteString("⏎\n") // ends without a line feed
			}
			for line := range strings.Lines(stderr) {
				b.WriteString("! " + line)
			}
			if code != 0 {
				fmt.Fprintf(&b, "exit %d\n", code)
			}
		}
		return b.String()
	})
}

// Run runs one command line, whose first word is the one after goosefs, as main does.
func Run(program Program, words ...string) (stdout, stderr string, code int) {
	app, args := program(append([]string{"goosefs"}, words...))
	var out, errOut bytes.Buffer
	app.Writer, app.ErrWriter = &out, &errOut
	code = Exit(app, args)
	return out.String(), errOut.String(), code
}

// Exit runs app, prints what its error has to say, and gives its exit code.
func Exit(app *cli.App, args []string) int {
	app.ExitErrHandler = func(*cli.Context, error) {}
	err := app.Run(args)
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(app.ErrWriter, text)
	}
	var exit cli.ExitCoder
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 1
}

// Words splits a line as a shell does: at blanks, but not within ” or "". A $'…' has Go's escapes in it.
func Words(line string) ([]string, error) {
	var words []string
	line = strings.TrimSpace(line)
	for line != "" {
		var word strings.Builder
		for line != "" && line[0] != ' ' {
			var err error
			if line, err = part(line, &word); err != nil {
				return nil, err
			}
		}
		words = append(words, word.String())
		line = strings.TrimLeft(line, " ")
	}
	return words, nil
}

// part moves one quoted text or one letter from line to word.
func part(line string, word *strings.Builder) (rest string, err error) {
	escaped := strings.HasPrefix(line, "$'")
	if escaped {
		line = line[1:]
	}
	if line[0] != '\'' && line[0] != '"' {
		word.WriteByte(line[0])
		return line[1:], nil
	}
	text, rest, ok := strings.Cut(line[1:], line[:1])
	if !ok {
		return "", fmt.Errorf("no end of %s", line)
	}
	if escaped {
		if _, err := fmt.Sscanf(`"`+text+`"`, "%q", &text); err != nil {
			return "", fmt.Errorf("%s: %w", text, err)
		}
	}
	word.WriteString(text)
	return rest, nil
}
