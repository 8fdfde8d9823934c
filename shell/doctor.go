package shell

import (
	"context"
	"errors"
)

func doctorVerb() verb {
	return verb{
		name: "doctor", args: "[masters|storage]", max: 1,
		summary:  "print what is wrong with masters and with the folders of workers",
		examples: []string{"goosefs fsadmin doctor", "goosefs fsadmin doctor storage"},
		run:      runDoctor,
	}
}

func runDoctor(ctx context.Context, s *session) error {
	what := s.arg(0)
	switch what {
	case "", "masters", "storage":
	default:
		return usagef("%s: doctor looks at masters and at storage", what)
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	if what != "storage" {
		err = s.doctorMasters(ctx, c)
	}
	if what != "masters" {
		err = errors.Join(err, s.doctorStorage(ctx, c))
	}
	return err
}

func (s *session) doctorMasters(ctx context.Context, c cluster) error {
	state, err := leading(ctx, c)
	if err != nil {
		return err
	}
	if len(state.Problems) == 0 {
		return s.printf("All masters are in working state.\n")
	}
	for _, line := range state.Problems {
		s.printf("%s\n", line)
	}
	return nil
}

func (s *session) doctorStorage(ctx context.Context, c cluster) error {
	workers, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	lost := false
	for _, w := range workers {
		said := false
		for _, tier := range w.Tiers {
			for _, path := range tier.Failed {
				if !said {
					s.printf("The following storage paths are lost in worker %s: \n", w.Host)
				}
				s.printf("%s (%s)\n", path, tier.Alias)
				lost, said = true, true
			}
		}
	}
	if !lost {
		return s.printf("All worker storage paths are in working state.\n")
	}
	return nil
}
