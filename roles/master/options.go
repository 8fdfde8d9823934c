package master

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"time"

	"goosefs/conf"
	"goosefs/metastore"
	"goosefs/raftlog"
	"goosefs/ufs"
	"goosefs/ufs/scheme"
	"goosefs/wire"
	"goosefs/wire/auth"
)

// Options of a master. Where it says so, zero is a default.
type Options struct {
	Name        string   // this master's host, as it stands in the addresses below
	Masters     []Member // the first masters of a cluster, this one among them; later the log says who there is
	Bind        string   // address to listen on; the address of Name by default
	JournalBind string   // the same for other masters; Bind by default
	JournalDir  string
	MetaDir     string

	RootUFS      string            // mounted at / when the cluster first starts
	RootOptions  map[string]string // its mount options
	RootReadOnly bool
	RootShared   bool

	UFSOptions   map[string]string // for all under file systems; a mount's own options go before
	UFSTimeout   time.Duration     // the longest call about one object; 30 s by default
	UFSCalls     int               // at once, to one under file system; 16 by default
	OpenUFS      OpenUFS           // by the URI's scheme by default
	SyncInterval time.Duration     // how old what is known of the under file system may be; negative: any age

	BlockSize     int64         // of files that are found or made; metastore's default
	StripeSize    int64         // bytes of a file that one worker owns in a row; 1 GiB by default
	VirtualNodes  int           // places of a worker on the ring; 2,000 by default
	WorkerTimeout time.Duration // without a report a worker is lost; 5 min by default
	LostCheck     time.Duration // how often that is looked for; 1 s by default

	AbandonedAfter time.Duration // a file that nobody writes any more and that is not complete is removed; 1 h by default
	TTLEvery       time.Duration // between two looks for files of namespaces whose time is over; 1 h by default
	SweepEvery     time.Duration // between two looks for what writers left in under file systems, and how old that must be; 24 h by default
	PersistTries   time.Duration // before a file that could not be persisted is tried again, at first; 1 s by default

	Election        time.Duration // raft; 1 s by default
	Heartbeat       time.Duration // raft; 100 ms by default
	SnapshotEntries uint64        // the log is cut after so many entries; raftlog's default
	SnapshotBytes   uint64        // ... or so many bytes; raftlog's default
	CatchUpEntries  uint64        // kept for slow followers; raftlog's default
	FlushInterval   time.Duration // from memory to the database; metastore's default

	SnapshotRate   int64 // bytes a second of an image for another master; raftlog's default
	JournalReserve int64 // with less space free no changes are taken; raftlog's default
	JournalBallast int64 // kept for when there is no space at all; raftlog's default
	HashEvery      int   // commands between two comparisons of the masters' states; metastore's default

	Restore         string        // a backup that a new cluster begins with
	BackupDir       string        // where backups go by default
	BackUpDaily     bool          // whether the leader makes one every day
	DailyBackup     time.Duration // ... so long after midnight, UTC
	BackupsRetained int           // ... and keeps so many

	// Distort is for tests: it changes a command before this master applies it, as a fault would.
	Distort func(command []byte) []byte
	// FreeSpace is for tests: bytes free on the journal's disk.
	FreeSpace func() int64

	Auth        auth.Options // how callers say who they are; nobody is asked by default
	Permissions bool         // whether owner, group and mode are obeyed, and only superusers administrate
	Supergroup  string       // who is in it is a superuser
	User        string       // a superuser, and the owner of what nobody in particular makes; who this process runs as by default

	WebPort int
	Version string
	Network wire.Network
	Log     *slog.Logger
}

func (o Options) withDefaults() Options {
	o.UFSTimeout = cmp.Or(o.UFSTimeout, 30*time.Second)
	o.UFSCalls = cmp.Or(o.UFSCalls, 16)
	o.StripeSize = cmp.Or(o.StripeSize, 1<<30)
	o.VirtualNodes = cmp.Or(o.VirtualNodes, 2000)
	o.WorkerTimeout = cmp.Or(o.WorkerTimeout, 5*time.Minute)
	o.LostCheck = cmp.Or(o.LostCheck, time.Second)
	o.AbandonedAfter = cmp.Or(o.AbandonedAfter, time.Hour)
	o.TTLEvery = cmp.Or(o.TTLEvery, time.Hour)
	o.SweepEvery = cmp.Or(o.SweepEvery, 24*time.Hour)
	o.PersistTries = cmp.Or(o.PersistTries, time.Second)
	o.Election = cmp.Or(o.Election, time.Second)
	o.Heartbeat = cmp.Or(o.Heartbeat, 100*time.Millisecond)
	o.User = cmp.Or(o.User, auth.ProcessUser())
	o.Auth.Open = append(slices.Clone(o.Auth.Open), withoutSession()...)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Auth.Log = o.Log
	if o.OpenUFS == nil {
		o.OpenUFS = func(uri string, options map[string]string) (ufs.UFS, string, error) {
			return scheme.OpenLogged(uri, options, o.Log)
		}
	}
	return o
}

// storeOptions are those of the metastore.
func (o Options) storeOptions() metastore.Options {
	return metastore.Options{BlockSize: o.BlockSize, FlushInterval: o.FlushInterval, HashEvery: o.HashEvery, Log: o.Log}
}

// stateMachine is the store, or, in tests, one that gets other commands than the others'.
func (o Options) stateMachine(store *metastore.Store) raftlog.StateMachine {
	if o.Distort == nil {
		return store
	}
	return distorted{store, o.Distort}
}

type distorted struct {
	*metastore.Store
	distort func([]byte) []byte
}

func (d distorted) Apply(last uint64, commands [][]byte) []any {
	changed := make([][]byte, len(commands))
	for i, c := range commands {
		changed[i] = d.distort(c)
	}
	return d.Store.Apply(last, changed)
}

// Member is a master: where clients and where other masters reach it.
type Member struct {
	Address string // host:port for clients and workers
	Journal string // host:port for raft
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
		JournalBind:     c.String("goosefs.master.embedded.journal.bind.host"),
		JournalDir:      c.String("goosefs.master.journal.folder"),
		MetaDir:         c.String("goosefs.master.metastore.dir"),
		RootUFS:         c.String("goosefs.master.mount.table.root.ufs"),
		RootReadOnly:    c.Bool("goosefs.master.mount.table.root.readonly"),
		RootShared:      c.Bool("goosefs.master.mount.table.root.shared"),
		RootOptions:     trimmed(c, "goosefs.master.mount.table.root.option."),
		UFSOptions:      c.Prefix("goosefs.underfs."),
		UFSTimeout:      c.Duration("goosefs.master.ufs.timeout"),
		UFSCalls:        c.Int("goosefs.master.metadata.sync.ufs.prefetch.pool.size"),
		BlockSize:       c.Bytes("goosefs.user.block.size.bytes.default"),
		StripeSize:      c.Bytes("goosefs.user.file.stripe.size"),
		SyncInterval:    c.Duration("goosefs.user.file.metadata.sync.interval"),
		VirtualNodes:    c.Int("goosefs.master.consistent.hash.virtual.node.num.per.worker"),
		WorkerTimeout:   c.Duration("goosefs.master.worker.timeout"),
		LostCheck:       c.Duration("goosefs.master.lost.worker.detection.interval"),
		AbandonedAfter:  c.Duration("goosefs.master.file.abandoned.timeout"),
		TTLEvery:        c.Duration("goosefs.master.ttl.checker.interval"),
		Election:        c.Duration("goosefs.master.embedded.journal.election.timeout"),
		Heartbeat:       c.Duration("goosefs.master.embedded.journal.heartbeat.interval"),
		SnapshotEntries: uint64(c.Int("goosefs.master.journal.checkpoint.period.entries")),
		SnapshotBytes:   uint64(c.Bytes("goosefs.master.journal.log.size.bytes.max")),
		FlushInterval:   c.Duration("goosefs.master.metastore.flush.interval"),
		SnapshotRate:    c.Bytes("goosefs.master.embedded.journal.snapshot.rate"),
		JournalReserve:  c.Bytes("goosefs.master.journal.space.reserved"),
		JournalBallast:  c.Bytes("goosefs.master.journal.space.reserved") / 2,
		HashEvery:       c.Int("goosefs.master.journal.hash.entries"),
		Restore:         c.String("goosefs.master.journal.init.from.backup"),
		BackupDir:       c.String("goosefs.master.backup.directory"),
		BackUpDaily:     c.Bool("goosefs.master.daily.backup.enabled"),
		BackupsRetained: c.Int("goosefs.master.daily.backup.files.retained"),
		Permissions:     c.Bool("goosefs.security.authorization.permission.enabled"),
		Supergroup:      c.String("goosefs.security.authorization.permission.supergroup"),
		WebPort:         c.Int("goosefs.master.web.port"),
		Version:         version,
		Network:         wire.TCP{Hosts: c.HostTable(), Timeout: c.Duration("goosefs.network.connect.timeout")},
		Log:             log,
	}
	login, err := auth.LoginOf(c)
	if err != nil {
		return o, err
	}
	o.User = login.User
	if o.Auth, err = auth.OptionsOf(c); err != nil {
		return o, err
	}
	clock := c.String("goosefs.master.daily.backup.time")
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return o, fmt.Errorf("goosefs.master.daily.backup.time: %q: want HH:MM, such as 05:00", clock)
	}
	o.DailyBackup = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
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
	_, err = o.self()
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
