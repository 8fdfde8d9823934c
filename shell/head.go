package shell

import (
	"context"

	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

func headVerb() verb {
	return verb{
		name: "head", args: "[-c number of bytes] <path> ...",
		summary:  "print the first bytes of files",
		examples: []string{"goosefs fs head -c 4KB /data/CHANGES.md"},
		flags:    bytesFlag,
		min:      1, max: -1,
		run: func(ctx context.Context, s *session) error {
			n, err := bytesWanted(s)
			if err != nil {
				return err
			}
			return s.each(ctx, 0, func(path string) error {
				return s.withFile(ctx, path, func(f file) error { return copyRange(ctx, s.out, f, 0, min(n, f.Info().Length), readChunk) })
			})
		},
	}
}

// bytesFlag is -c, of head and tail.
func bytesFlag() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "c", Usage: "how many bytes, a unit may follow", Value: "1KB"}}
}

func bytesWanted(s *session) (int64, error) {
	n, err := conf.ParseSize(s.flags.String("c"))
	if err != nil {
		return 0, usagef("-c: %v", err)
	}
	return n, nil
}
