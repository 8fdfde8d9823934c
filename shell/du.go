package shell

import (
	"context"
	"fmt"
	"slices"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

func duVerb() verb {
	return verb{
		name: "du", args: "[-h|-s|-g|-m] <path> ...",
		summary:  "print the size of files, and how much of them is cached",
		examples: []string{"goosefs fs du -h -s /data", "goosefs fs du -g '/data/*.gz'"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("h", "print sizes for people"),
				toggle("s", "print one line for all below a path"),
				toggle("m", "print what is cached in memory, too"),
				toggle("g", "print which worker has how much of it"),
			}
		},
		min: 1, max: -1,
		run: runDu,
	}
}

func runDu(ctx context.Context, s *session) error {
	o, err := s.fresh(false)
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	headed := false
	show := func(path string, u usage) error {
		if !headed {
			headed = true
			s.printDu("File Size", "In GooseFS", "In Memory", "Worker Host Name", "Path")
		}
		return s.printUsage(path, u)
	}
	return s.each(ctx, 0, func(path string) error {
		if s.flags.Bool("s") {
			var all usage
			if err := visit(ctx, c, path, o, all.add); err != nil {
				return err
			}
			return show(path, all)
		}
		for info, err := range tree(ctx, c, path, o) {
			if err != nil {
				return err
			}
			if info.Dir {
				continue
			}
			var u usage
			u.add(info)
			if err := show(info.Path, u); err != nil {
				return err
			}
		}
		return nil
	})
}

// usage is the size of files and where they are cached, in bytes.
type usage struct {
	bytes, cached, memory int64
	workers               map[string]int64 // by host; blocks that are cached in part count whole
}

func (u *usage) add(i client.Info) {
	if i.Dir || i.Symlink != "" {
		return
	}
	u.bytes += i.Length
	u.cached += cachedBytes(i)
	u.memory += memoryBytes(i)
	for _, b := range i.Blocks {
		for _, l := range b.Locations {
			if !l.Cached() {
				continue
			}
			if u.workers == nil {
				u.workers = map[string]int64{}
			}
			u.workers[l.Host] += b.Length
		}
	}
}

// printUsage prints a line for path and, with -g, one for each worker.
func (s *session) printUsage(path string, u usage) error {
	human := s.flags.Bool("h")
	cell := func(n int64) string { return fmt.Sprintf("%s (%d%%)", size(n, human), percent(n, u.bytes)) }
	err := s.printDu(size(u.bytes, human), cell(u.cached), cell(u.memory), "total", s.name(path))
	if !s.flags.Bool("g") {
		return err
	}
	names := sortedNames(u.workers)
	slices.SortStableFunc(names, func(a, b string) int { return int(min(1, max(-1, u.workers[b]-u.workers[a]))) })
	for _, host := range names {
		err = s.printDu("", cell(u.workers[host]), "", host, "")
	}
	return err
}

// printDu prints one line, with the columns that were asked for.
func (s *session) printDu(bytes, cached, memory, worker, path string) error {
	s.printf("%-13s %-16s ", bytes, cached)
	if s.flags.Bool("m") {
		s.printf("%-16s ", memory)
	}
	if s.flags.Bool("g") {
		s.printf("%-25s ", worker)
	}
	return s.printf("%s\n", path)
}
