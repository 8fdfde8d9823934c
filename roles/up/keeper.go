package up

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// crashLoop is how many deaths in a row, without an answer in between, are too many while the cluster starts.
const crashLoop = 5

// keeper keeps one pod alive, in a goroutine of its own.
type keeper struct {
	s     *supervisor
	pod   Pod
	once  sync.Once
	stop  chan struct{} // closed: end the pod
	ready chan struct{} // closed when it has answered for the first time
	done  chan struct{} // closed when it is gone for good

	// Used by run only.
	restarts int

	mu struct {
		sync.Mutex
		answered bool // in this life
		reached  bool // ready is closed
		from     int64
	}
}

// run starts the pod until it is to stop.
func (k *keeper) run() {
	defer close(k.done)
	k.s.record(k.pod.Name, func(r *PodRecord) { r.Created = time.Now() })
	var delay time.Duration
	for unanswered := 0; ; k.restarts++ {
		begin := time.Now()
		exit := k.live()
		if k.stopping() {
			k.s.record(k.pod.Name, func(r *PodRecord) { r.Status, r.Ready, r.Process = StatusCompleted, false, nil })
			k.s.report(event{kind: podStopped, pod: k.pod.Name})
			return
		}
		delay = k.s.backoff.next(delay, time.Since(begin))
		k.s.record(k.pod.Name, func(r *PodRecord) {
			r.Status, r.Ready, r.Process, r.LastExit, r.Restarts = StatusBackOff, false, nil, exit, k.restarts+1
		})
		tail := k.tail()
		e := event{kind: podDied, pod: k.pod.Name, took: delay, restarts: k.restarts + 1, exit: exit}
		if len(tail) > 0 {
			e.last = tail[len(tail)-1]
		}
		k.s.report(e)
		if unanswered++; k.hasAnswered() {
			unanswered = 0
		}
		if unanswered == crashLoop {
			k.s.fail(fmt.Errorf("%s ended %d times without an answer, at last with %s%s", k.pod.Name, crashLoop, exit, quoteTail(tail)))
		}
		select {
		case <-time.After(delay):
		case <-k.stop:
		}
		if k.stopping() {
			k.s.record(k.pod.Name, func(r *PodRecord) { r.Status = StatusCompleted })
			return
		}
	}
}

// live is one life of the pod, from start to end. It returns how it ended.
func (k *keeper) live() (exit string) {
	k.mu.Lock()
	k.mu.answered = false
	k.mu.Unlock()
	log, err := k.openLog()
	if err != nil {
		return err.Error()
	}
	cmd, err := k.s.spawner.start(k.s.binary, append([]string{"goosefs"}, k.pod.Args...), k.environment(), log)
	log.Close()
	if err != nil {
		return err.Error()
	}
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		id = ProcessID{PID: cmd.Process.Pid} // ended already: it is a zombie until Wait below, so this is rare
	}
	k.s.record(k.pod.Name, func(r *PodRecord) {
		r.Status, r.Ready, r.Process, r.Started, r.Restarts = StatusRunning, false, &id, time.Now(), k.restarts
	})
	if err := writeFile(k.s.layout.pid(k.pod.Name), []byte(strconv.Itoa(id.PID)+"\n"), 0o644); err != nil {
		k.s.log.Warn("cannot write the pid", "pod", k.pod.Name, "err", err)
	}
	defer os.Remove(k.s.layout.pid(k.pod.Name))

	ctx, cancel := context.WithCancel(context.Background())
	var probing sync.WaitGroup
	probing.Go(func() { k.awaitAnswer(ctx, time.Now()) })
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // the state says how it ended
		close(ended)
	}()
	select {
	case <-ended:
	case <-k.stop:
		k.end(cmd, ended)
	}
	cancel()
	probing.Wait()
	return cmd.ProcessState.String()
}

// end asks the pod to end, and insists when it takes too long. It returns when ended is closed, which is right after the
// process was reaped; pids are not used again as fast as that.
func (k *keeper) end(cmd *exec.Cmd, ended <-chan struct{}) {
	k.s.record(k.pod.Name, func(r *PodRecord) { r.Status = StatusTerminating })
	group := -cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM)
	timer := time.NewTimer(k.s.grace)
	defer timer.Stop()
	select {
	case <-ended:
		return
	case <-timer.C:
	case <-k.s.hard:
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-ended
	k.s.report(event{kind: podKilled, pod: k.pod.Name})
}

// awaitAnswer asks the pod until it answers for the first time in this life.
func (k *keeper) awaitAnswer(ctx context.Context, begin time.Time) {
	for k.s.probe(ctx, k.pod) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(k.s.poll):
		}
	}
	if ctx.Err() != nil {
		return
	}
	k.s.record(k.pod.Name, func(r *PodRecord) { r.Ready = true })
	k.s.report(event{kind: podReady, pod: k.pod.Name, took: time.Since(begin), restarts: k.restarts})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.answered = true
	if !k.mu.reached {
		k.mu.reached = true
		close(k.ready)
	}
}

func (k *keeper) hasAnswered() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.answered
}

func (k *keeper) stopping() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// environment is that of all pods with what this one has on top.
func (k *keeper) environment() []string {
	env := append([]string{}, k.s.env...)
	for _, name := range sortedKeys(k.pod.Env) {
		env = append(env, name+"="+k.pod.Env[name])
	}
	return append(env, "GOOSEFS_CONF_DIR="+k.s.layout.podConf(k.pod.Name))
}
