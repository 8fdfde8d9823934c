package shell

import "context"

func mvVerb() verb {
	return verb{
		name: "mv", args: "<src> <dst>",
		summary:  "rename a file or directory",
		about:    "dst is the new path itself and must not exist. It lies on the same mount as src.",
		examples: []string{"goosefs fs mv /data/a.txt /data/b.txt"},
		min:      2, max: 2,
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			src, err := cleanPath(s.arg(0))
			if err != nil {
				return err
			}
			dst, err := cleanPath(s.arg(1))
			if err != nil {
				return err
			}
			if err := c.Rename(ctx, src, dst); err != nil {
				return err
			}
			return s.sayf("Renamed %s to %s\n", s.name(src), s.name(dst))
		},
	}
}
