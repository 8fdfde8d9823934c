package roles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/roles/master"
	"goosefs/roles/worker"
	"goosefs/wire"
	"goosefs/wire/auth"

	"github.com/urfave/cli/v2"
)

const (
	localDir     = ".goosefs-local"
	localQuota   = "4GB"
	localWorkers = 16 // at most; each has a loopback address of its own
	localLimit   = 60 * time.Second
	rootProperty = "goosefs.master.mount.table.root.ufs"
)

func (e Env) localCommand() *cli.Command {
	return &cli.Command{
		Name:      "local",
		Usage:     "run a master and a worker on 127.0.0.1, ports 9200 and 9203, as examples of GooseFS's clients expect",
		UsageText: "goosefs local [--dir DIR] [--workers N] [-Dkey=value]... [FOLDER]",
		Description: "/ is FOLDER, by default one below --dir, where state and cache are kept, too. --dir lies outside of FOLDER, and is for\n" +
			"the FOLDER that it was made for. It stays until Ctrl-C. Properties that say where things are and who there is are the\n" +
			"command's own, unless they are typed; others are read from where they always are.\n" +
			"Worker i listens on 127.0.0.i, so that clients take several for several hosts: those of 0.2.1 and later want two for ASYNC_THROUGH.\n\n" +
			"Examples:\n" +
			"  goosefs local\n" +
			"  goosefs local --workers 2 /srv/data\n" +
			"  goosefs local -Dgoosefs.master.rpc.port=19200 -Dgoosefs.worker.rpc.port=19203",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Value: localDir, Usage: "the folder of state and cache"},
			&cli.IntFlag{Name: "workers", Value: 1, Usage: fmt.Sprintf("how many workers, at most %d", localWorkers)},
		},
		Action: func(c *cli.Context) error {
			l, err := newLocal(c.String("dir"), c.Args().Slice(), c.Int("workers"), e.Properties)
			if err != nil {
				return cli.Exit("local: "+err.Error(), 2)
			}
			ctx, stop := until()
			defer stop()
			if err := e.runLocal(ctx, l, c.App.Writer, c.App.ErrWriter); err != nil {
				return failure(err)
			}
			return nil
		},
	}
}

// local is what `goosefs local` runs, decided: the command lines of its master and its workers.
type local struct {
	dir, root string
	master    []string // -Dkey=value
	workers   [][]string
}

// newLocal decides from the command line. Nothing is read but the working directory.
func newLocal(dir string, folders []string, workers int, typed []string) (local, error) {
	if len(folders) > 1 {
		return local{}, fmt.Errorf("unexpected %q; one folder is the root", folders[1])
	}
	if workers < 1 || workers > localWorkers {
		return local{}, fmt.Errorf("--workers %d: write a number from 1 to %d", workers, localWorkers)
	}
	l := local{}
	var err error
	if l.dir, err = plainPath("--dir", dir); err != nil {
		return local{}, err
	}
	l.root = filepath.Join(l.dir, "underFSStorage")
	if len(folders) == 1 {
		if l.root, err = plainPath("FOLDER", folders[0]); err != nil {
			return local{}, err
		}
	}
	common := []string{
		"goosefs.work.dir=" + l.dir,
		"goosefs.master.hostname=127.0.0.1",
		"goosefs.master.rpc.addresses=127.0.0.1:${goosefs.master.rpc.port}",
		"goosefs.master.embedded.journal.addresses=127.0.0.1:${goosefs.master.embedded.journal.port}",
		rootProperty + "=" + l.root,
	}
	l.master = append(common[:len(common):len(common)], typed...)
	for i := range workers {
		own := filepath.Join(l.dir, fmt.Sprintf("worker-%d", i))
		l.workers = append(l.workers, append(append(common[:len(common):len(common)],
			fmt.Sprintf("goosefs.worker.hostname=127.0.0.%d", i+1),
			"goosefs.worker.data.folder="+own,
			"goosefs.worker.tieredstore.levels=1",
			"goosefs.worker.tieredstore.level0.alias=SSD",
			"goosefs.worker.tieredstore.level0.dirs.path="+filepath.Join(own, "cache"),
			"goosefs.worker.tieredstore.level0.dirs.quota="+localQuota,
		), typed...))
	}
	return l, nil
}

// plainPath makes a path absolute that becomes part of properties, where a comma separates and ${ begins a reference.
func plainPath(name, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, path, err)
	}
	if strings.ContainsAny(abs, ",\n") || strings.Contains(abs, "${") {
		return "", fmt.Errorf("%s %q: a comma, a line end or ${ cannot stand in this path; take another folder", name, abs)
	}
	return abs, nil
}

// runLocal runs it all until ctx ends, or the master cannot go on.
func (e Env) runLocal(ctx context.Context, l local, stdout, stderr io.Writer) (err error) {
	e.Properties = l.master
	cfg, err := e.load(conf.RoleMaster, stderr)
	if err != nil {
		return err
	}
	if err := localFolders(cfg); err != nil {
		return err
	}
	log := logger(cfg, stderr)
	limitMemory(log)
	go paceGC(ctx)
	m, err := e.localMaster(cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for _, properties := range l.workers {
		w, err := e.localWorker(properties, log)
		if err != nil {
			return err
		}
		defer func() {
			if failed := w.Close(); failed != nil {
				log.Error("a worker did not end well", "err", failed)
			}
		}()
	}
	if err := awaitCluster(ctx, cfg, len(l.workers)); err != nil {
		return err
	}
	if ctx.Err() == nil {
		fmt.Fprintf(stdout, "goosefs serves %s, its master on %s; / is %s\nIt runs until Ctrl-C; state and cache are kept in %s\n",
			counted(len(l.workers), "worker"), cfg.MasterAddresses()[0], cfg.String(rootProperty), cfg.String("goosefs.work.dir"))
	}
	select {
	case <-ctx.Done():
		return nil
	case <-m.Failed():
		return m.Err()
	}
}

func (e Env) localMaster(cfg *conf.Conf, log *slog.Logger) (*master.Master, error) {
	o, err := master.FromConf(cfg, e.Version, log)
	if err != nil {
		return nil, err
	}
	return master.Start(o)
}

func (e Env) localWorker(properties []string, log *slog.Logger) (*worker.Worker, error) {
	e.Properties = properties
	cfg, err := e.load(conf.RoleWorker, io.Discard) // what is odd about it has been said for the master
	if err != nil {
		return nil, err
	}
	o, err := worker.FromConf(cfg, log)
	if err != nil {
		return nil, err
	}
	for _, tier := range o.Cache.Tiers {
		for _, d := range tier.Dirs {
			if err := os.MkdirAll(d.Path, 0o755); err != nil {
				return nil, err
			}
		}
	}
	return worker.Start(o)
}

// awaitCluster returns when the master knows so many live workers and shows the root that it is to show, or when ctx ends.
func awaitCluster(ctx context.Context, cfg *conf.Conf, n int) error {
	login, err := auth.LoginOf(cfg)
	if err != nil {
		return err
	}
	masters, err := client.New(client.Config{Masters: cfg.MasterAddresses(), Network: wire.TCP{Hosts: cfg.HostTable()}, Login: login})
	if err != nil {
		return err
	}
	defer masters.Close()
	if err := awaitWorkers(ctx, masters, n); err != nil || ctx.Err() != nil {
		return err
	}
	mounts, err := masters.Mounts(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(err, sameRoot(cfg, mounts))
}

func awaitWorkers(ctx context.Context, masters *client.FS, n int) error {
	for end := time.Now().Add(localLimit); ; {
		workers, err := masters.Workers(ctx)
		live := 0
		for _, w := range workers {
			if w.Live {
				live++
			}
		}
		if live >= n || ctx.Err() != nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d workers are there after %s: %w", live, n, localLimit, errors.Join(err, context.DeadlineExceeded))
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
