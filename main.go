// Goosefs is a distributed cache file system in one binary: masters, workers, mounts and the commands to use them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"goosefs/roles"
	"goosefs/roles/bench"
	"goosefs/roles/up"
	"goosefs/shell"

	"github.com/urfave/cli/v2"
)

// version is set by the release build: -ldflags "-X main.version=…".
var version = "2.1.0-dev"

func main() {
	// Pods are started by /proc/self/exe: without this, ps and top would call them all "exe".
	_ = os.WriteFile("/proc/self/comm", []byte("goosefs"), 0)
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	rest, properties := shell.SplitProperties(args)
	env := roles.Env{Properties: properties, Version: version}
	app := &cli.App{
		Name:           "goosefs",
		Usage:          "a distributed cache file system",
		UsageText:      "goosefs COMMAND [-Dkey=value]... [ARGUMENTS]",
		Version:        version,
		HideVersion:    true,
		Suggest:        true,
		Reader:         stdin,
		Writer:         stdout,
		ErrWriter:      stderr,
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: append(append([]*cli.Command{up.Command(version, properties), up.GetCommand(), up.DownCommand(),
			bench.Command(bench.Deps{Open: env.Open, Properties: properties, Version: version})}, env.Commands()...),
			shell.Commands(shell.Deps{Open: env.Open, Conf: env.Conf, FormatMaster: env.FormatMaster, Version: version})...),
		Action: noCommand,
	}
	err := app.Run(rest)
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, text)
	}
	var coder cli.ExitCoder
	if errors.As(err, &coder) {
		return coder.ExitCode()
	}
	return 2
}

// noCommand runs where no command does: there is none, which asks for help, or an unknown one.
func noCommand(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return cli.ShowAppHelp(c)
	}
	text := fmt.Sprintf("goosefs: unknown command %q.", name)
	if meant := cli.SuggestCommand(c.App.Commands, name); meant != "" {
		text += " " + meant
	}
	return cli.Exit(text+" goosefs --help lists all of them.", 2)
}
