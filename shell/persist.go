package shell

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"syscall"
	"time"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

const (
	persistTimeout = 20 * time.Minute
	persistPoll    = 100 * time.Millisecond
	persistPollMax = 2 * time.Second
)

func persistVerb() verb {
	return verb{
		name: "persist", args: "[-p <n>] [-t <ms>] [-w <ms>] <path> ...",
		summary:  "bring files that are only cached into the under file system, and wait until they are there",
		about:    "Of a directory all files below it are. Those that are there already are passed over.",
		examples: []string{"goosefs fs persist /data", "goosefs fs persist -p 16 -t 60000 '/logs/*'"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				&cli.IntFlag{Name: "p", Aliases: []string{"parallelism"}, Usage: "how many files are waited for at a time", Value: 4},
				&cli.Int64Flag{Name: "t", Aliases: []string{"timeout"}, Usage: "how long one file is waited for, in ms", Value: persistTimeout.Milliseconds()},
				&cli.Int64Flag{Name: "w", Aliases: []string{"wait"}, Usage: "how long each file waits before it is begun, in ms"},
			}
		},
		min: 1, max: -1,
		run: runPersist,
	}
}

func runPersist(ctx context.Context, s *session) error {
	at, timeout := s.flags.Int("p"), s.flags.Int64("t")
	if at < 1 || at > mostThreads {
		return usagef("-p: %d is not between 1 and %d", at, mostThreads)
	}
	wait := s.flags.Int64("w")
	if wait < 0 || wait > time.Duration(1<<62).Milliseconds() {
		return usagef("-w: %d is no time in ms", wait)
	}
	if timeout < 1 || timeout > time.Duration(1<<62).Milliseconds() {
		return usagef("-t: %d is no time in ms", timeout)
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	var files []string
	err = s.each(ctx, 0, func(path string) error {
		for info, err := range unpersisted(ctx, c, path) {
			if err != nil {
				return err
			}
			files = append(files, info)
		}
		return nil
	})
	var said *reportedError
	if err != nil && !errors.As(err, &said) {
		return err
	}
	done := 0
	err = inParallelOf(ctx, at, each(files),
		func(ctx context.Context, p string) error {
			return persistOne(ctx, c, p, time.Duration(wait)*time.Millisecond, time.Duration(timeout)*time.Millisecond)
		},
		func(p string, err error) error {
			if stops(err) {
				return err
			}
			if err != nil {
				s.report(err)
				return nil
			}
			done++
			return s.sayf("(%d/%d) Successfully persisted file: %s\n", done, len(files), s.name(p))
		})
	if err != nil {
		return err
	}
	return s.result()
}

// each yields the values of a list.
func each[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// unpersisted yields the paths of the files at and below path that are not in the under file system.
func unpersisted(ctx context.Context, c cluster, path string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		top, err := c.Stat(ctx, path, client.StatOptions{})
		if err != nil {
			yield("", err)
			return
		}
		if !top.Dir {
			if top.Persistence != "PERSISTED" {
				yield(path, nil)
			}
			return
		}
		for info, err := range tree(ctx, c, path, client.StatOptions{}) {
			if err != nil {
				yield("", err)
				return
			}
			if !info.Dir && info.Symlink == "" && info.Completed && info.Persistence != "PERSISTED" && !yield(info.Path, nil) {
				return
			}
		}
	}
}

// persistOne has a file persisted, after a wait, and returns when it is, when nothing is left to be persisted, or when that
// will not be before somebody does something about it.
func persistOne(ctx context.Context, c cluster, path string, wait, timeout time.Duration) error {
	before, _ := c.PersistTries(ctx, path) // it only explains: not to know it is no failure
	if err := c.PersistAfter(ctx, path, wait); err != nil {
		return err
	}
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	for pause := persistPoll; ; pause = min(2*pause, persistPollMax) {
		info, err := c.Stat(ctx, path, client.StatOptions{})
		if err != nil || info.Persistence == "PERSISTED" {
			return err
		}
		if info.Persistence == "LOST" {
			return faultf("persist", path, syscall.EIO, "Cannot persist %s: it is lost, unless the worker that held it comes back; then it is persisted", path)
		}
		tries, _ := c.PersistTries(ctx, path)
		if tries.Stuck && tries.Failed != before.Failed {
			return faultf("persist", path, tries.Errno, "Cannot persist %s: %s; once that is mended, ask again: it is tried at once", path, tries.Reason)
		}
		select {
		case <-time.After(pause):
		case <-limit.C:
			return timedOut(path, tries)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func timedOut(path string, tries client.PersistTries) error {
	why := ""
	if tries.Failed > 0 {
		why = fmt.Sprintf("; of %d tries the last failed: %s", tries.Failed, tries.Reason)
	}
	return faultf("persist", path, syscall.ETIMEDOUT, "Timed out waiting for file to be persisted: %s%s; it goes on in the background", path, why)
}
