package shell

import (
	"context"

	"github.com/urfave/cli/v2"
)

// GooseFS has a message about cache restrictions, of a namespace's name alone, no call that takes it, and no word of what a
// configuration holds. There is nothing that a master could be asked.

func cacheRestrictVerb() verb {
	return verb{
		name: "cacheRestrict", args: "-apply <config>",
		summary:  "not supported: GooseFS's protocol has no call for it",
		examples: []string{"goosefs ns cacheRestrict -apply restrict.json"},
		flags: func() []cli.Flag {
			return []cli.Flag{&cli.StringFlag{Name: "apply", Usage: "a `config`uration"}}
		},
		max: -1,
		run: unsupported("cacheRestrict"),
	}
}

func cacheRestrictListVerb() verb {
	return verb{
		name: "cacheRestrictList", args: "[-all] [<namespace>]",
		summary:  "not supported: GooseFS's protocol has no call for it",
		examples: []string{"goosefs ns cacheRestrictList -all"},
		flags:    func() []cli.Flag { return []cli.Flag{toggle("all", "of all namespaces")} },
		max:      1,
		run:      unsupported("cacheRestrictList"),
	}
}

func unsupported(name string) func(context.Context, *session) error {
	return func(context.Context, *session) error {
		return &exit{code: exitFailure, text: "UNIMPLEMENTED: " + name + ": GooseFS's protocol has no call for cache restrictions. " +
			"To keep nothing of what is read in a namespace: goosefs ns setPolicy --rPolicy 1 <namespace>"}
	}
}
