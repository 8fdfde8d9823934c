package shell

import "context"

func checkpointVerb() verb {
	return verb{
		name: "checkpoint", summary: "have the leading master write its namespace down and cut its journal",
		examples: []string{"goosefs fsadmin journal checkpoint"},
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			host, err := c.Checkpoint(ctx)
			if err != nil {
				return err
			}
			return s.printf("Successfully took a checkpoint on master %s\n", host)
		},
	}
}
