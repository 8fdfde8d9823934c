package up

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goosefs/conf"

	"github.com/urfave/cli/v2"
)

// defaultDir is where a cluster lies unless --dir says otherwise.
const defaultDir = ".goosefs"

// podGrace is how long a pod may take to end before it is killed.
const podGrace = 15 * time.Second

// Command is `goosefs up`. properties are -Dkey=value pairs as typed; all pods get them, before what the manifest says.
func Command(version string, properties []string) *cli.Command {
	return &cli.Command{
		Name:      "up",
		Usage:     "run a whole cluster on this host: masters, workers, and a mount of the dataset",
		UsageText: "goosefs up [-f FILE]... [--dir DIR] [--mount DIR] [--once]",
		Description: "Without -f it is the quick start: three masters, three workers and a small dataset that a web server in the same\n" +
			"process serves. It needs no network and no configuration. State and cache are kept in --dir, so the next `up` starts warm.\n" +
			"It stays until Ctrl-C, which stops and unmounts everything; a second Ctrl-C does not wait.\n\n" +
			"Examples:\n" +
			"  goosefs up\n" +
			"  goosefs up -f dataset.yaml -f runtime.yaml --dir /srv/goosefs --mount /mnt/hbase\n" +
			"  cat *.yaml | goosefs up -f - --once\n" +
			"  goosefs up -Dgoosefs.logs.level=debug",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "file", Aliases: []string{"f"}, Usage: "a manifest, a folder of them, or - for stdin: a Dataset and a GooseFSRuntime"},
			dirFlag(),
			&cli.StringFlag{Name: "mount", Usage: "where the dataset appears (default: DIR/mnt)"},
			&cli.BoolFlag{Name: "once", Usage: "stop after the demonstration; the exit code says whether all was well"},
			&cli.StringFlag{Name: "read", Usage: "how much of the dataset the demonstration reads, e.g. 500MB; 0 for none (default: all of the sample, 2GB of others)"},
		},
		Action: func(c *cli.Context) error { return runCommand(c, version, properties) },
	}
}

func runCommand(c *cli.Context, version string, properties []string) error {
	if c.Args().Present() {
		return exit(usageError("up: unexpected \"" + c.Args().First() + "\"; manifests are given by -f"))
	}
	o := options{
		Files: c.StringSlice("file"), Dir: c.String("dir"), Mount: c.String("mount"), Once: c.Bool("once"), Read: readDefault,
		Version: version, Properties: properties, Stdin: c.App.Reader, Stdout: c.App.Writer, Stderr: c.App.ErrWriter,
	}
	if text := c.String("read"); text != "" {
		n, err := conf.ParseSize(text)
		if err != nil {
			return exit(usageError("up: --read: " + err.Error()))
		}
		o.Read = n
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	o.Signals = signals
	return exit(run(c.Context, o))
}

func dirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Value: defaultDir, Usage: "the folder of the cluster"}
}

// options of run.
type options struct {
	Files      []string
	Dir, Mount string
	Once       bool
	Read       int64 // bytes that the demonstration reads; readDefault decides by the dataset
	Version    string
	Properties []string // -Dkey=value
	Stdin      io.Reader
	Stdout     io.Writer // the story
	Stderr     io.Writer // warnings
	Signals    <-chan os.Signal

	seams seams
}

// readDefault reads a sample whole, and so much of another dataset.
const (
	readDefault = -1
	readOthers  = 2 << 30
)

// exit gives an error its exit code; cli prints it.
func exit(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[serverError](err); ok {
		return cli.Exit(e.Error(), exitFailure)
	}
	return cli.Exit("error: "+err.Error(), exitCode(err))
}
