package shell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

// The lines of ls, with and without owner, group and mode.
const (
	lsFormat       = "%-12s%-15s%-15s%15s%16s%24s%5s %-5s\n"
	lsFormatNoAuth = "%15s%16s%24s%5s %-5s\n"
)

func lsVerb() verb {
	return verb{
		name: "ls", args: "[-d|-f|-p|-R|-h|--sort=option|--timestamp=option|-r] <path> ...",
		summary: "list a directory, or a file",
		about: "The columns are mode, owner, group, size (of a directory: its number of children), persistence, time, " +
			"the part that is cached, and path. No command pins files yet, so -p finds none.",
		examples: []string{"goosefs fs ls -R /data", "goosefs fs ls -h --sort=size -r '/data/*.gz'"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				toggle("d", "list directories themselves, not what is in them"),
				toggle("f", "look into the under file system first"),
				toggle("p", "list pinned files only"),
				toggle("R", "list what is below, too"),
				toggle("h", "print sizes for people"),
				&cli.StringFlag{Name: "sort", Usage: "order by " + strings.Join(sortedNames(lsOrders()), ", ")},
				&cli.StringFlag{Name: "timestamp", Usage: "show " + strings.Join(sortedNames(lsTimes()), ", "), Value: "lastModificationTime"},
				toggle("r", "reverse the order"),
			}
		},
		min: 1, max: -1,
		run: runLs,
	}
}

// lsOrders are the keys of --sort.
func lsOrders() map[string]func(a, b client.Info) int {
	return map[string]func(a, b client.Info) int{
		"creationTime":         func(a, b client.Info) int { return a.Created.Compare(b.Created) },
		"lastModificationTime": func(a, b client.Info) int { return a.Modified.Compare(b.Modified) },
		"lastAccessTime":       func(a, b client.Info) int { return a.Accessed.Compare(b.Accessed) },
		"inGooseFSPercentage":  func(a, b client.Info) int { return cmp.Compare(a.Percent, b.Percent) },
		"inMemoryPercentage":   func(a, b client.Info) int { return cmp.Compare(memoryPercent(a), memoryPercent(b)) },
		"name":                 func(a, b client.Info) int { return cmp.Compare(a.Name, b.Name) },
		"path":                 func(a, b client.Info) int { return cmp.Compare(a.Path, b.Path) },
		"size":                 func(a, b client.Info) int { return cmp.Compare(a.Length, b.Length) },
	}
}

// lsTimes are the keys of --timestamp.
func lsTimes() map[string]func(client.Info) time.Time {
	return map[string]func(client.Info) time.Time{
		"createdTime":          func(i client.Info) time.Time { return i.Created },
		"lastModificationTime": func(i client.Info) time.Time { return i.Modified },
		"lastAccessTime":       func(i client.Info) time.Time { return i.Accessed },
	}
}

func runLs(ctx context.Context, s *session) error {
	order, err := choose(s, "sort", lsOrders())
	if err != nil {
		return err
	}
	if s.flags.Bool("r") && order == nil {
		order = lsOrders()["name"]
	}
	line, err := newLsLine(s)
	if err != nil {
		return err
	}
	o, err := s.fresh(s.flags.Bool("f"))
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	return s.each(ctx, 0, func(path string) error {
		err := ls(ctx, s, c, path, o, order, line)
		if isNotExist(err) && !s.toPerson {
			// Fluid looks for the words "does not exist" there.
			s.printf("%s\n", oneLine(err.Error()))
		}
		return err
	})
}

func ls(ctx context.Context, s *session, c cluster, path string, o client.StatOptions, order func(a, b client.Info) int, line lsLine) error {
	var infos []client.Info // only when they must be ordered
	show := func(info client.Info) error {
		if s.flags.Bool("p") {
			return nil
		}
		if order != nil {
			infos = append(infos, info)
			return nil
		}
		return s.printf("%s", line(info))
	}
	switch {
	case s.flags.Bool("d"):
		info, err := c.Stat(ctx, path, o)
		if err != nil {
			return err
		}
		return s.printf("%s", line(info))
	case s.flags.Bool("R"):
		for info, err := range tree(ctx, c, path, o) {
			if err == nil {
				err = show(info)
			}
			if err != nil {
				return err
			}
		}
	default:
		for info, err := range c.List(ctx, path, o) {
			if err == nil {
				err = show(info)
			}
			if err != nil {
				return err
			}
		}
	}
	if order != nil {
		slices.SortStableFunc(infos, order)
	}
	if s.flags.Bool("r") {
		slices.Reverse(infos)
	}
	for _, info := range infos {
		if err := s.printf("%s", line(info)); err != nil {
			return err
		}
	}
	return nil
}

// lsLine formats one line of a listing.
type lsLine func(client.Info) string

func newLsLine(s *session) (lsLine, error) {
	c, err := s.conf()
	if err != nil {
		return nil, err
	}
	clock, err := s.clock()
	if err != nil {
		return nil, err
	}
	timeOf, err := choose(s, "timestamp", lsTimes())
	if err != nil {
		return nil, err
	}
	human := s.flags.Bool("h")
	const permissions = "goosefs.security.authorization.permission.enabled"
	secure := c.Bool(permissions) || !c.Set(permissions) // as GooseFS 1.x, where it was the default
	return func(i client.Info) string {
		length, cached := size(i.Length, human), strconv.Itoa(i.Percent)+"%"
		if i.Dir {
			length, cached = strconv.FormatInt(i.Length, 10), "DIR"
		}
		when := clock(timeOf(i))
		if !secure {
			return fmt.Sprintf(lsFormatNoAuth, length, i.Persistence, when, cached, s.entry(i))
		}
		return fmt.Sprintf(lsFormat, modeText(i), s.name(i.Owner), s.name(i.Group), length, i.Persistence, when, cached, s.entry(i))
	}, nil
}

// entry is a path as it is listed: that of a link with what it leads to.
func (s *session) entry(i client.Info) string {
	if i.Symlink == "" {
		return s.name(i.Path)
	}
	return s.name(i.Path) + " -> " + s.name(i.Symlink)
}

// choose looks up what a flag names, nil where it is not given.
func choose[T any](s *session, name string, options map[string]T) (chosen T, err error) {
	value := s.flags.String(name)
	if value == "" {
		return chosen, nil
	}
	chosen, ok := options[value]
	if !ok {
		return chosen, usagef("invalid %s option %q; one of %s", name, value, strings.Join(sortedNames(options), ", "))
	}
	return chosen, nil
}

func sortedNames[T any](m map[string]T) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// modeText is drwxr-xr-x, and a + behind it where the access control list says more.
func modeText(i client.Info) string {
	text := []byte("-rwxrwxrwx")
	switch {
	case i.Dir:
		text[0] = 'd'
	case i.Symlink != "":
		text[0] = 'l'
	}
	for bit := range 9 {
		if i.Mode&(1<<bit) == 0 {
			text[9-bit] = '-'
		}
	}
	if isExtended(i) {
		return string(text) + "+"
	}
	return string(text)
}
