package shell

import (
	"context"
	"fmt"
)

func rejoinVerb() verb {
	return verb{
		name: "rejoin", summary: "empty this host's master, so that it joins the other masters anew",
		about: "For a master whose journal is damaged, whose state is another one than the others', or which was removed. Stop it first. " +
			"It is refused unless another master leads: what is emptied here must be there. Started again, the master gets the journal " +
			"from the others, and then a vote.",
		examples: []string{"goosefs fsadmin journal rejoin"},
		run:      runRejoin,
	}
}

func runRejoin(ctx context.Context, s *session) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	leader, err := c.Leader(ctx)
	if err != nil {
		return fmt.Errorf("no other master leads, so nothing is emptied here: it may be all there is: %w", err)
	}
	if err := s.env.formatMaster(s.flags, s.out); err != nil {
		return err
	}
	return s.printf("%s leads. Start the master here: it joins again.\n", leader)
}
