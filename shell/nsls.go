package shell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

// nsListVerb is under both of its names.
func nsListVerb(name string) verb {
	return verb{
		name: name, args: "[-r] [--sort=option] [--timestamp=option]",
		summary: "list the namespaces",
		about: "All mounts directly below / are namespaces, however they were made. A policy that is not there is shown as -: " +
			"then the client's configuration decides.",
		examples: []string{"goosefs ns " + name, "goosefs ns " + name + " --sort=creationTime -r"},
		flags: func() []cli.Flag {
			return []cli.Flag{
				&cli.StringFlag{Name: "sort", Usage: "order by " + strings.Join(sortedNames(nsOrders()), ", "), Value: "name"},
				&cli.StringFlag{Name: "timestamp", Usage: "show " + strings.Join(sortedNames(nsTimes()), ", "), Value: "creationTime"},
				toggle("r", "reverse the order"),
			}
		},
		run: runNsList,
	}
}

// nsOrders are the keys of --sort.
func nsOrders() map[string]func(a, b client.Namespace) int {
	orders := map[string]func(a, b client.Namespace) int{
		"name":    func(a, b client.Namespace) int { return cmp.Compare(a.Name, b.Name) },
		"ufsPath": func(a, b client.Namespace) int { return cmp.Compare(a.Dir.UFSPath, b.Dir.UFSPath) },
		"ttl":     func(a, b client.Namespace) int { return cmp.Compare(a.TTL, b.TTL) },
	}
	for name, of := range nsTimes() {
		orders[name] = func(a, b client.Namespace) int { return of(a.Dir).Compare(of(b.Dir)) }
	}
	return orders
}

// nsTimes are the keys of --timestamp; what it shows is the column's head.
func nsTimes() map[string]func(client.Info) time.Time {
	return map[string]func(client.Info) time.Time{
		"creationTime":         func(i client.Info) time.Time { return i.Created },
		"lastModificationTime": func(i client.Info) time.Time { return i.Modified },
		"lastAccessTime":       func(i client.Info) time.Time { return i.Accessed },
	}
}

func runNsList(ctx context.Context, s *session) error {
	order, err := choose(s, "sort", nsOrders())
	if err != nil {
		return err
	}
	timeOf, err := choose(s, "timestamp", nsTimes())
	if err != nil {
		return err
	}
	clock, err := s.clock()
	if err != nil {
		return err
	}
	c, err := s.cluster()
	if err != nil {
		return err
	}
	list, err := c.Namespaces(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, order)
	if s.flags.Bool("r") {
		slices.Reverse(list)
	}
	table := [][]string{{"namespace", "mountPoint", "ufsPath", s.flags.String("timestamp"), "wPolicy", "rPolicy", "TTL", "ttlAction"}}
	for _, n := range list {
		table = append(table, []string{
			s.name(n.Name), s.name(n.Dir.Path), s.name(maskURI(n.Dir.UFSPath)), clock(timeOf(n.Dir)),
			orDash(n.Write), orDash(n.Read), strconv.FormatInt(ttlMillis(n), 10), n.Action.String(),
		})
	}
	return s.printColumns(table, []int{15, 17, 29, 28, 13, 12, 6, 0})
}

// ttlMillis is how long files of a namespace live, as GooseFS counts: -1 for ever.
func ttlMillis(n client.Namespace) int64 {
	if n.TTL == 0 {
		return -1
	}
	return n.TTL.Milliseconds()
}

// printColumns prints lines of cells in columns of these widths, or wider ones where a cell and two spaces do not fit.
func (s *session) printColumns(table [][]string, widths []int) error {
	widths = slices.Clone(widths)
	for _, line := range table {
		for i, cell := range line[:len(line)-1] {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell)+2)
		}
	}
	for _, line := range table {
		var text strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&text, "%-*s", widths[i], cell)
		}
		if err := s.printf("%s\n", text.String()); err != nil {
			return err
		}
	}
	return nil
}
