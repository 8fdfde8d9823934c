package shell

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func copyFromLocalVerb() verb {
	return verb{
		name: "copyFromLocal", args: "[--thread <n>] [--buffersize <bytes>] <localSrc> <dst>",
		summary: "copy a local file, or a directory with all below it, into the cluster",
		about: "A copy goes into dst where that is a directory, and else has this name, which must be free. A file is whole or not there. " +
			"Where its bytes go says -Dgoosefs.user.file.writetype.default on the command line, or else the policy of the namespace, or else that property.",
		examples: []string{"goosefs fs copyFromLocal /tmp/a.tar.gz /data/", "goosefs fs copyFromLocal ./data /data"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				bufferFlag(),
				&cli.IntFlag{Name: "thread", Usage: "how many files are copied at a time", Value: parallel},
			}
		},
		min: 2, max: 2,
		run: runCopyFromLocal,
	}
}

// mostThreads is how many files a command copies at a time at most.
const mostThreads = 256

func runCopyFromLocal(ctx context.Context, s *session) error {
	w, err := s.writing()
	if err != nil {
		return err
	}
	threads := s.flags.Int("thread")
	if threads < 1 || threads > mostThreads {
		return usagef("--thread: %d is not between 1 and %d", threads, mostThreads)
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	source := filepath.Clean(strings.TrimPrefix(s.arg(0), "file://"))
	top, err := os.Stat(source)
	if err != nil {
		return err
	}
	named, err := filepath.Abs(source) // "." has a name, too
	if err != nil {
		return err
	}
	target, err := s.target(ctx, c, s.arg(1), filepath.Base(named))
	if err != nil {
		return err
	}
	var failures []error
	err = inParallelOf(ctx, threads, uploads(ctx, c, source, top, target),
		func(ctx context.Context, x upload) error { return x.make(ctx, c, w) },
		func(x upload, err error) error {
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
	if err != nil {
		return err
	}
	return s.result()
}

// target is the path that a copy has: in dst, under the source's name, if dst is a directory.
func (s *session) target(ctx context.Context, c cluster, dst, name string) (string, error) {
	p, err := cleanPath(dst)
	if err != nil {
		return "", err
	}
	info, err := c.Stat(ctx, p, client.StatOptions{})
	switch {
	case isNotExist(err):
		return p, nil
	case err != nil:
		return "", err
	case info.Dir:
		return join(p, name), nil
	}
	return "", faultf("copy", p, syscall.EEXIST, "%s already exists", p)
}

// upload is a local file and the path that its copy has.
type upload struct{ from, to string }

// uploads yields the local files that there are to copy. Directories are made on the way, so that they are there before what
// is in them. What is neither is an error.
func uploads(ctx context.Context, c cluster, source string, top fs.FileInfo, target string) iter.Seq2[upload, error] {
	return func(yield func(upload, error) bool) {
		if !top.IsDir() {
			yield(upload{source, target}, nil)
			return
		}
		err := filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			below, err := filepath.Rel(source, p)
			if err != nil {
				return err
			}
			to := path.Join(target, filepath.ToSlash(below))
			if d.IsDir() {
				return c.Mkdir(ctx, to, client.MkdirOptions{Recursive: true, AllowExists: true})
			}
			if !yield(upload{p, to}, nil) {
				return fs.SkipAll
			}
			return ctx.Err()
		})
		if err != nil {
			yield(upload{}, err)
		}
	}
}

// make copies one file.
func (x upload) make(ctx context.Context, c cluster, w writing) error {
	local, err := os.Open(x.from)
	if err != nil {
		return err
	}
	defer local.Close()
	stat, err := local.Stat()
	if err != nil {
		return err
	}
	if !stat.Mode().IsRegular() {
		return faultf("copy", x.from, syscall.EINVAL, "%s was not copied: it is neither a file nor a directory", x.from)
	}
	return w.fill(ctx, c, x.to, func(to newFile) error { return pour(to, local, w.buffer) })
}
