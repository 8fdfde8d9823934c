package bench

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

func filesCommand(d Deps) *cli.Command {
	return &cli.Command{
		Name:      "files",
		Usage:     "measure how fast files are read in a folder, a mount or a local one, or in two by turns",
		UsageText: "goosefs bench files DIR [--compare DIR2] [--data NAME] [options]\ngoosefs bench files --lay DIR [--size SIZE] [--files N] [--file-size SIZE]",
		Description: "In a folder that it may write, it lays files of its own in DIR/" + ownFolder + " and removes them at the end (--keep leaves them\n" +
			"for the next run). For a read-only mount, --lay them in a folder of its source, and name that folder with --data.\n\n" +
			"Cold: before each run the kernel's pages of the files that it reads are dropped (posix_fadvise DONTNEED), and each byte is read\n" +
			"once at most. What the kernel does not keep as pages of these files stays: names and sizes, the cache of what serves a mount,\n" +
			"and its own pages. --drop-caches (root) drops all that the kernel can read again, on this host, before each cold run.\n" +
			"Warm: all was read once, and is read again until the time is over.\n" +
			"Mount-cold, only with --compare: DIR is cold without --drop-caches, DIR2 is warm, and each byte is read once at most. So a mount\n" +
			"that keeps no page is held against the folder behind it, whose pages are kept.\n\n" +
			"With --compare each run in DIR is followed by the same run in DIR2; A / B is the median of the ratios of these pairs.\n\n" +
			"Examples:\n" +
			"  goosefs bench files /srv/data\n" +
			"  goosefs bench files --lay /srv/source/bench\n" +
			"  goosefs bench files /mnt/goosefs --compare /srv/source --data bench --only sequential,files",
		Flags: filesFlags(),
		Action: func(c *cli.Context) error {
			folders, err := trailingFlags(c)
			if err == nil {
				var o FilesOptions
				if o, err = filesOptionsOf(c, folders); err == nil {
					o.Version = d.Version
					ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
					defer stop()
					context.AfterFunc(ctx, stop) // a second one does not wait for a file system that is stuck
					return runFiles(ctx, c, o)
				}
			}
			return cli.Exit("goosefs bench files: "+err.Error(), 2)
		},
	}
}

func filesFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "compare", Usage: "measure this folder too, run by run"},
		&cli.StringFlag{Name: "data", Usage: "read the files that --lay made, in this folder of DIR and of that to compare"},
		&cli.StringFlag{Name: "lay", Usage: "only make the files, in this new folder, which stays"},
		&cli.StringFlag{Name: "size", Value: "1GiB", Usage: "size of the large file"},
		&cli.StringFlag{Name: "block", Value: "1MiB", Usage: "bytes of one sequential read"},
		&cli.StringFlag{Name: "jobs", Value: "1,4", Usage: "how many read sequentially at once, each its part of the large file"},
		&cli.StringFlag{Name: "random-block", Value: "4KiB", Usage: "bytes of one random read"},
		&cli.StringFlag{Name: "random-jobs", Value: "1,16", Usage: "how many read at random at once"},
		&cli.Int64Flag{Name: "files", Value: 10_000, Usage: "how many small files"},
		&cli.StringFlag{Name: "file-size", Value: "100KiB", Usage: "size of a small file"},
		&cli.StringFlag{Name: "readers", Value: "1,8", Usage: "how many read, stat, open, list, create and unlink small files at once"},
		&cli.StringFlag{Name: "only", Usage: "measure only these: " + strings.Join(fileOperations(), ",")},
		&cli.StringFlag{Name: "phases", Value: coldPhase + "," + warmPhase, Usage: "measure only these"},
		&cli.IntFlag{Name: "runs", Value: 5, Usage: "how often each is measured"},
		&cli.DurationFlag{Name: "duration", Value: 2 * time.Second, Usage: "how long each run lasts at most"},
		&cli.BoolFlag{Name: "drop-caches", Usage: "before each cold run drop all that the kernel can read again; needs root"},
		&cli.BoolFlag{Name: "keep", Usage: "leave the files that were laid"},
		&cli.StringFlag{Name: "pid", Usage: "processes that serve DIR: tell their processor time and memory"},
		&cli.StringFlag{Name: "compare-pid", Usage: "the same for the folder to compare"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
	}
}

func fileOperations() []string {
	return []string{"sequential", "random", "files", "stat", "open", "readdir", "list", "create"}
}

// trailingFlags sets flags that stand behind a folder, and returns the folders.
func trailingFlags(c *cli.Context) (folders []string, err error) {
	args := c.Args().Slice()
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(folders, args[i+1:]...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			folders = append(folders, arg)
			continue
		}
		name, value, inOne := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		at := slices.IndexFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
		if at < 0 {
			return nil, fmt.Errorf("flag provided but not defined: -%s", name)
		}
		documented, ok := c.Command.Flags[at].(cli.DocGenerationFlag)
		switch takes := ok && documented.TakesValue(); {
		case inOne:
		case !takes:
			value = "true"
		case i+1 < len(args):
			i++
			value = args[i]
		default:
			return nil, fmt.Errorf("flag needs an argument: -%s", name)
		}
		if err := c.Set(name, value); err != nil {
			return nil, fmt.Errorf("--%s %s: %w", name, value, err)
		}
	}
	return folders, nil
}

func runFiles(ctx context.Context, c *cli.Context, o FilesOptions) error {
	o.Progress = c.App.ErrWriter
	if lay := c.String("lay"); lay != "" {
		made, err := LayFiles(ctx, o.Layout, lay, o.Progress)
		if err != nil {
			return exitOf(ctx, err)
		}
		word := "has"
		if !made {
			word = "had"
		}
		_, err = fmt.Fprintf(c.App.Writer, "%s %s %s\n", lay, word, o.Layout)
		return err
	}
	report, err := Files(ctx, o)
	if len(report.Lines) == 0 && err == nil {
		err = errNothing
	}
	if len(report.Lines) > 0 || err == errNothing {
		write := report.writeTable
		if c.Bool("json") {
			write = report.writeJSON
		}
		err = errors.Join(err, write(c.App.Writer))
	}
	return exitOf(ctx, err)
}

// errNothing: the report says why.
var errNothing = errors.New("nothing of what was asked for could be measured")

func exitOf(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return cli.Exit("interrupted", 130)
	}
	return cli.Exit("goosefs bench files: "+strings.TrimSpace(err.Error()), 1)
}

// filesOptionsOf reads the command line.
func filesOptionsOf(c *cli.Context, folders []string) (o FilesOptions, err error) {
	o = FilesOptions{
		Compare: c.String("compare"), Data: c.String("data"), Runs: c.Int("runs"), Duration: c.Duration("duration"),
		Layout: FilesLayout{Files: c.Int64("files")}, LayoutAsked: c.IsSet("size") || c.IsSet("files") || c.IsSet("file-size"),
		DropCaches: c.Bool("drop-caches"), Keep: c.Bool("keep"), Phases: words(c.String("phases")), Only: words(c.String("only")),
	}
	for name, to := range map[string]*int64{"size": &o.Layout.Size, "block": &o.Block, "random-block": &o.RandomBlock, "file-size": &o.Layout.FileSize} {
		if *to, err = conf.ParseSize(c.String(name)); err != nil || *to < 1 {
			return o, fmt.Errorf("--%s %s: want a size above 0, such as 1MiB", name, c.String(name))
		}
	}
	for name, to := range map[string]*[]int{"jobs": &o.Jobs, "random-jobs": &o.RandomJobs, "readers": &o.Readers, "pid": &o.PIDs, "compare-pid": &o.ComparePIDs} {
		for _, word := range words(c.String(name)) {
			n, err := strconv.Atoi(word)
			if err != nil || n < 1 {
				return o, fmt.Errorf("--%s %s: want numbers above 0, such as 1,8", name, c.String(name))
			}
			*to = append(*to, n)
		}
	}
	lay := c.String("lay")
	switch {
	case len(folders) == 0 && lay == "":
		return o, errors.New("name a folder to measure")
	case lay != "" && (len(folders) > 0 || o.Data != "" || o.Compare != ""):
		return o, fmt.Errorf("--lay %s only makes files: measure them by another command", lay)
	case len(folders) > 1:
		return o, fmt.Errorf("unexpected %q: a second folder is named by --compare", folders[1])
	case len(folders) == 1:
		o.Dir = folders[0]
	}
	return o, o.validate()
}

// words splits a list; "" has none.
func words(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// validate names what makes no sense.
func (o FilesOptions) validate() error {
	for _, list := range []struct {
		name         string
		given, known []string
	}{{"only", o.Only, fileOperations()}, {"phases", o.Phases, []string{coldPhase, mountColdPhase, warmPhase}}} {
		for _, word := range list.given {
			if !slices.Contains(list.known, word) {
				return fmt.Errorf("--%s %s: want some of %s", list.name, word, strings.Join(list.known, ","))
			}
		}
	}
	for _, list := range []struct {
		name  string
		given int
	}{{"jobs", len(o.Jobs)}, {"random-jobs", len(o.RandomJobs)}, {"readers", len(o.Readers)}, {"phases", len(o.Phases)}} {
		if list.given == 0 {
			return fmt.Errorf("--%s is empty", list.name)
		}
	}
	switch {
	case o.Layout.Files < 1:
		return fmt.Errorf("--files %d: want at least 1", o.Layout.Files)
	case o.Runs < 1:
		return fmt.Errorf("--runs %d: want at least 1", o.Runs)
	case o.Duration <= 0:
		return fmt.Errorf("--duration %s: want a duration above 0, such as 2s", o.Duration)
	case o.Data != "" && !filepath.IsLocal(o.Data):
		return fmt.Errorf("--data %s: want the name of a folder below DIR", o.Data)
	case o.Data != "" && o.Keep:
		return errors.New("--keep is for files that this run lays: those of --data stay anyway")
	case o.Compare == "" && slices.Contains(o.Phases, mountColdPhase):
		return fmt.Errorf("--phases %s needs --compare", mountColdPhase)
	case o.Compare == "" && len(o.ComparePIDs) > 0:
		return errors.New("--compare-pid needs --compare")
	case o.Compare != "" && o.Data == "" && filepath.Clean(o.Compare) == filepath.Clean(o.Dir):
		return fmt.Errorf("--compare %s is the same folder", o.Compare)
	case o.Dir != "" && o.Data == "":
		return o.fits()
	}
	return nil
}

// fits says whether the large file has a block to read.
func (o FilesOptions) fits() error {
	const few = "--size %s: want at least one --%s of %s"
	switch {
	case o.Layout.Size < o.Block:
		return fmt.Errorf(few, bytesText(o.Layout.Size), "block", bytesText(o.Block))
	case o.Layout.Size < o.RandomBlock:
		return fmt.Errorf(few, bytesText(o.Layout.Size), "random-block", bytesText(o.RandomBlock))
	}
	return nil
}
