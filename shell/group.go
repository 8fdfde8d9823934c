package shell

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// A nest is a command that does nothing but hold others.
type nest struct {
	name, summary string
	entries       []entry
	examples      []string
}

func (n nest) command(e env, parent string) *cli.Command {
	return group(e, parent, n.name, n.summary, n.entries, n.examples...)
}

// groupTemplate is urfave/cli's, without categories.
const groupTemplate = `NAME:
   {{template "helpNameTemplate" .}}

USAGE:
   {{template "usageTemplate" .}}

DESCRIPTION:
   {{template "descriptionTemplate" .}}

COMMANDS:{{template "visibleCommandTemplate" .}}
`

// group puts entries under a common word and adds help to them.
func group(e env, parent, name, summary string, entries []entry, examples ...string) *cli.Command {
	path := parent + " " + name
	c := &cli.Command{
		Name: name, HelpName: helpName(parent, name), Usage: summary, UsageText: path + " <command> [options] [arguments]",
		Description: describe(path+" help <command>, or --help behind a command, tells more of it.", examples),
		// Words that are no command come to the action as they are.
		SkipFlagParsing: true,
		HideHelp:        true,
	}
	for _, x := range entries {
		c.Subcommands = append(c.Subcommands, x.command(e, path))
	}
	c.Subcommands = append(c.Subcommands, helpVerb(c, path).command(e, path))
	c.Action = func(ctx *cli.Context) error {
		word := ctx.Args().First()
		switch word {
		case "--help", "-help", "-h":
			cli.HelpPrinter(ctx.App.Writer, groupTemplate, c)
			return nil
		case "":
			cli.HelpPrinter(ctx.App.ErrWriter, groupTemplate, c)
			return &exit{code: exitFailure}
		}
		return &exit{code: exitFailure, text: unknownCommand(c, word)}
	}
	return c
}

// unknownCommand words what to say of a word that is no command of c.
func unknownCommand(c *cli.Command, word string) string {
	text := fmt.Sprintf("%s is an unknown command.", oneLine(word))
	var names []string
	for _, sub := range c.Subcommands {
		names = append(names, sub.Name)
	}
	if near := nearest(word, names); near != "" {
		text += fmt.Sprintf(" Did you mean %s?", near)
	}
	return text + "\nUsage: " + c.UsageText
}
