package shell

import (
	"context"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func testVerb() verb {
	return verb{
		name: "test", args: "-d|-f|-e|-s|-z <path>",
		summary:  "exit with 0 if a path is what the flag asks for, with 1 if not",
		examples: []string{"goosefs fs test -e /data/_SUCCESS && echo there"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("d", "a directory"),
				toggle("f", "a file"),
				toggle("e", "anything at all"),
				toggle("s", "a file that has bytes, or a directory that has children"),
				toggle("z", "a file without a byte"),
			}
		},
		min: 1, max: 1, fails: 1,
		run: runTest,
	}
}

func runTest(ctx context.Context, s *session) error {
	var asked []string
	for _, name := range []string{"d", "f", "e", "s", "z"} {
		if s.flags.Bool(name) {
			asked = append(asked, name)
		}
	}
	if len(asked) != 1 {
		return usagef("Command test takes one of -d, -f, -e, -s, -z, not %d", len(asked))
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	path, err := cleanPath(s.arg(0))
	if err != nil {
		return err
	}
	no := &exit{code: 1}
	info, err := c.Stat(ctx, path, client.StatOptions{})
	if isNotExist(err) {
		return no
	}
	if err != nil {
		return err
	}
	yes, err := is(ctx, c, info, asked[0])
	if err != nil {
		return err
	}
	if !yes {
		return no
	}
	return nil
}

// is answers one flag of test.
func is(ctx context.Context, c cluster, info client.Info, flag string) (bool, error) {
	switch flag {
	case "d":
		return info.Dir, nil
	case "f":
		return !info.Dir && info.Symlink == "", nil
	case "z":
		return !info.Dir && info.Length == 0, nil
	case "s":
		if !info.Dir {
			return info.Length > 0, nil
		}
		for _, err := range c.List(ctx, info.Path, client.StatOptions{}) {
			return err == nil, err
		}
		return false, nil
	}
	return true, nil
}
