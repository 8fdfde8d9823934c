package master

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"time"

	"goosefs/conf"
	"goosefs/wire"
)

// Options of a master.
type Options struct {
	Name            string   // this master's host, as it stands in the addresses below
	Masters         []Member // all masters, this one among them
	Bind            string   // address to listen on; the address of Name by default
	JournalDir      string
	MetaDir         string
	RootUFS         string            // mounted at / when the cluster first starts
	RootOptions     map[string]string // its mount options
	RootReadOnly    bool
	UFSOptions      map[string]string // for all under file systems; a mount's own options go before
	BlockSize       int64
	StripeSize      int64
	SyncInterval    time.Duration // how old what is known of the under file system may be; negative: any age
	WorkerTimeout   time.Duration
	Election        time.Duration // raft
	Heartbeat       time.Duration // raft
	SnapshotEntries uint64
	WebPort         int
	Version         string
	Network         wire.Network
	Log             *slog.Logger
}

// Member is a master: where clients and where other masters reach it.
type Member struct {
	Address string // host:port for clients and workers
	Journal string // host:port for raft
}

// id is the member's id in raft: it follows from its journal address, so that all members agree on it.
func (m Member) id() uint64 { return hash(m.Journal) }

// clusterID follows from the masters that a cluster began with.
func clusterID(members []Member) uint64 {
	var all []string
	for _, m := range members {
		all = append(all, m.Journal)
	}
	slices.Sort(all)
	return hash(all...)
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return max(1, h.Sum64()>>1) // raft wants ids above 0; below 2^63 they print alike everywhere
}

// self is the member that this process is.
func (o Options) self() (Member, error) {
	var hosts []string
	for _, m := range o.Masters {
		host, _, err := net.SplitHostPort(m.Journal)
		if err != nil {
			return Member{}, fmt.Errorf("goosefs.master.embedded.journal.addresses: %q: want host:port", m.Journal)
		}
		if host == o.Name {
			return m, nil
		}
		hosts = append(hosts, host)
	}
	return Member{}, fmt.Errorf("goosefs.master.hostname=%s is none of the masters %v of goosefs.master.embedded.journal.addresses; set it to the name that this host has there", o.Name, hosts)
}

// FromConf reads a master's options from its configuration.
func FromConf(c *conf.Conf, version string, log *slog.Logger) (Options, error) {
	o := Options{
		Name:            c.String("goosefs.master.hostname"),
		Bind:            c.String("goosefs.master.bind.host"),
		JournalDir:      c.String("goosefs.master.journal.folder"),
		MetaDir:         c.String("goosefs.master.metastore.dir"),
		RootUFS:         c.String("goosefs.master.mount.table.root.ufs"),
		RootReadOnly:    c.Bool("goosefs.master.mount.table.root.readonly"),
		RootOptions:     trimmed(c, "goosefs.master.mount.table.root.option."),
		UFSOptions:      c.Prefix("goosefs.underfs."),
		BlockSize:       c.Bytes("goosefs.user.block.size.bytes.default"),
		StripeSize:      c.Bytes("goosefs.user.file.stripe.size"),
		SyncInterval:    c.Duration("goosefs.user.file.metadata.sync.interval"),
		WorkerTimeout:   c.Duration("goosefs.master.worker.timeout"),
		Election:        c.Duration("goosefs.master.embedded.journal.election.timeout"),
		Heartbeat:       c.Duration("goosefs.master.embedded.journal.heartbeat.interval"),
		SnapshotEntries: uint64(c.Int("goosefs.master.journal.checkpoint.period.entries")),
		WebPort:         c.Int("goosefs.master.web.port"),
		Version:         version,
		Network:         wire.TCP{Hosts: c.HostTable()},
		Log:             log,
	}
	for _, dir := range []*string{&o.JournalDir, &o.MetaDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return o, err
		}
		*dir = abs
	}
	rpc := c.MasterAddresses()
	for _, journal := range c.JournalAddresses() {
		host, _, err := net.SplitHostPort(journal)
		if err != nil {
			return o, fmt.Errorf("goosefs.master.embedded.journal.addresses: %q: want host:port", journal)
		}
		m := Member{Journal: journal, Address: wire.HostPort(host, c.Int("goosefs.master.rpc.port"))}
		for _, a := range rpc {
			if h, _, _ := net.SplitHostPort(a); h == host {
				m.Address = a
			}
		}
		o.Masters = append(o.Masters, m)
	}
	_, err := o.self()
	return o, err
}

// trimmed gives the properties below prefix without it.
func trimmed(c *conf.Conf, prefix string) map[string]string {
	out := make(map[string]string)
	for name, value := range c.Prefix(prefix) {
		out[name[len(prefix):]] = value
	}
	return out
}
