package shell

import (
	"context"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func loadMetadataVerb() verb {
	return verb{
		name: "loadMetadata", args: "[-R] [-F] <path> ...",
		summary:  "learn the names and attributes in the under file system",
		about:    "A directory that has been read before is not read again, unless -F is given.",
		examples: []string{"goosefs fs loadMetadata -R /data", "goosefs fs loadMetadata -R -F /data/new"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("R", "all that is below, too"),
				toggle("F", "read again what is known"),
			}
		},
		min: 1, max: -1,
		run: runLoadMetadata,
	}
}

func runLoadMetadata(ctx context.Context, s *session) error {
	o, err := s.fresh(s.flags.Bool("F"))
	if err != nil {
		return err
	}
	return s.each(ctx, 0, func(path string) error {
		var t totals
		if s.flags.Bool("R") {
			t, err = s.count(ctx, path, o)
		} else {
			t, err = s.children(ctx, path, o)
		}
		if err != nil {
			return err
		}
		return s.sayf("Loaded metadata of %s: %d files, %d directories, %s\n", s.name(path), t.files, t.dirs, humanSize(t.bytes))
	})
}

// children adds up one directory.
func (s *session) children(ctx context.Context, path string, o client.StatOptions) (totals, error) {
	var t totals
	c, err := s.cluster()
	if err != nil {
		return t, err
	}
	for info, err := range c.List(ctx, path, o) {
		if err != nil {
			return t, err
		}
		t.add(info)
	}
	return t, nil
}
