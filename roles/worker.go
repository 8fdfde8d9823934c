package roles

import (
	"log/slog"
	"os"

	"goosefs/conf"
	"goosefs/roles/worker"

	"github.com/urfave/cli/v2"
)

func (e Env) workerCommand() *cli.Command {
	return &cli.Command{
		Name:      "worker",
		Usage:     "run a worker in the foreground",
		UsageText: "goosefs worker [-Dkey=value]...",
		Description: "A worker keeps cached blocks in the folders of its tiers, and serves them.\n\n" +
			"Examples:\n" +
			"  goosefs worker -Dgoosefs.master.hostname=m1\n" +
			"  goosefs worker -Dgoosefs.worker.tieredstore.level0.alias=SSD -Dgoosefs.worker.tieredstore.level0.dirs.path=/mnt/ssd \\\n" +
			"      -Dgoosefs.worker.tieredstore.level0.dirs.quota=200GB",
		Action: func(c *cli.Context) error {
			if err := e.runWorker(); err != nil {
				return failure(err)
			}
			return nil
		},
	}
}

func (e Env) runWorker() error {
	cfg, err := e.load(conf.RoleWorker, os.Stderr)
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
	o, err := worker.FromConf(cfg, log)
	if err != nil {
		return err
	}
	ctx, stop := until()
	defer stop()
	w, err := worker.Start(o)
	if err != nil {
		return err
	}
	log.Info("worker is up", slog.Group("facts",
		"version", e.Version, "host", o.Host, "port", o.Port, "id", w.ID(), "masters", o.Masters, "tiers", len(o.Cache.Tiers), "pid", os.Getpid()))
	<-ctx.Done()
	log.Info("stopping")
	return w.Close()
}
