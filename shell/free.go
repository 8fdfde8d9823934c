package shell

import (
	"context"
	"syscall"

	"github.com/urfave/cli/v2"
)

func freeVerb() verb {
	return verb{
		name: "free", args: "[-f] <path> ...",
		summary:  "drop the cached bytes of files; the files stay",
		about:    "It returns when no worker holds a byte of them any more.",
		examples: []string{"goosefs fs free /data/old", "goosefs fs free -f /"},
		flags: func() []cli.Flag {
			return []cli.Flag{toggle("f", "free pinned files too; needed to free /")}
		},
		min: 1, max: -1,
		run: func(ctx context.Context, s *session) error {
			c, err := s.cluster()
			if err != nil {
				return err
			}
			return s.each(ctx, 0, func(path string) error {
				if path == "/" && !s.flags.Bool("f") {
					return faultf("free", path, syscall.EPERM, "Nothing was freed. To free all that is cached: free -f /")
				}
				m := s.startMeter("Freeing "+shown(path), 0, noUnit)
				err := c.Free(ctx, path, true)
				m.stop(err == nil)
				if err != nil {
					return err
				}
				return s.sayf("%s was successfully freed from GooseFS space.\n", s.name(path))
			})
		},
	}
}
