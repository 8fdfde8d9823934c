package shell

import "context"

func catVerb() verb {
	return verb{
		name: "cat", args: "<path> ...",
		summary:  "print what is in files",
		examples: []string{"goosefs fs cat /data/CHANGES.md"},
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			return s.each(ctx, 0, func(path string) error {
				return withFile(ctx, s, path, func(f file) error { return copyRange(ctx, s.out, f, 0, f.Info().Length, readChunk) })
			})
		},
	}
}

// withFile opens a file, does something with it, and closes it.
func withFile(ctx context.Context, s *session, path string, do func(file) error) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	f, err := openFile(ctx, c, path)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}
