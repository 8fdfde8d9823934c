package client

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"goosefs/wire"
	"goosefs/wire/auth"
)

// Config is what a client must know. Zero values of all but Masters and Network are sensible.
type Config struct {
	Masters []string     // host:port of every master
	Network wire.Network // how to reach them
	Host    string       // this host's name: workers on it that hold what is read are asked first
	Umask   uint32       // permission bits that new files and directories do not get; 022 by default
	Log     *slog.Logger
	Login   auth.Login // what masters and workers are told of who calls; nothing by default

	ConnectTimeout time.Duration // the longest attempt to reach a process; the network's own by default
	RetryFor       time.Duration // how long a call waits for a leader; 2 minutes by default
	RefusedFor     time.Duration // how long while nobody listens at any master's address; RetryFor by default
	RetryPause     time.Duration // before the masters are asked again, doubled each time; 50 ms by default
	RetryPauseMax  time.Duration // the longest such pause; 250 ms by default
	SuspectAfter   time.Duration // a master that is silent for so long is given up if another leads; 2 s by default

	ReadRetryFor   time.Duration // how long a read waits for any worker; 20 s by default
	StreamTimeout  time.Duration // how long a worker may be silent before another is asked; 30 s by default
	WorkersFor     time.Duration // how old the list of workers may be; 10 s by default
	ReadAhead      int64         // bytes fetched ahead of a sequential reader; 16 MiB by default, negative for none
	Reads          ReadPolicy    // whether what is read is kept by workers, whatever a file's namespace says; 0 leaves it to that
	NoCache        bool          // what is read is not kept by workers where no namespace has a policy
	NoShortCircuit bool          // all is read by streams, nothing from the disks of workers on this host
	NoFill         bool          // what a reader in order left unread is not fetched, see [File.Close]

	DurableCopies int // workers, on hosts of their own, that hold each block of an [AsyncThrough] file before it is complete; 1 by default
}

// Defaults of [Config].
const (
	defaultRetryFor      = 2 * time.Minute
	defaultRetryPause    = 50 * time.Millisecond
	defaultRetryPauseMax = 250 * time.Millisecond
	defaultSuspectAfter  = 2 * time.Second
	defaultReadRetryFor  = 20 * time.Second
	defaultStreamTimeout = 30 * time.Second
	defaultWorkersFor    = 10 * time.Second
	defaultReadAhead     = 16 << 20
	defaultUmask         = 0o022
)

func (c Config) withDefaults() Config {
	c.RetryFor = cmp.Or(c.RetryFor, defaultRetryFor)
	c.RefusedFor = cmp.Or(c.RefusedFor, c.RetryFor)
	c.RetryPause = cmp.Or(c.RetryPause, defaultRetryPause)
	c.RetryPauseMax = max(c.RetryPause, cmp.Or(c.RetryPauseMax, defaultRetryPauseMax))
	c.SuspectAfter = cmp.Or(c.SuspectAfter, defaultSuspectAfter)
	c.ReadRetryFor = cmp.Or(c.ReadRetryFor, defaultReadRetryFor)
	c.StreamTimeout = cmp.Or(c.StreamTimeout, defaultStreamTimeout)
	c.WorkersFor = cmp.Or(c.WorkersFor, defaultWorkersFor)
	c.ReadAhead = cmp.Or(c.ReadAhead, defaultReadAhead)
	c.DurableCopies = max(c.DurableCopies, 1)
	c.Umask = cmp.Or(c.Umask, defaultUmask)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ConnectTimeout > 0 {
		c.Network = hasty{c.Network, c.ConnectTimeout}
	}
	return c
}

// hasty is a network whose attempts to connect end in time.
type hasty struct {
	wire.Network
	limit time.Duration
}

// Dial implements [wire.Network].
func (h hasty) Dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	return h.Network.Dial(ctx, addr)
}
