package bench

import (
	"errors"
	"io"
	"strings"
	"testing"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

// execute runs the command line, whose cluster cannot be opened, and returns what it says and its exit code.
func execute(t *testing.T, args ...string) (text string, code int) {
	t.Helper()
	return executeBench(t, append([]string{"namespace"}, args...)...)
}

// executeBench is execute for any sub-command.
func executeBench(t *testing.T, args ...string) (text string, code int) {
	t.Helper()
	var out strings.Builder
	app := &cli.App{
		Writer: &out, ErrWriter: io.Discard, ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{Command(Deps{
			Open:       func(*cli.Context) (*client.FS, error) { return nil, errors.New("no master is named") },
			Properties: []string{"goosefs.a=b", "-Dgoosefs.c=d"}, Version: "test",
		})},
	}
	err := app.RunContext(t.Context(), append([]string{"goosefs", "bench"}, args...))
	var coder cli.ExitCoder
	if errors.As(err, &coder) {
		return out.String() + err.Error(), coder.ExitCode()
	}
	if err != nil {
		return err.Error(), -1
	}
	return out.String(), 0
}

func TestBadCommandLines(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", 1, "no master is named"},
		{"extra", 2, `unexpected "extra"`},
		{"--files 0", 2, "--files 0: want numbers above 0"},
		{"--files 5,x", 2, "--files 5,x: want numbers above 0"},
		{"--files 5,3", 2, "--files [5 3]: the sizes must rise"},
		{"--clients 1,-8", 2, "--clients 1,-8: want numbers above 0"},
		{"--directories 0", 2, "--directories 0: want at least 1"},
		{"--connections -1", 2, "--connections -1: want 0 or more"},
		{"--duration 0s", 2, "--duration 0s: want a duration above 0"},
		{"--wide -1", 2, "--wide -1: want 0 or more"},
		{"--batch 0", 2, "--batch 0: want at least 1"},
		{"--path data", 2, `--path "data": want a directory`},
		{"--path /", 2, `--path "": want a directory`},
		{"--masters -1", 2, "--masters -1: want 1 or 3"},
		{"--masters 3", 2, "--masters 3 needs --dir"},
		{"--dir /tmp/x", 2, "--dir /tmp/x is for --masters"},
		{"--catch-up", 2, "--catch-up needs --masters 3"},
		{"--only stat,fly", 2, "--only fly: want some of create,complete,stat,batch,list,rename,delete"},
	} {
		text, code := execute(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d, %q; want %d, %q", c.args, code, text, c.code, c.want)
		}
	}
}
