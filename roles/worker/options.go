package worker

import (
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"goosefs/blockcache"
	"goosefs/conf"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
	"goosefs/wire"
	"goosefs/wire/auth"
	"goosefs/wire/pb"
)

// Options of a worker.
type Options struct {
	Host    string // under which clients reach it
	Port    int
	Bind    string // address to listen on; the address of Host by default
	Masters []string
	Socket  string // path of a unix socket where descriptors are handed out to this host; empty: they are not
	Cache   blockcache.Options
	Report  time.Duration // between reports; 1 s by default

	UFSWait         time.Duration // how long a read waits for a silent under file system; 25 s by default
	FillRange       int64         // bytes that one request to an under file system asks for when a file is read in order; 4 MiB by default
	FillConcurrency int           // how many such ranges are fetched at once; 16 by default
	OpenUFS         OpenUFS       // scheme.Open by default

	Auth  auth.Options // how clients say who they are; nobody is asked by default
	Login auth.Login   // what masters are told of who this worker is

	Permissions bool // only superusers take away what is cached: Login's user, and who is in the supergroup
	Supergroup  string

	Network wire.Network
	Log     *slog.Logger
}

// OpenUFS opens the under file system at uri and names its kind. What it returns may be an io.Closer.
type OpenUFS func(uri string, options map[string]string) (u ufs.UFS, kind string, err error)

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Auth.Log = o.Log
	if o.Report <= 0 {
		o.Report = time.Second
	}
	if o.UFSWait <= 0 {
		o.UFSWait = 25 * time.Second
	}
	if o.FillRange <= 0 {
		o.FillRange = 4 << 20
	}
	if o.FillConcurrency <= 0 {
		o.FillConcurrency = 16
	}
	if o.OpenUFS == nil {
		o.OpenUFS = func(uri string, options map[string]string) (ufs.UFS, string, error) {
			return scheme.OpenLogged(uri, options, o.Log)
		}
	}
	return o
}

// FromConf reads a worker's options from its configuration.
func FromConf(c *conf.Conf, log *slog.Logger) (Options, error) {
	tiers, err := c.Tiers()
	if err != nil {
		return Options{}, err
	}
	network := wire.TCP{Hosts: c.HostTable()}
	o := Options{
		Host: c.String("goosefs.worker.hostname"), Port: c.Int("goosefs.worker.rpc.port"), Bind: c.String("goosefs.worker.bind.host"),
		Masters: c.MasterAddresses(), Report: c.Duration("goosefs.worker.block.heartbeat.interval"),
		UFSWait:   c.Duration("goosefs.worker.ufs.timeout"),
		FillRange: c.Bytes("goosefs.worker.fill.range.bytes"), FillConcurrency: c.Int("goosefs.worker.fill.concurrency"),
		Socket:      c.String("goosefs.worker.data.server.domain.socket.address"),
		Permissions: c.Bool("goosefs.security.authorization.permission.enabled"),
		Supergroup:  c.String("goosefs.security.authorization.permission.supergroup"),
		Network:     network, Log: log,
	}
	if o.Login, err = auth.LoginOf(c); err != nil {
		return o, err
	}
	if o.Auth, err = auth.OptionsOf(c); err != nil {
		return o, err
	}
	if c.Bool("goosefs.worker.security.lost.sessions.accepted") {
		o.Auth.Lost = []string{pb.BlockWorker_WriteBlock_FullMethodName}
	}
	if o.Host == "" {
		if o.Host, err = ownAddress(network, o.Masters); err != nil {
			return o, err
		}
	}
	o.Cache = blockcache.Options{Policy: policy(c.String("goosefs.worker.block.annotator.class")), Log: log}
	for _, t := range tiers {
		tier := blockcache.Tier{Alias: t.Alias, High: t.High, Low: t.Low}
		for _, d := range t.Dirs {
			tier.Dirs = append(tier.Dirs, blockcache.Dir{Path: d.Path, Quota: d.Quota})
		}
		o.Cache.Tiers = append(o.Cache.Tiers, tier)
	}
	return o, nil
}

// policy reads the configured eviction policy: a name in any case, or a class of GooseFS or Alluxio. The nearest to their
// LRFU, recency and frequency in one figure, is TINYLFU.
func policy(annotator string) string {
	name := annotator[strings.LastIndex(annotator, ".")+1:]
	switch name = strings.ToUpper(name); strings.TrimSuffix(name, "ANNOTATOR") {
	case "LRU":
		return blockcache.LRU
	case "LRFU":
		return blockcache.TINYLFU
	}
	return name
}

// ownAddress is the address that this host has on its way to the masters: others reach it there. Nothing is sent.
func ownAddress(network wire.TCP, masters []string) (string, error) {
	for _, master := range masters {
		conn, err := net.Dial("udp", network.Resolve(master))
		if err != nil {
			continue
		}
		defer conn.Close()
		host, _, err := net.SplitHostPort(conn.LocalAddr().String())
		return host, err
	}
	return os.Hostname()
}
