package shell

import (
	"context"
	"strings"
	"syscall"
)

func masterInfoVerb() verb {
	return verb{
		name: "masterInfo", summary: "print which master leads, and all masters",
		about:    "Any master answers, whether it leads or not.",
		examples: []string{"goosefs fs masterInfo"},
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			state, err := c.Cluster(ctx)
			if err != nil {
				s.report(faultf("masterInfo", "/", syscall.EHOSTUNREACH, "Failed to find all master addresses"))
				return err
			}
			if state.Leader == "" {
				// They may be electing one just now.
				waiting, cancel := context.WithTimeout(ctx, s.env.leaderWithin)
				defer cancel()
				state.Leader, err = c.Leader(waiting)
			}
			if err != nil {
				s.report(faultf("masterInfo", "/", syscall.EAGAIN, "Failed to find leader master"))
			} else {
				s.printf("current leader master: %s\n", state.Leader)
			}
			var all []string
			for _, m := range state.Masters {
				all = append(all, m.Address)
			}
			s.printf("All masters: [%s]\n", strings.Join(all, ", "))
			return s.result()
		},
	}
}
