package shell

import (
	"context"
	"strconv"

	"github.com/urfave/cli/v2"
)

func versionVerb() verb {
	return verb{
		name: "version", args: "[-r [length]]",
		summary:  "print the version of this program",
		examples: []string{"goosefs version", "goosefs version -r 8"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("r", "print the revision of the source too, all of it or so many letters"),
				toggle("revision", "the same as -r"),
			}
		},
		max: 1,
		run: func(_ context.Context, s *session) error {
			if !s.flags.Bool("r") && !s.flags.Bool("revision") {
				if s.arg(0) != "" {
					return usagef("Command version takes a length with -r only")
				}
				return s.printf("%s\n", s.env.version)
			}
			revision := s.env.revision()
			if s.arg(0) != "" {
				length, err := strconv.Atoi(s.arg(0))
				if err != nil || length < 1 {
					return usagef("invalid revision length %q; e.g. 8", s.arg(0))
				}
				revision = revision[:min(length, len(revision))]
			}
			if revision == "" {
				return s.printf("%s\n", s.env.version)
			}
			return s.printf("%s-%s\n", s.env.version, revision)
		},
	}
}
