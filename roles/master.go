package roles

import (
	"log/slog"
	"os"

	"goosefs/conf"
	"goosefs/roles/master"

	"github.com/urfave/cli/v2"
)

func (e Env) masterCommand() *cli.Command {
	return &cli.Command{
		Name:      "master",
		Usage:     "run a master in the foreground",
		UsageText: "goosefs master [-Dkey=value]... [--restore FILE]",
		Flags:     []cli.Flag{&cli.StringFlag{Name: "restore", Usage: "a new cluster begins with this backup, as with goosefs.master.journal.init.from.backup"}},
		Description: "A master keeps the namespace, alone or with others by raft. An empty journal folder is made ready by itself.\n\n" +
			"Examples:\n" +
			"  goosefs master\n" +
			"  goosefs master -Dgoosefs.master.hostname=m1 -Dgoosefs.master.embedded.journal.addresses=m1:9202,m2:9202,m3:9202",
		Action: func(c *cli.Context) error {
			if err := e.runMaster(c.String("restore")); err != nil {
				return failure(err)
			}
			return nil
		},
	}
}

func (e Env) runMaster(restore string) error {
	cfg, err := e.load(conf.RoleMaster, os.Stderr)
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
	o, err := master.FromConf(cfg, e.Version, log)
	if err != nil {
		return err
	}
	if restore != "" {
		o.Restore = restore
	}
	ctx, stop := until()
	defer stop()
	go paceGC(ctx)
	m, err := master.Start(o)
	if err != nil {
		return err
	}
	log.Info("master is up", slog.Group("facts",
		"version", e.Version, "name", o.Name, "masters", len(o.Masters), "journal", o.JournalDir, "metastore", o.MetaDir, "root", o.RootUFS, "pid", os.Getpid()))
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return m.Close()
	case <-m.Failed():
		// Nothing is tried again: what the disk did with the last bytes is unknown.
		err := m.Err()
		log.Error("the master cannot go on", "err", err)
		return err
	}
}
