package roles

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/fuse"

	"github.com/urfave/cli/v2"
)

func (e Env) fuseCommand() *cli.Command {
	return &cli.Command{
		Name:      "fuse",
		Usage:     "mount the namespace, or a part of it, and serve it in the foreground",
		UsageText: "goosefs fuse [-o OPTIONS] MOUNTPOINT [PATH]",
		Description: "The mount is read-only. PATH is / unless given. Options are those of other FUSE file systems: ro, allow_other, uid=, gid=,\n" +
			"umask=, attr_timeout=, entry_timeout=, direct_io, no_open, max_readahead=, nonempty, xattr.\n\n" +
			"On SIGUSR1 it logs what it did so far: files opened, how many of them are read directly from a worker's disk and by the kernel\n" +
			"itself, and so on. With -o xattr, getfattr -n user.goosefs.read FILE tells how a file is read and why not directly.\n\n" +
			"Examples:\n" +
			"  goosefs fuse /mnt/goosefs\n" +
			"  goosefs fuse -o allow_other,ro /mnt/hbase /hbase",
		Flags: []cli.Flag{&cli.StringSliceFlag{Name: "o", Usage: "mount options, separated by commas"}},
		Action: func(c *cli.Context) error {
			if c.NArg() < 1 || c.NArg() > 2 {
				return cli.Exit("usage: goosefs fuse [-o OPTIONS] MOUNTPOINT [PATH]", 2)
			}
			if err := e.runFuse(c.Args().Get(0), c.Args().Get(1), c.StringSlice("o")); err != nil {
				return failure(err)
			}
			return nil
		},
	}
}

// masterSilent is how long a mount that begins waits without a word.
const masterSilent = 3 * time.Second

func (e Env) runFuse(mountpoint, root string, raw []string) error {
	cfg, err := e.load(conf.RoleFuse, os.Stderr)
	if err != nil {
		return err
	}
	log := logger(cfg, os.Stderr)
	limitMemory(log)
	stopProfile, err := profile(cfg, log)
	if err != nil {
		return err
	}
	defer stopProfile()
	if mountpoint, err = filepath.Abs(mountpoint); err != nil {
		return err
	}
	// Charts name a mount point that is not there yet. What else is wrong with it, Mount says better.
	if _, err := os.Lstat(mountpoint); os.IsNotExist(err) {
		if err := os.MkdirAll(mountpoint, 0o755); err != nil {
			return err
		}
	}
	ctx, stop := until()
	defer stop()
	o, err := clientConfig(cfg, log)
	if err != nil {
		return err
	}
	fs, err := client.New(o)
	if err != nil {
		return err
	}
	defer fs.Close()
	waits := time.AfterFunc(masterSilent, func() {
		log.Warn("no master has answered yet; the mount waits for one", "masters", cfg.MasterAddresses())
	})
	m, err := fuse.Mount(ctx, fuse.FromClient(fs), mountpoint, mountOptions(cfg, log, root, raw))
	waits.Stop()
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("told to stop before a master of %s had answered", strings.Join(cfg.MasterAddresses(), ", "))
	case err != nil:
		return err
	}
	log.Info("mount is up", slog.Group("facts", "version", e.Version, "at", mountpoint, "masters", cfg.MasterAddresses(), "pid", os.Getpid()))
	defer statsOnSignal(log, m.Stats)()
	go func() {
		<-ctx.Done()
		log.Info("unmounting", "at", mountpoint)
		if err := m.Unmount(context.Background()); err != nil {
			log.Error("cannot unmount", "at", mountpoint, "err", err)
		}
	}()
	return m.Wait()
}

// statsOnSignal logs what the mount did whenever the process gets SIGUSR1, until stop is called.
func statsOnSignal(log *slog.Logger, stats func() fuse.Stats) (stop func()) {
	signals, over, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		defer close(done)
		for {
			select {
			case <-signals:
				log.Info("statistics", "mount", stats())
			case <-over:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(over)
		<-done
	}
}

// mountOptions are the configured options, and those typed, which go before.
func mountOptions(c *conf.Conf, log *slog.Logger, root string, raw []string) fuse.Options {
	o := fuse.Options{
		Root: root, Log: log, UID: -1, GID: -1, FsName: c.String("goosefs.fuse.fs.name"),
		AttrTimeout:  orNone(c.Duration("goosefs.fuse.attribute.timeout")),
		EntryTimeout: orNone(c.Duration("goosefs.fuse.entry.timeout")),
		MaxReadAhead: int(orNone(c.Bytes("goosefs.fuse.readahead.bytes"))),
		Passthrough:  max(1, c.Bytes("goosefs.fuse.passthrough.bytes.min")),
		Prefetch:     c.Bool("goosefs.fuse.prefetch.enabled"),
		NoOpen:       c.Bool("goosefs.fuse.no.open.enabled"),
	}
	if !c.Bool("goosefs.fuse.passthrough.enabled") {
		o.Passthrough = -1
	}
	if options := c.String("goosefs.fuse.mount.options"); options != "" {
		o.Raw = append(o.Raw, options)
	}
	o.Raw = append(o.Raw, raw...)
	return o
}

// orNone is v, or what the mount takes for none at all.
func orNone[T ~int64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}
