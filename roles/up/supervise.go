package up

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// supervisor carries a plan out: it keeps the pods alive until it stops them.
type supervisor struct {
	supervisorOptions
	spawner *spawner
	failed  chan error    // holds the first crash loop
	hard    chan struct{} // closed: no more patience with pods that end
	once    sync.Once

	mu struct {
		sync.Mutex
		keepers []*keeper // in starting order
	}
}

// supervisorOptions are what a supervisor needs. Functions are called from the goroutine of each pod.
type supervisorOptions struct {
	layout  layout
	ledger  *ledger
	binary  string   // the program that every pod is
	env     []string // of every pod
	backoff backoff
	grace   time.Duration                          // between SIGTERM and SIGKILL
	poll    time.Duration                          // between two questions whether a pod that starts answers
	probe   func(ctx context.Context, p Pod) error // nil when the pod answers
	report  func(event)
	log     *slog.Logger
}

// event is what happened to a pod.
type event struct {
	kind     eventKind
	pod      string
	took     time.Duration // ready: since its start; died: until it is started again
	restarts int
	exit     string // died: how
	last     string // died: the last line of its log
}

type eventKind uint8

const (
	podReady eventKind = iota
	podDied
	podStopped
	podKilled // did not end in time
)

func newSupervisor(o supervisorOptions) *supervisor {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	return &supervisor{supervisorOptions: o, spawner: newSpawner(), failed: make(chan error, 1), hard: make(chan struct{})}
}

// start begins to keep the pods alive. It does not wait for them.
func (s *supervisor) start(pods []Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range pods {
		k := &keeper{s: s, pod: p, stop: make(chan struct{}), ready: make(chan struct{}), done: make(chan struct{})}
		s.mu.keepers = append(s.mu.keepers, k)
		go k.run()
	}
}

// await returns when all pods started so far have answered once. It fails when one dies again and again, or when the
// limit has passed.
func (s *supervisor) await(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, k := range s.keepers() {
		select {
		case <-k.ready:
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return fmt.Errorf("%s did not answer within %s%s; see %s", k.pod.Name, limit, quoteTail(k.tail()), short(s.layout.log(k.pod.Name)))
		}
	}
	return nil
}

// stop ends all pods, the mount first, then workers, then masters, and returns when they are gone.
func (s *supervisor) stop() {
	keepers := s.keepers()
	for _, role := range []Role{RoleFuse, RoleWorker, RoleMaster} {
		var ending []*keeper
		for _, k := range keepers {
			if k.pod.Role == role {
				k.once.Do(func() { close(k.stop) })
				ending = append(ending, k)
			}
		}
		for _, k := range ending {
			<-k.done
		}
	}
	s.spawner.close()
}

// kill makes a stop that runs, or will, end every pod by SIGKILL at once.
func (s *supervisor) kill() { s.once.Do(func() { close(s.hard) }) }

func (s *supervisor) keepers() []*keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.keepers)
}

// fail remembers the first crash loop for await.
func (s *supervisor) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// record writes down what is new about a pod. A record that cannot be written must not stop the cluster.
func (s *supervisor) record(pod string, change func(*PodRecord)) {
	if err := s.ledger.updatePod(pod, change); err != nil {
		s.log.Warn("cannot write the record", "pod", pod, "err", err)
	}
}

func quoteTail(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return ":\n    " + strings.Join(lines, "\n    ") + "\n"
}
