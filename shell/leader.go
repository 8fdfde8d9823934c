package shell

import (
	"context"
	"net"
)

func leaderVerb() verb {
	return verb{
		name: "leader", summary: "print the host of the master that leads",
		examples: []string{"goosefs fs leader"},
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			leader, err := c.Leader(ctx)
			if stops(err) {
				return err
			}
			if err != nil {
				s.report(err)
				s.report(faultf("leader", "/", errnoOf(err), "Failed to get the leader master."))
				return s.result()
			}
			s.printf("%s\n", hostOf(leader))
			return nil
		},
	}
}

// hostOf is the host of host:port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
