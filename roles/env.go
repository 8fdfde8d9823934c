// Package roles is what a goosefs process can be: a master, a worker, a mount, or a whole cluster on one host (package
// up). It reads the configuration, puts the parts together, and runs them until a signal comes.
package roles

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/wire"
	"goosefs/wire/auth"

	"github.com/urfave/cli/v2"
)

// Env is what the command line gives every command.
type Env struct {
	Properties []string // -Dkey=value, as typed
	Version    string
}

// Commands are the verbs that run or prepare processes.
func (e Env) Commands() []*cli.Command {
	return []*cli.Command{e.localCommand(), e.masterCommand(), e.workerCommand(), e.fuseCommand(), e.formatMasterCommand(), e.formatJournalCommand(), e.formatWorkerCommand()}
}

// load reads the configuration of a process of the given role. What is odd about it is said once, on w.
func (e Env) load(role conf.Role, w io.Writer) (*conf.Conf, error) {
	c, warnings, err := conf.Load(conf.Input{Args: e.Properties, Role: role})
	for _, warning := range warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	return c, err
}

// Conf reads the configuration of a user's command.
func (e Env) Conf(c *cli.Context) (*conf.Conf, error) {
	return e.load(conf.RoleUser, c.App.ErrWriter)
}

// How long a user's command looks for a leader (an election takes a second or two), and how long if nobody listens at
// any master's address.
const (
	commandPatience = 10 * time.Second
	refusedPatience = 3 * time.Second
)

// Open makes a client for a user's command. What is odd about the configuration is for getConf to say, and for the
// processes: not with every ls.
func (e Env) Open(c *cli.Context) (*client.FS, error) {
	cfg, err := e.load(conf.RoleUser, io.Discard)
	if err != nil {
		return nil, err
	}
	o, err := clientConfig(cfg, logger(cfg, io.Discard))
	if err != nil {
		return nil, err
	}
	o.RetryFor = min(o.RetryFor, commandPatience)
	o.RefusedFor = min(o.RetryFor, refusedPatience)
	return client.New(o)
}

// clientConfig is what a client needs of the configuration.
func clientConfig(c *conf.Conf, log *slog.Logger) (client.Config, error) {
	login, err := auth.LoginOf(c)
	host := c.String("goosefs.user.hostname")
	if host == "" {
		host, _ = os.Hostname()
	}
	return client.Config{
		Masters: c.MasterAddresses(), Network: wire.TCP{Hosts: c.HostTable()}, Host: host, Log: log, Login: login,
		Umask:          uint32(c.Mode("goosefs.security.authorization.permission.umask")),
		ConnectTimeout: c.Duration("goosefs.network.connect.timeout"),
		RetryFor:       c.Duration("goosefs.user.rpc.retry.max.duration"),
		RetryPause:     c.Duration("goosefs.user.rpc.retry.base.sleep"),
		RetryPauseMax:  c.Duration("goosefs.user.rpc.retry.max.sleep"),
		ReadRetryFor:   c.Duration("goosefs.user.block.read.retry.max.duration"),
		StreamTimeout:  c.Duration("goosefs.user.streaming.data.timeout"),
		WorkersFor:     c.Duration("goosefs.user.worker.list.refresh.interval"),
		ReadAhead:      orNone(c.Bytes("goosefs.user.streaming.readahead.bytes.max")),
		NoShortCircuit: !c.Bool("goosefs.user.short.circuit.enabled"),
		NoFill:         !c.Bool("goosefs.user.fill.enabled"),
		Reads:          namedReads(c),
		NoCache:        c.String(readTypeProperty) == client.NoCache.String(),
		DurableCopies:  c.Int("goosefs.user.file.replication.durable"),
	}, err
}

const readTypeProperty = "goosefs.user.file.readtype.default"

// namedReads is what the command line says of reads, which goes before the policies of namespaces; 0 if nothing.
func namedReads(c *conf.Conf) client.ReadPolicy {
	switch {
	case !c.FromCommandLine(readTypeProperty):
		return 0
	case c.String(readTypeProperty) == client.NoCache.String():
		return client.NoCache
	}
	return client.Cache
}

// logger writes to w what the configured level lets through.
func logger(c *conf.Conf, w io.Writer) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(strings.ToUpper(c.String("goosefs.logs.level")))) // conf has checked it
	options := &slog.HandlerOptions{Level: level}
	if c.String("goosefs.logs.format") == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// until returns a context that ends when the process is asked to stop. A second signal kills it.
func until() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel)
	return ctx, cancel
}

// failure ends a process that could not start or go on.
func failure(err error) error { return cli.Exit(strings.TrimSpace(err.Error()), 1) }
