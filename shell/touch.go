package shell

import "context"

func touchVerb() verb {
	return verb{
		name: "touch", args: "<path> ...",
		summary:  "make empty files",
		examples: []string{"goosefs fs touch /data/_SUCCESS"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			return s.eachNew(func(path string) error {
				if err := c.Touch(ctx, path); err != nil {
					return err
				}
				return s.sayf("%s has been created\n", s.name(path))
			})
		},
	}
}
