package shell

import (
	"context"
	"time"
)

// mostLost is how many lost files are listed.
const mostLost = 1000

func reportLost(ctx context.Context, s *session, c cluster) error {
	files, count, err := c.LostFiles(ctx, mostLost)
	if err != nil {
		return err
	}
	s.printf("Lost files: %d\n", count)
	for _, f := range files {
		where := "no worker has it"
		if f.Worker != "" {
			where = "its worker " + f.Worker + " was last heard of " + f.Contact.Round(time.Second).String() + " ago"
		}
		s.printf("    %s  %s  block %d: %s\n", s.name(f.Path), humanSize(f.Length), f.Block, where)
	}
	if more := count - int64(len(files)); more > 0 {
		s.printf("    and %d more\n", more)
	}
	return nil
}
