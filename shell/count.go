package shell

import (
	"context"
	"strconv"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

const countFormat = "%-25s%-25s%-15s\n"

func countVerb() verb {
	return verb{
		name: "count", args: "[-h] <path> ...",
		summary:  "count the files, directories and bytes below a path",
		about:    "The path itself is counted if it is a file.",
		examples: []string{"goosefs fs count /", "goosefs fs count -h /data"},
		flags: func() []cli.Flag {
			return []cli.Flag{toggle("h", "print the size for people")}
		},
		min: 1, max: -1,
		run: func(ctx context.Context, s *session) error {
			o, err := s.fresh(false)
			if err != nil {
				return err
			}
			headed := false
			return s.each(ctx, 0, func(path string) error {
				t, err := s.count(ctx, path, o)
				if err != nil {
					return err
				}
				if !headed {
					s.printf(countFormat, "File Count", "Folder Count", "Folder Size")
					headed = true
				}
				return s.sayf(countFormat, strconv.FormatInt(t.files, 10), strconv.FormatInt(t.dirs, 10), size(t.bytes, s.flags.Bool("h")))
			})
		},
	}
}

// totals of what is below a path.
type totals struct {
	files, dirs, bytes, cached int64
}

func (t *totals) add(i client.Info) {
	if i.Dir {
		t.dirs++
		return
	}
	t.files++
	if i.Symlink != "" {
		return // its text is no bytes that could be cached
	}
	t.bytes += i.Length
	t.cached += cachedBytes(i)
}

// count adds up what is below path, and shows on a terminal how far it is.
func (s *session) count(ctx context.Context, path string, o client.StatOptions) (totals, error) {
	var t totals
	c, err := s.cluster()
	if err != nil {
		return t, err
	}
	m := s.startMeter("Counting "+shown(path), 0, inNames)
	err = visit(ctx, c, path, o, func(i client.Info) {
		t.add(i)
		m.add(1)
	})
	m.stop(err == nil)
	return t, err
}
