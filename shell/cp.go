package shell

import (
	"context"
	"iter"
	"strings"
	"syscall"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func cpVerb() verb {
	return verb{
		name: "cp", args: "[-R] [--buffersize <bytes>] <src> <dst>",
		summary: "copy a file or, with -R, a directory with all below it",
		about: "A copy goes into dst where that is a directory, and else has this name, which must be free. Both are in the cluster; " +
			"for local files there are copyFromLocal and copyToLocal.",
		examples: []string{"goosefs fs cp /data/a /data/b", "goosefs fs cp -R /data /backup"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("R", "copy directories, too"),
				bufferFlag(),
			}
		},
		min: 2, max: 2,
		run: runCp,
	}
}

func runCp(ctx context.Context, s *session) error {
	w, err := s.writing()
	if err != nil {
		return err
	}
	for _, arg := range []string{s.arg(0), s.arg(1)} {
		if strings.HasPrefix(arg, "file:") {
			return usagef("%s is local: use copyFromLocal or copyToLocal", arg)
		}
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	sources, err := expand(ctx, c, s.arg(0))
	if err != nil {
		return err
	}
	if dst, err := cleanPath(s.arg(1)); err != nil {
		return err
	} else if info, err := c.Stat(ctx, dst, client.StatOptions{}); len(sources) > 1 && (err != nil || !info.Dir) {
		return faultf("copy", dst, syscall.ENOTDIR, "%s must be a directory to hold %d copies", dst, len(sources))
	}
	for _, source := range sources {
		if err := s.copyWithin(ctx, c, source, w); stops(err) {
			return err
		} else if err != nil {
			s.report(err)
		}
	}
	return s.result()
}

// copyWithin copies what is at source to the second argument.
func (s *session) copyWithin(ctx context.Context, c cluster, source string, w writing) error {
	top, err := c.Stat(ctx, source, client.StatOptions{})
	if err != nil {
		return err
	}
	if top.Dir && !s.flags.Bool("R") {
		return faultf("copy", source, syscall.EISDIR, `%s is a directory, to copy it please use "cp -R <src> <dst>"`, source)
	}
	target, err := s.target(ctx, c, s.arg(1), top.Name)
	if err != nil {
		return err
	}
	if top.Dir && (target == source || strings.HasPrefix(target, strings.TrimSuffix(source, "/")+"/")) {
		return faultf("copy", source, syscall.EINVAL, "%s cannot be copied into itself, to %s", source, target)
	}
	var failures []error
	err = inParallel(ctx, clusterCopies(ctx, c, top, target),
		func(ctx context.Context, x clusterCopy) error { return x.make(ctx, c, w) },
		func(x clusterCopy, err error) error {
			switch {
			case stops(err):
				return err
			case err != nil:
				failures = append(failures, err)
				return nil
			}
			return s.sayf("Copied %s to %s\n", s.name(x.from), s.name(x.to))
		})
	s.reportAll(failures)
	return err
}

// clusterCopy is a file of the cluster and the path that its copy has.
type clusterCopy struct{ from, to string }

// clusterCopies yields all there is to copy. Directories are made on the way.
func clusterCopies(ctx context.Context, c cluster, top client.Info, target string) iter.Seq2[clusterCopy, error] {
	return func(yield func(clusterCopy, error) bool) {
		if !top.Dir {
			yield(clusterCopy{top.Path, target}, nil)
			return
		}
		made := client.MkdirOptions{Recursive: true, AllowExists: true}
		if err := c.Mkdir(ctx, target, made); err != nil {
			yield(clusterCopy{}, err)
			return
		}
		for info, err := range tree(ctx, c, top.Path, client.StatOptions{}) {
			if err != nil {
				yield(clusterCopy{}, err)
				return
			}
			to := join(target, strings.TrimPrefix(strings.TrimPrefix(info.Path, top.Path), "/"))
			if info.Dir {
				if err := c.Mkdir(ctx, to, made); err != nil {
					yield(clusterCopy{}, err)
					return
				}
				continue
			}
			if !yield(clusterCopy{info.Path, to}, nil) {
				return
			}
		}
	}
}

// make copies one file.
func (x clusterCopy) make(ctx context.Context, c cluster, w writing) error {
	return withFile(ctx, c, x.from, func(from file) error {
		return w.fill(ctx, c, x.to, func(to newFile) error {
			return copyRange(ctx, to, from, 0, from.Info().Length, w.buffer)
		})
	})
}
