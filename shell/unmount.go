package shell

import "context"

func unmountVerb() verb {
	return verb{
		name: "unmount", args: "<path>",
		summary:  "take a mount away; the under file system keeps all it has",
		examples: []string{"goosefs fs unmount /hbase"},
		min:      1, max: 1,
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			path, err := cleanPath(s.arg(0))
			if err != nil {
				return err
			}
			if err := c.Unmount(ctx, path); err != nil {
				return err
			}
			return s.sayf("Unmounted %s\n", s.name(path))
		},
	}
}
