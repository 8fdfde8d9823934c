package shell

import (
	"context"

	"goosefs/client"
)

func mkdirVerb() verb {
	return verb{
		name: "mkdir", args: "<path> ...",
		summary:  "make directories, with those above them",
		examples: []string{"goosefs fs mkdir /data/new /data/newer"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			return s.eachNew(func(path string) error {
				if err := c.Mkdir(ctx, path, client.MkdirOptions{Recursive: true}); err != nil {
					return err
				}
				return s.sayf("Successfully created directory %s\n", s.name(path))
			})
		},
	}
}

// eachNew is each for paths that need not exist: a star in them is a star.
func (s *session) eachNew(do func(path string) error) error {
	for _, arg := range s.flags.Args().Slice() {
		path, err := cleanPath(arg)
		if err == nil {
			err = do(path)
		}
		if stops(err) {
			return err
		}
		if err != nil {
			s.report(err)
		}
	}
	return s.result()
}
