package up

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"
)

// GetCommand is `goosefs get`.
func GetCommand() *cli.Command {
	return &cli.Command{
		Name:      "get",
		Usage:     "show the pods, the runtime or the dataset of a cluster that `goosefs up` runs",
		UsageText: "goosefs get pod|goosefsruntime|dataset [NAME] [--dir DIR] [-o wide|json|yaml]",
		Description: "Examples:\n" +
			"  goosefs get pod\n" +
			"  goosefs get pod hbase-master-0 -o wide\n" +
			"  goosefs get dataset -o json",
		Flags: []cli.Flag{
			dirFlag(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "wide, json or yaml"},
		},
		SkipFlagParsing: true, // options may stand behind the names, as with kubectl
		Action: func(c *cli.Context) error {
			q, err := parseQuery(c.Args().Slice())
			if err != nil {
				return exit(err)
			}
			if q.help {
				return cli.ShowSubcommandHelp(c)
			}
			return exit(runGet(c.Context, q, c.App.Writer, c.App.ErrWriter))
		},
	}
}

// query is what `goosefs get` is asked.
type query struct {
	dir, output, kind string
	names             []string
	help              bool
}

// parseQuery reads options and names in any order; KIND/NAME is a name too.
func parseQuery(args []string) (query, error) {
	q := query{dir: defaultDir}
	options := map[string]*string{"dir": &q.dir, "output": &q.output, "o": &q.output}
	var words []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			words = append(words, arg)
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name == "h" || name == "help" {
			return query{help: true}, nil
		}
		if short, ok := strings.CutPrefix(name, "o"); ok && !given && slices.Contains(outputs(), short) {
			name, value, given = "o", short, true // -ojson
		}
		into, ok := options[name]
		if !ok {
			return q, usageError(fmt.Sprintf("get: unknown option %s; there are --dir and -o", arg))
		}
		if !given {
			if len(args) == 0 {
				return q, usageError(fmt.Sprintf("get: %s: a value is missing", arg))
			}
			value, args = args[0], args[1:]
		}
		*into = value
	}
	if q.output != "" && !slices.Contains(outputs(), q.output) {
		return q, usageError(fmt.Sprintf("get: -o %s: write %s", q.output, strings.Join(outputs(), ", ")))
	}
	if len(words) == 0 {
		return q, usageError("get: say what: pod, goosefsruntime or dataset")
	}
	kind, name, ok := strings.Cut(words[0], "/")
	q.kind, q.names = kind, words[1:]
	if ok {
		q.names = append([]string{name}, q.names...)
	}
	return q, nil
}

func outputs() []string { return []string{"wide", "json", "yaml"} }

// runGet prints what q asks for.
func runGet(ctx context.Context, q query, out, errs io.Writer) error {
	k, err := findKind(q.kind)
	if err != nil {
		return err
	}
	l, err := newLayout(q.dir, "")
	if err != nil {
		return err
	}
	r, err := loadRecord(l.record())
	if err != nil {
		return err
	}
	if err := runs(r, l); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	v := look(ctx, *r)
	if k.masters {
		fs, err := dial(r.Masters, r.Hosts, 3*time.Second) // an election takes one or two
		if err != nil {
			return err
		}
		defer fs.Close()
		if v.ask(ctx, fs); v.problem != nil {
			fmt.Fprintf(errs, "warning: the masters do not answer: %v\n", v.problem)
		}
	}
	if !r.Up.alive() {
		fmt.Fprintf(errs, "warning: nobody looks after these pods, as `goosefs up` is gone; `goosefs down --dir %s` ends them\n", short(l.Dir))
	}
	return k.print(v, q, out)
}

// runs returns an error with the remedy when there is nothing to be seen.
func runs(r *Record, l layout) error {
	switch {
	case r == nil:
		return fmt.Errorf("no cluster in %s; start one with `goosefs up --dir %s`", short(l.Dir), short(l.Dir))
	case r.Up.alive() || slices.ContainsFunc(r.Pods, func(p PodRecord) bool { return p.Process.alive() }):
		return nil
	case r.Stopped != nil:
		return fmt.Errorf("the cluster in %s was stopped %s ago; start it with `goosefs up --dir %s`", short(l.Dir), formatAge(time.Since(*r.Stopped)), short(l.Dir))
	}
	return fmt.Errorf("the cluster in %s does not run any more; start it with `goosefs up --dir %s`", short(l.Dir), short(l.Dir))
}

// print writes the rows that q asks for, in the form it asks for.
func (k kind) print(v view, q query, out io.Writer) error {
	rows := k.rows(v)
	if len(q.names) > 0 {
		var picked []row
		for _, name := range q.names {
			i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
			if i < 0 {
				return k.notFound(name)
			}
			picked = append(picked, rows[i])
		}
		rows = picked
	}
	switch q.output {
	case "json", "yaml":
		return printObjects(rows, len(q.names) == 1, q.output, out)
	}
	header := k.header
	var cells [][]string
	for _, r := range rows {
		if q.output == "wide" {
			cells = append(cells, slices.Concat(r.cells, r.wide))
		} else {
			cells = append(cells, r.cells)
		}
	}
	if q.output == "wide" {
		header = slices.Concat(k.header, k.wide)
	}
	return writeTable(out, header, cells)
}

// printObjects prints one object as itself, several as a list.
func printObjects(rows []row, single bool, format string, out io.Writer) error {
	var items []object
	for _, r := range rows {
		items = append(items, r.object)
	}
	doc := listOf(items)
	if single {
		doc = items[0]
	}
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "    ")
		return e.Encode(doc)
	}
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return err
	}
	return e.Close()
}
