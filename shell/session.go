package shell

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"goosefs/client"
	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

// session is one run of one command. It belongs to one goroutine.
type session struct {
	flags    *cli.Context // flags and arguments of this command alone
	out      *bufio.Writer
	errOut   io.Writer
	toPerson bool // a terminal reads standard output
	watched  bool // a terminal reads standard error
	env      env

	opened   cluster    // once asked for
	loaded   *conf.Conf // once asked for
	reported error      // the last failure that was reported
}

func newSession(flags *cli.Context, e env) *session {
	return &session{
		flags: flags, env: e,
		out: bufio.NewWriterSize(flags.App.Writer, 64<<10), errOut: flags.App.ErrWriter,
		toPerson: e.terminal(flags.App.Writer), watched: e.terminal(flags.App.ErrWriter),
	}
}

// close flushes the output and lets go of the cluster.
func (s *session) close() error {
	err := s.out.Flush()
	if s.opened != nil {
		s.opened.Close()
	}
	return err
}

// cluster opens the cluster at the first call.
func (s *session) cluster() (cluster, error) {
	if s.opened != nil {
		return s.opened, nil
	}
	opened, err := s.env.open(s.flags)
	if err != nil {
		return nil, err
	}
	s.opened = opened
	return opened, nil
}

// conf reads the configuration at the first call.
func (s *session) conf() (*conf.Conf, error) {
	if s.loaded != nil {
		return s.loaded, nil
	}
	loaded, err := s.env.conf(s.flags)
	if err != nil {
		return nil, err
	}
	s.loaded = loaded
	return loaded, nil
}

// fresh is how fresh the user wants what the masters know: as the sync interval says, or as a flag does.
func (s *session) fresh(force bool) (client.StatOptions, error) {
	c, err := s.conf()
	if err != nil {
		return client.StatOptions{}, err
	}
	age := c.Duration("goosefs.user.file.metadata.sync.interval")
	return client.StatOptions{Sync: force || age == 0, MaxAge: max(0, age)}, nil
}

// arg is the i-th argument, "" if there are fewer.
func (s *session) arg(i int) string { return s.flags.Args().Get(i) }

// printf writes to standard output. An error means that nobody reads it any more, or that a disk is full: a command
// that prints much stops then. Others may ignore it, as close returns it again.
func (s *session) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out, format, args...)
	return err
}

// sayf is printf for what should be seen at once.
func (s *session) sayf(format string, args ...any) error {
	if err := s.printf(format, args...); err != nil {
		return err
	}
	return s.out.Flush()
}

// name is a path as it is printed.
func (s *session) name(path string) string {
	if s.toPerson {
		return shown(path)
	}
	return path
}

// report tells of a failure that the command survives; result makes it fail in the end.
func (s *session) report(err error) {
	s.out.Flush()
	fmt.Fprintln(s.errOut, safe(err))
	s.reported = err
}

// result is what a command returns that reported failures.
func (s *session) result() error {
	if s.reported == nil {
		return nil
	}
	return &reportedError{s.reported}
}

// reportedError has been printed already.
type reportedError struct{ err error }

func (e *reportedError) Error() string { return e.err.Error() }
func (e *reportedError) Unwrap() error { return e.err }

// each runs do on every path that the arguments from first on stand for, and goes on after failures.
func (s *session) each(ctx context.Context, first int, do func(path string) error) error {
	c, err := s.cluster()
	if err != nil {
		return err
	}
	for _, arg := range s.flags.Args().Slice()[first:] {
		paths, err := expand(ctx, c, arg)
		if err != nil {
			if stops(err) {
				return err
			}
			s.report(err)
			continue
		}
		for _, path := range paths {
			if err := do(path); stops(err) {
				return err
			} else if err != nil {
				s.report(err)
			}
		}
	}
	return s.result()
}
