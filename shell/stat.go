package shell

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func statVerb() verb {
	return verb{
		name: "stat", args: "[-f format] <path> ...",
		summary: "print all that is known of a file or directory",
		about: "The last line tells how a mount on this host would read the file, and why not directly from a worker's disk. " +
			"In a format, %N is the name, %z the size in bytes, %b the number of blocks, %u the owner, %g the group, %i the id, " +
			"%y the modification time and %Y the same in milliseconds since 1970.",
		examples: []string{"goosefs fs stat /data", "goosefs fs stat -f '%z %N' '/data/*.gz'"},
		flags: func() []cli.Flag {
			return []cli.Flag{&cli.StringFlag{Name: "f", Usage: "print this, with % fields filled in"}}
		},
		min: 1, max: -1,
		run: runStat,
	}
}

func runStat(ctx context.Context, s *session) error {
	o, err := s.fresh(false)
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	return s.each(ctx, 0, func(path string) error {
		info, err := c.Stat(ctx, path, o)
		if err != nil {
			return err
		}
		if format := s.flags.String("f"); format != "" {
			return s.printf("%s\n", s.statFormat(info, format))
		}
		kind := "file"
		switch {
		case info.Dir:
			kind = "directory"
		case info.Symlink != "":
			kind = "symbolic link"
		}
		text := fileInfoText(info)
		if s.toPerson {
			text = oneLine(text)
		}
		s.printf("%s is a %s path.\n%s\n", s.name(info.Path), kind, text)
		switch {
		case info.Dir:
		case info.Symlink != "":
			s.printf("This link leads to %s\n", s.name(info.Symlink))
		case len(info.Blocks) == 0:
			s.printf("This file does not contain any blocks.\n")
		default:
			s.printf("Containing the following blocks: \n")
			for _, b := range info.Blocks {
				s.printf("%s\n", blockText(b))
			}
			s.printf("Read on this host %s\n", s.way(ctx, c, info))
		}
		return nil
	})
}

// way tells how a mount on this host, configured as this shell is, reads a file that it does not have open yet.
func (s *session) way(ctx context.Context, c cluster, info client.Info) string {
	const enabled, least = "goosefs.fuse.passthrough.enabled", "goosefs.fuse.passthrough.bytes.min"
	cfg, err := s.conf()
	switch {
	case err != nil:
		return "through the mount: " + err.Error()
	case !cfg.Bool(enabled):
		return "through the mount: " + enabled + " is false"
	case info.Length < cfg.Bytes(least):
		return "through the mount, its pages kept by the kernel: it is smaller than " + least
	}
	if err = c.Directly(ctx, info); err == nil {
		return "directly: the worker here holds all of it"
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is known
	}
	return "through the mount: " + safe(err)
}

// statFormat fills in the fields of -f. Those that a directory has not are NA.
func (s *session) statFormat(i client.Info, format string) string {
	ofFile := func(n int64) string {
		if i.Dir {
			return "NA"
		}
		return strconv.FormatInt(n, 10)
	}
	return strings.NewReplacer(
		"%N", s.name(i.Name),
		"%z", ofFile(i.Length),
		"%b", ofFile(int64(len(i.Blocks))),
		"%u", i.Owner,
		"%g", i.Group,
		"%i", strconv.FormatInt(i.ID, 10),
		"%y", i.Modified.In(s.env.zone).Format("2006-01-02 15:04:05"),
		"%Y", strconv.FormatInt(i.Modified.UnixMilli(), 10),
		"%%", "%",
	).Replace(format)
}
