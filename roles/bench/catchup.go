package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/wire"
)

const (
	catchUpClients = 8
	catchUpLimit   = 30 * time.Minute
	catchUpLook    = 100 * time.Millisecond // how often the follower is looked at
)

// CatchUp is what clients noticed while a follower whose disk was emptied got everything again.
type CatchUp struct {
	Seconds float64 `json:"seconds"` // from its start until it had a vote and nearly all of the journal
	Before  Phase   `json:"before"`  // creates while all is well
	During  Phase   `json:"during"`
}

// catchUp kills a follower, empties its folders, starts it, and measures creates until it has caught up.
func (r *run) catchUp(ctx context.Context) (*CatchUp, error) {
	clients, closeAll, err := r.connect(catchUpClients, 0)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	f := clients[0]
	follower, err := r.follower(ctx, f)
	if err != nil {
		return nil, err
	}
	work := fmt.Sprintf("%s/catch-up-%d", r.options.Path, time.Now().UnixNano())
	var found CatchUp
	found.Before = r.measure(ctx, "create", clients, createIn(work+"/before"))
	r.masters.kill(follower)
	if err := errors.Join(os.RemoveAll(follower.journalDir), os.RemoveAll(follower.metaDir)); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.masters.start(); err != nil {
		return nil, err
	}
	var caughtUp atomic.Bool
	looked := make(chan error, 1)
	go func() {
		defer caughtUp.Store(true)
		looked <- r.awaitFollower(ctx, f, follower)
	}()
	create := createIn(work + "/during")
	found.During = r.measureFor(ctx, catchUpLimit, "create while a follower catches up", clients,
		func(ctx context.Context, f *client.FS, c int, n int64) (int64, bool, error) {
			if caughtUp.Load() {
				return 0, false, nil
			}
			return create(ctx, f, c, n)
		})
	err = <-looked
	found.Seconds = time.Since(began).Seconds()
	if err != nil {
		return nil, err
	}
	r.progress.say("a follower with an empty disk caught up in %.1f s; create p99 was %.2f ms before and %.2f ms meanwhile", found.Seconds, found.Before.P99, found.During.P99)
	return &found, r.remove(ctx, f, work)
}

// createIn makes files in directories of each client's own below dir.
func createIn(dir string) operation {
	return func(ctx context.Context, f *client.FS, c int, n int64) (int64, bool, error) {
		p := fmt.Sprintf("%s/c%03d/d%04d/part-%06d.bin", dir, c, n/filesPerWorkDirectory, n)
		_, err := f.Create(ctx, p, client.CreateOptions{Recursive: true})
		return 0, true, err
	}
}

// follower is a master of this run that does not lead.
func (r *run) follower(ctx context.Context, f *client.FS) (*host, error) {
	leader, err := f.Leader(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range r.masters.hosts {
		if wire.HostPort(h.name, h.rpc) != leader {
			return h, nil
		}
	}
	return nil, errors.New("one master alone has no follower that could catch up")
}

// nearly is how many entries a follower may be behind and still count as one that has caught up, under load.
const nearly = 2000

// awaitFollower returns when the follower has a vote, and nearly all that the leader has.
func (r *run) awaitFollower(ctx context.Context, f *client.FS, h *host) error {
	addr := wire.HostPort(h.name, h.rpc)
	for until := time.Now().Add(catchUpLimit); time.Now().Before(until) && ctx.Err() == nil; time.Sleep(catchUpLook) {
		if err := r.masters.lost(); err != nil {
			return err
		}
		own, err := f.ClusterOf(ctx, addr)
		if err != nil || own.Leader == "" {
			continue
		}
		leader, err := f.ClusterOf(ctx, own.Leader)
		if err != nil || own.Applied+nearly < leader.Applied {
			continue
		}
		for _, m := range leader.Masters {
			if m.Address == addr && !m.Learner && m.Available {
				return nil
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s did not catch up within %s", h.name, catchUpLimit)
}

// kill ends one master.
func (m *masters) kill(h *host) {
	h.cmd.Process.Signal(syscall.SIGKILL)
	<-h.ended
	h.cmd = nil
}
