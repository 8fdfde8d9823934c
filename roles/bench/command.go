package bench

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

// Deps is what the command needs of the program that it is part of.
type Deps struct {
	// Open makes a client from the configuration.
	Open func(c *cli.Context) (*client.FS, error)
	// Properties are -Dkey=value pairs, as typed.
	Properties []string
	Version    string
}

// Command is `goosefs bench`.
func Command(d Deps) *cli.Command {
	return &cli.Command{
		Name:        "bench",
		Usage:       "measure a cluster, or files in a folder",
		UsageText:   "goosefs bench namespace [options]\ngoosefs bench files DIR [options]",
		Subcommands: []*cli.Command{namespaceCommand(d), filesCommand(d)},
	}
}

func namespaceCommand(d Deps) *cli.Command {
	return &cli.Command{
		Name:      "namespace",
		Usage:     "fill the namespace and measure what the masters do, and what it costs",
		UsageText: "goosefs bench namespace [--masters 3 --dir DIR] [--files N,N] [--directories N] [--clients N,N] [--json]",
		Description: "Without --masters it measures the cluster that is configured, in a directory of it (--path), which is left there, so that\n" +
			"another run finds it filled: remove it with goosefs fs rm -R --goosefsOnly PATH. With --masters it starts masters on this\n" +
			"host, which keep their state in --dir, and stops them at the end.\n\n" +
			"Files are empty, and only in the cache: no under file system is asked for them.\n\n" +
			"Examples:\n" +
			"  goosefs bench namespace --files 100000 --clients 8\n" +
			"  goosefs bench namespace --masters 3 --dir /srv/bench --files 1000000,3000000,10000000 --directories 10000",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "files", Value: "100000", Usage: "how many files to fill in before measuring; several sizes make a curve"},
			&cli.Int64Flag{Name: "directories", Value: 100, Usage: "how many directories the largest number of files is spread over"},
			&cli.StringFlag{Name: "clients", Value: "1,8,64", Usage: "how many clients at once; several are measured one after the other"},
			&cli.IntFlag{Name: "connections", Usage: "how many connections the clients share, as programs on one mount do (default: each has its own)"},
			&cli.DurationFlag{Name: "duration", Value: 5 * time.Second, Usage: "how long each operation is measured"},
			&cli.Int64Flag{Name: "wide", Value: 100_000, Usage: "entries of the directory that goosefs fs ls lists; 0 for none"},
			&cli.IntFlag{Name: "batch", Value: 100, Usage: "paths in one call of a batched stat"},
			&cli.StringFlag{Name: "only", Usage: "measure only these: create,complete,stat,batch,list,rename,delete"},
			&cli.StringFlag{Name: "path", Value: "/.goosefs-bench", Usage: "directory of the namespace to work in"},
			&cli.IntFlag{Name: "masters", Usage: "start so many masters on this host instead of using the configured ones"},
			&cli.StringFlag{Name: "dir", Usage: "folder of the masters that are started"},
			&cli.BoolFlag{Name: "restart", Value: true, Usage: "kill and start the masters that were started, and measure how long that takes"},
			&cli.BoolFlag{Name: "catch-up", Usage: "empty a follower of the masters that were started, and measure what clients notice while it gets everything anew"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		Action: func(c *cli.Context) error {
			o, err := optionsOf(c, d)
			if err != nil {
				return cli.Exit("goosefs bench namespace: "+err.Error(), 2)
			}
			ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return runCommand(ctx, c, o)
		},
	}
}

func runCommand(ctx context.Context, c *cli.Context, o Options) error {
	report, err := Namespace(ctx, o)
	if len(report.Points) > 0 {
		write := report.writeTable
		if c.Bool("json") {
			write = report.writeJSON
		}
		if failed := write(c.App.Writer); failed != nil && err == nil {
			err = failed
		}
	}
	switch {
	case ctx.Err() != nil:
		return cli.Exit("interrupted", 130)
	case err != nil:
		return cli.Exit(strings.TrimSpace(err.Error()), 1)
	case report.failures() > 0:
		return cli.Exit(fmt.Sprintf("%d operations failed", report.failures()), 1)
	}
	return nil
}

func (r *Report) failures() (n int64) {
	for _, p := range r.Points {
		for _, f := range p.Phases {
			n += f.Failures
		}
		if p.CatchUp != nil {
			n += p.CatchUp.Before.Failures + p.CatchUp.During.Failures
		}
	}
	return n
}

// optionsOf reads the command line.
func optionsOf(c *cli.Context, d Deps) (Options, error) {
	o := Options{
		Directories: c.Int64("directories"), Connections: c.Int("connections"), Duration: c.Duration("duration"), Wide: c.Int64("wide"), Batch: c.Int("batch"),
		Path: strings.TrimRight(c.String("path"), "/"), Masters: c.Int("masters"), Dir: c.String("dir"), Restart: c.Bool("restart"),
		CatchUp: c.Bool("catch-up"),
		Open:    func() (*client.FS, error) { return d.Open(c) }, Version: d.Version, Progress: c.App.ErrWriter,
	}
	for _, p := range d.Properties {
		o.Properties = append(o.Properties, "-D"+strings.TrimPrefix(p, "-D"))
	}
	if only := c.String("only"); only != "" {
		o.Only = strings.Split(only, ",")
	}
	for _, text := range strings.Split(c.String("files"), ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return o, fmt.Errorf("--files %s: want numbers above 0, such as 1000000,3000000", c.String("files"))
		}
		o.Files = append(o.Files, n)
	}
	for _, text := range strings.Split(c.String("clients"), ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("--clients %s: want numbers above 0, such as 1,8,64", c.String("clients"))
		}
		o.Clients = append(o.Clients, n)
	}
	if c.Args().Present() {
		return o, fmt.Errorf("unexpected %q", c.Args().First())
	}
	if err := o.validate(); err != nil {
		return o, err
	}
	var err error
	o.Executable, err = os.Executable()
	return o, err
}

// validate names what makes no sense.
func (o Options) validate() error {
	known := []string{"create", "complete", "stat", "batch", "list", "rename", "delete"}
	switch {
	case !slices.IsSorted(o.Files):
		return fmt.Errorf("--files %v: the sizes must rise", o.Files)
	case o.Directories < 1:
		return fmt.Errorf("--directories %d: want at least 1", o.Directories)
	case o.Connections < 0:
		return fmt.Errorf("--connections %d: want 0 or more", o.Connections)
	case o.Duration <= 0:
		return fmt.Errorf("--duration %s: want a duration above 0, such as 5s", o.Duration)
	case o.Wide < 0:
		return fmt.Errorf("--wide %d: want 0 or more", o.Wide)
	case o.Batch < 1:
		return fmt.Errorf("--batch %d: want at least 1", o.Batch)
	case !strings.HasPrefix(o.Path, "/"):
		return fmt.Errorf("--path %q: want a directory of the namespace below /", o.Path)
	case o.Masters < 0 || o.Masters > 100:
		return fmt.Errorf("--masters %d: want 1 or 3", o.Masters)
	case o.Masters > 0 && o.Dir == "":
		return fmt.Errorf("--masters %d needs --dir, a folder for their state", o.Masters)
	case o.CatchUp && o.Masters < 3:
		return fmt.Errorf("--catch-up needs --masters 3, whose disks may be emptied")
	case o.Masters == 0 && o.Dir != "":
		return fmt.Errorf("--dir %s is for --masters", o.Dir)
	}
	for _, only := range o.Only {
		if !slices.Contains(known, only) {
			return fmt.Errorf("--only %s: want some of %s", only, strings.Join(known, ","))
		}
	}
	return nil
}
