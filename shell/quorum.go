package shell

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"
)

const quorumInfoExample = "goosefs fsadmin journal quorum info -domain MASTER"

func domainFlag() cli.Flag {
	return &cli.StringFlag{Name: "domain", Usage: "whose journal: MASTER is the only one there is"}
}

func addressFlag(usage string) cli.Flag { return &cli.StringFlag{Name: "address", Usage: usage} }

func quorumInfoVerb() verb {
	return verb{
		name: "info", args: "-domain MASTER",
		summary:  "print the masters that agree on the journal, and which of them answer",
		examples: []string{quorumInfoExample},
		flags:    func() []cli.Flag { return []cli.Flag{domainFlag()} },
		run:      runQuorumInfo,
	}
}

func quorumAddVerb() verb {
	return verb{
		name: "add", args: "-domain MASTER -address HOST:PORT",
		summary: "let another master agree on the journal",
		about: "The new master must run, with empty folders, and with one of the masters in its goosefs.master.embedded.journal.addresses. " +
			"First it gets the journal; then, by itself, a vote. Meanwhile everything goes on.",
		examples: []string{"goosefs fsadmin journal quorum add -domain MASTER -address master-2:9202"},
		flags: func() []cli.Flag {
			return []cli.Flag{domainFlag(), addressFlag("where other masters reach the new one, HOST:PORT")}
		},
		run: func(ctx context.Context, s *session) error {
			return s.onQuorum(ctx, func(c cluster, addr string) error {
				if err := c.AddMaster(ctx, addr); err != nil {
					return err
				}
				return s.printf("Added server at: %s to quorum: MASTER\n", addr)
			})
		},
	}
}

func quorumRemoveVerb() verb {
	return verb{
		name: "remove", args: "-domain MASTER -address HOST:PORT",
		summary:  "take a master out of those that agree on the journal",
		about:    "It is refused if the masters that are left could not go on. The leader cannot be removed: elect another first.",
		examples: []string{"goosefs fsadmin journal quorum remove -domain MASTER -address master-2:9202"},
		flags: func() []cli.Flag {
			return []cli.Flag{domainFlag(), addressFlag("where other masters reach it, HOST:PORT")}
		},
		run: func(ctx context.Context, s *session) error {
			return s.onQuorum(ctx, func(c cluster, addr string) error {
				if err := c.RemoveMaster(ctx, addr); err != nil {
					return err
				}
				return s.printf("Removed server at: %s from quorum: MASTER\n", addr)
			})
		},
	}
}

func quorumElectVerb() verb {
	return verb{
		name: "elect", args: "-address HOST:PORT",
		summary:  "let a master lead",
		examples: []string{"goosefs fsadmin journal quorum elect -address master-1:9202"},
		flags:    func() []cli.Flag { return []cli.Flag{addressFlag("where other masters reach it, HOST:PORT")} },
		run: func(ctx context.Context, s *session) error {
			addr := s.flags.String("address")
			if addr == "" {
				return usagef("-address is missing; goosefs fsadmin journal quorum info -domain MASTER lists the masters")
			}
			return runElect(ctx, s, addr)
		},
	}
}

func quorumTransferVerb() verb {
	return verb{
		name:     "transfer",
		summary:  "let another master lead, whichever has most of the journal",
		examples: []string{"goosefs fsadmin journal quorum transfer"},
		run:      func(ctx context.Context, s *session) error { return runElect(ctx, s, "") },
	}
}

func runElect(ctx context.Context, s *session, addr string) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	leads, err := c.Elect(ctx, addr)
	if stops(err) {
		return err
	}
	if err != nil {
		if addr == "" {
			addr = "another server"
		}
		return faultf("elect", addr, errnoOf(err), "Leadership was not transferred to %s: %s", addr, err)
	}
	return s.printf("Transferred leadership to server: %s\n", leads)
}

// onQuorum does something about the master that -address names.
func (s *session) onQuorum(ctx context.Context, do func(c cluster, addr string) error) error {
	if err := s.checkDomain(); err != nil {
		return err
	}
	addr := s.flags.String("address")
	if addr == "" {
		return usagef("-address is missing: HOST:PORT, where other masters reach the one that is meant")
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	return do(c, addr)
}

func (s *session) checkDomain() error {
	switch domain := s.flags.String("domain"); {
	case domain == "":
		return usagef("-domain is missing; -domain MASTER is the only one there is")
	case !strings.EqualFold(domain, "MASTER"):
		return usagef("there is no journal of domain %s; -domain MASTER is the only one there is", domain)
	}
	return nil
}

func runQuorumInfo(ctx context.Context, s *session) error {
	if err := s.checkDomain(); err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	state, err := leading(ctx, c)
	if err != nil {
		return err
	}
	voters := 0
	for _, m := range state.Masters {
		if !m.Learner {
			voters++
		}
	}
	s.printf("Journal domain\t: MASTER\n")
	s.printf("Quorum size\t: %d\n", voters)
	s.printf("STATE\t\tSERVER ADDRESS\n")
	for _, m := range state.Masters {
		word, remark := "UNAVAILABLE", ""
		if m.Available {
			word = "AVAILABLE"
		}
		if m.Learner {
			remark = " (no vote yet)"
		}
		s.printf("%s\t %s%s\n", word, m.JournalAddress, remark)
	}
	return nil
}
