package shell

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"
)

func quorumInfoVerb() verb {
	return verb{
		name: "info", args: "-domain MASTER",
		summary:  "print the masters that agree on the journal, and which of them answer",
		examples: []string{"goosefs fsadmin journal quorum info -domain MASTER"},
		flags: func() []cli.Flag {
			return []cli.Flag{&cli.StringFlag{Name: "domain", Usage: "whose journal: MASTER is the only one there is"}}
		},
		run: runQuorumInfo,
	}
}

func runQuorumInfo(ctx context.Context, s *session) error {
	switch domain := s.flags.String("domain"); {
	case domain == "":
		return usagef("-domain is missing; -domain MASTER is the only one there is")
	case !strings.EqualFold(domain, "MASTER"):
		return usagef("there is no journal of domain %s; -domain MASTER is the only one there is", domain)
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	state, err := leading(ctx, c)
	if err != nil {
		return err
	}
	s.printf("Journal domain\t: MASTER\n")
	s.printf("Quorum size\t: %d\n", len(state.Masters))
	s.printf("STATE\t\tSERVER ADDRESS\n")
	for _, m := range state.Masters {
		word := "UNAVAILABLE"
		if m.Available {
			word = "AVAILABLE"
		}
		s.printf("%s\t %s\n", word, m.JournalAddress)
	}
	return nil
}
