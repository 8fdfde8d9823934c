package shell

import (
	"context"
	"strings"
	"syscall"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func rmVerb() verb {
	return verb{
		name: "rm", args: "[-R] [-U] [--goosefsOnly] <path> ...",
		summary: "remove files and directories, in the under file system too",
		about: "A mount point, or a directory with one in it, is not removed, because that would empty what is mounted: " +
			"use goosefs fs unmount.",
		examples: []string{"goosefs fs rm '/data/*.tmp'", "goosefs fs rm -R /data/old"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("R", "remove directories with all that is in them"),
				toggle("U", "do not check that the under file system has no more in it than is known"),
				toggle("goosefsOnly", "leave the under file system alone"),
			}
		},
		min: 1, max: -1,
		run: runRm,
	}
}

func runRm(ctx context.Context, s *session) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	mounts, err := c.Mounts(ctx)
	if err != nil {
		return err
	}
	o := client.RemoveOptions{Recursive: s.flags.Bool("R"), CacheOnly: s.flags.Bool("goosefsOnly"), Unchecked: s.flags.Bool("U")}
	return s.each(ctx, 0, func(path string) error {
		if err := removable(path, mounts); err != nil {
			return err
		}
		if !o.Recursive {
			info, err := c.Stat(ctx, path, client.StatOptions{})
			if err != nil {
				return err
			}
			if info.Dir {
				return faultf("remove", path, syscall.EISDIR, "%s is a directory, to remove it, please use \"rm -R\" instead.", path)
			}
		}
		if err := c.Remove(ctx, path, o); err != nil {
			return err
		}
		return s.sayf("%s has been removed\n", s.name(path))
	})
}

// removable says why a path is not removed, if a mount would go with it.
func removable(path string, mounts []client.MountPoint) error {
	if path == "/" {
		return faultf("remove", path, syscall.EBUSY, "The root is not removed; what is in it: rm -R '/*'")
	}
	for _, m := range mounts {
		if m.Path == path {
			return faultf("remove", path, syscall.EBUSY, "%s is a mount point; to take it away: goosefs fs unmount %s", path, path)
		}
		if strings.HasPrefix(m.Path, path+"/") {
			return faultf("remove", path, syscall.EBUSY, "%s has the mount point %s in it; first: goosefs fs unmount %s", path, m.Path, m.Path)
		}
	}
	return nil
}
