package shell

import "context"

func tailVerb() verb {
	return verb{
		name: "tail", args: "[-c number of bytes] <path> ...",
		summary:  "print the last bytes of files",
		examples: []string{"goosefs fs tail -c 4KB /data/CHANGES.md"},
		flags:    bytesFlag,
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			n, err := bytesWanted(s)
			if err != nil {
				return err
			}
			return s.each(ctx, 0, func(path string) error {
				return s.withFile(ctx, path, func(f file) error {
					length := f.Info().Length
					return copyRange(ctx, s.out, f, max(0, length-n), length, readChunk)
				})
			})
		},
	}
}
