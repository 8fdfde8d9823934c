package shell

import (
	"context"

	"github.com/urfave/cli/v2"
)

// helpVerb tells of the commands of one group.
func helpVerb(group *cli.Command, path string) verb {
	return verb{
		name: "help", args: "[command]",
		summary:  "tell how a command is used, or name all",
		examples: []string{path + " help " + group.Subcommands[0].Name},
		max:      1,
		run: func(_ context.Context, s *session) error {
			word := s.arg(0)
			if word == "" {
				cli.HelpPrinter(s.out, groupTemplate, group)
				return nil
			}
			c := group.Command(word)
			if c == nil {
				return &exit{code: exitFailure, text: unknownCommand(group, word)}
			}
			template := cli.CommandHelpTemplate
			if len(c.Subcommands) > 0 {
				template = groupTemplate
			}
			cli.HelpPrinter(s.out, template, c)
			return nil
		},
	}
}
