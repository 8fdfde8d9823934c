package shell

import (
	"context"
	"errors"
	"flag"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// A verb is one command: what it is called, what it takes, what it says of itself, and what it does.
type verb struct {
	name     string
	parent   string            // the words before the name; set when the commands are put together
	args     string            // flags and arguments, as the usage line shows them
	summary  string            // one line
	about    string            // more of it, may be empty
	examples []string          // whole command lines
	flags    func() []cli.Flag // fresh ones for each run; nil for none
	min, max int               // number of arguments; a negative max is any number
	fails    int               // exit code of a failure; 255 by default
	run      func(ctx context.Context, s *session) error
}

// An entry is a verb or a nest of them.
type entry interface {
	command(e env, parent string) *cli.Command
}

func (v verb) path() string { return v.parent + " " + v.name }

func (v verb) usageLine() string { return strings.TrimSpace("Usage: " + v.path() + " " + v.args) }

func (v verb) failCode() int {
	if v.fails != 0 {
		return v.fails
	}
	return exitFailure
}

// allFlags are those of the verb and --help.
func (v verb) allFlags() []cli.Flag {
	var flags []cli.Flag
	if v.flags != nil {
		flags = v.flags()
	}
	return append(flags, toggle("help", "show this text"))
}

// command leaves the flags to run, because urfave/cli stops at the first argument and keeps -h for itself.
func (v verb) command(e env, parent string) *cli.Command {
	v.parent = parent
	return &cli.Command{
		Name: v.name, HelpName: helpName(parent, v.name), Usage: v.summary, UsageText: strings.TrimSpace(v.path() + " " + v.args),
		Description:     describe(v.about, v.examples),
		Flags:           v.allFlags(),
		SkipFlagParsing: true,
		HideHelp:        true,
		Action:          func(c *cli.Context) error { return exitOf(v.start(c, e), v) },
	}
}

// helpName is the whole name of a command. To those of the program itself urfave/cli adds the program's.
func helpName(parent, name string) string {
	if parent == "goosefs" {
		return ""
	}
	return parent + " " + name
}

// start parses the command line, runs the verb, and flushes what it printed, whether it failed or not.
func (v verb) start(c *cli.Context, e env) error {
	flags, err := v.parse(c)
	if err != nil {
		return err
	}
	if flags.Bool("help") {
		cli.HelpPrinter(c.App.Writer, cli.CommandHelpTemplate, c.Command)
		return nil
	}
	if err := v.checkCount(flags.Args().Len()); err != nil {
		return err
	}
	// The first signal ends the command in order, so that it can tidy up; a second one kills.
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	s := newSession(flags, e)
	err = v.run(ctx, s)
	if unwritten := s.close(); unwritten != nil {
		return unwritten
	}
	return err
}

// parse gives a context with the verb's own flags and arguments.
func (v verb) parse(c *cli.Context) (*cli.Context, error) {
	flags := v.allFlags()
	set := flag.NewFlagSet(v.name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range flags {
		if err := f.Apply(set); err != nil {
			return nil, err
		}
	}
	args, err := ReorderFlags(flags, c.Args().Slice())
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		set.Set("help", "true") // -h, of a command that has no such flag
	case err != nil:
		return nil, &usageError{err.Error()}
	}
	parsed := cli.NewContext(c.App, set, c)
	parsed.Command = c.Command
	return parsed, nil
}

func (v verb) checkCount(n int) error {
	switch {
	case n < v.min && v.min == v.max, v.max >= 0 && n > v.max && v.min == v.max:
		return usagef("Command %s takes %d arguments, not %d", v.name, v.min, n)
	case n < v.min:
		return usagef("Command %s requires at least %d arguments, not %d", v.name, v.min, n)
	case v.max >= 0 && n > v.max:
		return usagef("Command %s requires at most %d arguments, not %d", v.name, v.max, n)
	}
	return nil
}

// describe is the long part of a help text.
func describe(about string, examples []string) string {
	text := "Examples:\n   " + strings.Join(examples, "\n   ")
	if about != "" {
		text = about + "\n\n" + text
	}
	return text
}
