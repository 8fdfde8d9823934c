package worker

import (
	"fmt"
	"log/slog"
	"time"

	"goosefs/blockcache"
	"goosefs/conf"
	"goosefs/wire"
)

// Options of a worker.
type Options struct {
	Host    string // under which clients reach it
	Port    int
	Bind    string // address to listen on; the address of Host by default
	Masters []string
	Cache   blockcache.Options
	Report  time.Duration // between reports; 1 s by default
	UFSWait time.Duration // how long a read waits for a silent under file system
	Network wire.Network
	Log     *slog.Logger
}

// FromConf reads a worker's options from its configuration.
func FromConf(c *conf.Conf, log *slog.Logger) (Options, error) {
	tiers, err := c.Tiers()
	if err != nil {
		return Options{}, err
	}
	o := Options{
		Host: c.String("goosefs.worker.hostname"), Port: c.Int("goosefs.worker.rpc.port"), Bind: c.String("goosefs.worker.bind.host"),
		Masters: c.MasterAddresses(), Report: c.Duration("goosefs.worker.block.heartbeat.interval"),
		UFSWait: c.Duration("goosefs.worker.ufs.timeout"),
		Network: wire.TCP{Hosts: c.HostTable()}, Log: log,
	}
	if o.Host == "" {
		return o, fmt.Errorf("goosefs.worker.hostname is not set: set it to the name under which clients reach this host")
	}
	o.Cache = blockcache.Options{Policy: c.String("goosefs.worker.block.annotator.class"), Log: log}
	for _, t := range tiers {
		tier := blockcache.Tier{Alias: t.Alias, High: t.High, Low: t.Low}
		for _, d := range t.Dirs {
			tier.Dirs = append(tier.Dirs, blockcache.Dir{Path: d.Path, Quota: d.Quota})
		}
		o.Cache.Tiers = append(o.Cache.Tiers, tier)
	}
	return o, nil
}
