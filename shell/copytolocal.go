package shell

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func copyToLocalVerb() verb {
	return verb{
		name: "copyToLocal", args: "[--buffersize <bytes>] <src> <localDst>",
		summary: "copy a file, or a directory with all below it, to a local file system",
		about: "A copy goes into localDst where that is a directory, and else has this name. A file appears whole or not at all, " +
			"and takes the place of a file that was there.",
		examples: []string{"goosefs fs copyToLocal /data/a.tar.gz /tmp/", "goosefs fs copyToLocal /data ./data"},
		flags: func() []cli.Flag {
			return []cli.Flag{bufferFlag()}
		},
		min: 2, max: 2,
		run: runCopyToLocal,
	}
}

func runCopyToLocal(ctx context.Context, s *session) error {
	buffer, err := s.buffer()
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	sources, err := expand(ctx, c, s.arg(0))
	if err != nil {
		return err
	}
	target := strings.TrimPrefix(s.arg(1), "file://")
	into := len(sources) > 1
	if stat, err := os.Stat(target); err == nil && stat.IsDir() {
		into = true
	} else if into {
		return faultf("copy", target, syscall.ENOTDIR, "%s must be a directory to hold %d copies", target, len(sources))
	}
	for _, source := range sources {
		err := s.copyTree(ctx, c, source, target, into, buffer)
		if stops(err) {
			return err
		}
		if err != nil {
			s.report(err)
		}
	}
	return s.result()
}

// copyTree copies what is at source to the local path target or, if into says so, to its name in there.
func (s *session) copyTree(ctx context.Context, c cluster, source, target string, into bool, buffer int) error {
	top, err := c.Stat(ctx, source, client.StatOptions{})
	if err != nil {
		return err
	}
	if into && source != "/" {
		if !filepath.IsLocal(top.Name) {
			return notLocal(source)
		}
		target = filepath.Join(target, top.Name)
	}
	var total totals
	if s.watched {
		if total, err = s.count(ctx, source, client.StatOptions{}); err != nil {
			return err
		}
	}
	m := s.startMeter("Copying "+shown(source), total.bytes, inBytes)
	var failures []error
	err = inParallel(ctx, copies(ctx, c, top, target),
		func(ctx context.Context, x localCopy) error { return x.make(ctx, c, buffer, m) },
		func(x localCopy, err error) error {
			switch {
			case stops(err):
				return err
			case err != nil:
				failures = append(failures, err)
				return nil
			case x.from.Dir, m != nil && s.toPerson:
				return nil
			}
			return s.sayf("Copied %s to %s\n", s.name(x.from.Path), s.name(x.to))
		})
	m.stop(err == nil && len(failures) == 0)
	if m != nil && s.toPerson && err == nil && len(failures) == 0 {
		s.sayf("Copied %s to %s\n", s.name(source), s.name(target))
	}
	s.reportAll(failures)
	return err
}

// reportAll reports each of several failures.
func (s *session) reportAll(failures []error) {
	for _, err := range failures {
		s.report(err)
	}
}

// localCopy is a file or directory and where its copy goes.
type localCopy struct {
	from client.Info
	to   string
}

// copies yields all there is to copy. Local directories are made on the way, so that they are there before what is in
// them. Names of the namespace that would lead elsewhere locally end it.
func copies(ctx context.Context, c cluster, top client.Info, target string) iter.Seq2[localCopy, error] {
	return func(yield func(localCopy, error) bool) {
		if !top.Dir {
			yield(localCopy{top, target}, nil)
			return
		}
		if err := makeDir(target); err != nil {
			yield(localCopy{}, err)
			return
		}
		for info, err := range tree(ctx, c, top.Path, client.StatOptions{}) {
			if err != nil {
				yield(localCopy{}, err)
				return
			}
			below := strings.TrimPrefix(strings.TrimPrefix(info.Path, top.Path), "/")
			to := filepath.Join(target, below)
			switch {
			case !filepath.IsLocal(below) || filepath.Clean(below) != below:
				err = notLocal(info.Path)
			case info.Dir:
				err = makeDir(to)
			}
			if !yield(localCopy{info, to}, err) || err != nil {
				return
			}
		}
	}
}

func notLocal(path string) error {
	return faultf("copy", path, syscall.EINVAL, "%q was not copied: its name leads elsewhere in a local file system", path)
}

// makeDir takes an existing directory for made.
func makeDir(path string) error {
	err := os.Mkdir(path, 0o777)
	if err == nil || !os.IsExist(err) {
		return err
	}
	stat, err := os.Stat(path)
	if err == nil && !stat.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

// make writes the copy under another name and renames it when it is whole.
func (x localCopy) make(ctx context.Context, c cluster, buffer int, m *meter) error {
	if x.from.Dir {
		return nil
	}
	part := filepath.Join(filepath.Dir(x.to), ".goosefs-"+rand.Text())
	err := x.fill(ctx, c, part, buffer, m)
	if err == nil {
		err = os.Rename(part, x.to)
	}
	if err == nil {
		return nil
	}
	os.Remove(part)
	// The errors of the local file system name a file that the user never heard of.
	var local *fs.PathError
	var renaming *os.LinkError
	if errors.As(err, &renaming) || errors.As(err, &local) && local.Path == part {
		err = &fs.PathError{Op: "write", Path: x.to, Err: errnoOf(err)}
	}
	return fmt.Errorf("%s was not copied: %w", x.from.Path, err)
}

// fill writes what is in the file to the local path part, which must not exist.
func (x localCopy) fill(ctx context.Context, c cluster, part string, buffer int, m *meter) error {
	local, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = withFile(ctx, c, x.from.Path, func(f file) error {
		return copyRange(ctx, &metered{local, m}, f, 0, f.Info().Length, buffer)
	})
	if closed := local.Close(); err == nil {
		err = closed
	}
	return err
}

// metered tells a meter of what is written.
type metered struct {
	file  *os.File
	meter *meter
}

func (w *metered) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.meter.add(int64(n))
	return n, err
}
