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
				return s.withFile(ctx, path, func(f file) error { return copyRange(ctx, s.out, f, 0, f.Info().Length, readChunk) })
			})
		},
	}
}
