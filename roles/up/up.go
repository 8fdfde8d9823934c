package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/manifest"
	"goosefs/wire"
	"goosefs/wire/auth"
)

// startLimit is how long a group of pods may take until all of them answer.
const startLimit = 90 * time.Second

// session is one run of `goosefs up`.
type session struct {
	o        options
	layout   layout
	previous *Record // of an earlier `up` in this folder, or nil
	dataset  manifest.Dataset
	runtime  manifest.Runtime
	plan     Plan
	network  string
	width    int           // of the longest name of a pod
	sample   *sampleServer // nil unless quick start
	ledger   *ledger
	pods     *supervisor
	masters  cluster

	mu struct {
		sync.Mutex // of what is written to Stdout
	}
}

// seams are where tests put something of their own; zero is the real thing.
type seams struct {
	binary string
	dial   func(masters []string, hosts map[string]string) (cluster, error)
	probe  func(context.Context, Pod) error
	tune   func(*supervisorOptions)
}

// run is `goosefs up`, from start to end. What it has started is stopped when it returns.
func run(ctx context.Context, o options) (err error) {
	l, err := newLayout(o.Dir, o.Mount)
	if err != nil {
		return err
	}
	lock, err := acquire(l)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	u := &session{o: o, layout: l}
	if err := u.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer u.listen(cancel)()
	defer func() { err = errors.Join(err, u.stop()) }()
	err = u.show(ctx)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted // whatever it looked like
	}
	if err != nil || o.Once {
		return err
	}
	u.suggest()
	<-ctx.Done()
	return nil
}

// show starts everything and demonstrates it. A demonstration that fails is no reason to stop a cluster that runs, unless
// it is all that was asked for.
func (u *session) show(ctx context.Context) error {
	if err := u.bringUp(ctx); err != nil {
		return err
	}
	err := u.demonstrate(ctx)
	if err != nil && !u.o.Once {
		u.warn("%v", err)
		return nil
	}
	return err
}

// listen turns the first signal into the end of ctx and the second into impatience. The result ends it.
func (u *session) listen(cancel context.CancelCauseFunc) (end func()) {
	// With a handler, a closed pipe makes writes fail instead of ending us before the pods are stopped. It may not be
	// ignored, since children would inherit that.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-u.o.Signals:
			case <-done:
				return
			}
			if n == 0 {
				u.say("\nstopping; once more kills")
				cancel(errInterrupted)
			} else {
				u.pods.kill()
			}
		}
	}()
	return func() {
		close(done)
		signal.Stop(pipe)
	}
}

// stop ends the pods, unmounts, and writes that down.
func (u *session) stop() error {
	u.pods.stop()
	_, err := clearMount(u.layout.Mount) // nothing is left, unless the pod of the mount was killed
	if u.masters != nil {
		err = errors.Join(err, u.masters.Close())
	}
	if u.sample != nil {
		err = errors.Join(err, u.sample.close())
	}
	now := time.Now()
	err = errors.Join(err, u.ledger.update(func(r *Record) { r.Up, r.Stopped = nil, &now }))
	if err == nil {
		u.say("stopped; state and cache are kept in %s", short(u.layout.Dir))
	}
	return err
}

// dial makes the client that `up` itself uses.
func (u *session) dial() (cluster, error) {
	if u.o.seams.dial != nil {
		return u.o.seams.dial(u.plan.Masters, u.plan.Hosts)
	}
	return dial(u.plan.Masters, u.plan.Hosts, 20*time.Second)
}

// dial makes a client of the cluster with these masters. It asks nothing yet.
func dial(masters []string, hosts map[string]string, retryFor time.Duration) (cluster, error) {
	return client.New(client.Config{Masters: masters, Network: wire.TCP{Hosts: hosts}, Login: auth.Self(), RetryFor: retryFor})
}

// say writes a line of the story.
func (u *session) say(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintf(u.o.Stdout, format+"\n", args...)
}

// warn writes a line that does not belong to the story.
func (u *session) warn(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintf(u.o.Stderr, "warning: "+format+"\n", args...)
}

// table writes the rows of a kind.
func (u *session) table(k kind, v view) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	io.WriteString(u.o.Stdout, "\n")
	return k.print(v, query{}, u.o.Stdout)
}
