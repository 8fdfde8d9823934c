package up

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/conf"
)

// scene is a supervisor over fake pods.
type scene struct {
	*supervisor
	t     *testing.T
	stops string // file with the roles in the order in which they ended
	mu    struct {
		sync.Mutex
		events []event
	}
}

func newScene(t *testing.T, tune func(*supervisorOptions)) *scene {
	t.Helper()
	l, err := newLayout(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.logs(), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, stops: filepath.Join(l.Dir, "stops")}
	o := quick(supervisorOptions{
		layout: l, ledger: newLedger(l.record(), Record{Name: "hbase"}), binary: self(), env: append(os.Environ(), envStops+"="+s.stops), probe: fakeProbe,
		report: func(e event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.mu.events = append(s.mu.events, e)
		},
	})
	if tune != nil {
		tune(&o)
	}
	s.supervisor = newSupervisor(o)
	return s
}

// pod makes a pod that misbehaves as the properties say.
func (s *scene) pod(role Role, properties map[string]string) Pod {
	s.t.Helper()
	subnet := subnetOf(s.layout.Dir, 0)
	n := map[Role]int{RoleMaster: hostFirstMaster, RoleWorker: hostFirstWorker, RoleFuse: hostFuse}[role]
	p := Pod{
		Name: fmt.Sprintf("hbase-%s-0", role), Role: role, Address: hostIn(subnet, n), Port: 26000, Args: []string{string(role), s.layout.Mount},
		Properties: map[string]string{"goosefs." + string(role) + ".bind.host": hostIn(subnet, n), "goosefs." + string(role) + ".rpc.port": "26000"},
	}
	for k, v := range properties {
		p.Properties[k] = v
	}
	s.layPod(p)
	s.ledger.update(func(r *Record) { r.Pods = append(r.Pods, PodRecord{Name: p.Name, Role: role, Status: StatusPending}) })
	return p
}

// layPod writes the properties of a pod, as `up` does before it starts any.
func (s *scene) layPod(p Pod) {
	s.t.Helper()
	path := filepath.Join(s.layout.podConf(p.Name), "goosefs-site.properties")
	if err := writeFile(path, conf.FormatProperties(p.Properties), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// entry reads a pod's entry from the file, as `get` does.
func (s *scene) entry(pod string) PodRecord {
	s.t.Helper()
	r, err := loadRecord(s.layout.record())
	if err != nil || r == nil {
		s.t.Fatalf("record: %v, %v", r, err)
	}
	i := slices.IndexFunc(r.Pods, func(p PodRecord) bool { return p.Name == pod })
	return r.Pods[i]
}

func (s *scene) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.mu.events {
		switch e.kind {
		case podReady:
			fmt.Fprintf(&b, "%s ready, restarts %d\n", e.pod, e.restarts)
		case podDied:
			fmt.Fprintf(&b, "%s died: %s; %q; restart %d in %s\n", e.pod, e.exit, e.last, e.restarts, e.took)
		case podStopped:
			fmt.Fprintf(&b, "%s stopped\n", e.pod)
		case podKilled:
			fmt.Fprintf(&b, "%s killed\n", e.pod)
		}
	}
	return b.String()
}

func (s *scene) mustAwait() {
	s.t.Helper()
	if err := s.await(context.Background(), 20*time.Second); err != nil {
		s.t.Fatal(err)
	}
}

func TestPodThatIsKilledComesBackAndIsCounted(t *testing.T) {
	s := newScene(t, nil)
	s.start([]Pod{s.pod(RoleMaster, nil)})
	s.mustAwait()
	before := s.entry("hbase-master-0")
	if !before.Ready || before.Status != StatusRunning || before.Restarts != 0 || !before.Process.alive() {
		t.Fatalf("entry after start: %+v", before)
	}
	pid, err := os.ReadFile(s.layout.pid("hbase-master-0"))
	if err != nil || strings.TrimSpace(string(pid)) != fmt.Sprint(before.Process.PID) {
		t.Fatalf("pid file: %q, %v; want %d", pid, err, before.Process.PID)
	}

	if err := before.Process.signal(syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod is ready again", func() bool { e := s.entry("hbase-master-0"); return e.Ready && e.Restarts == 1 })
	after := s.entry("hbase-master-0")
	if after.Process.PID == before.Process.PID || after.LastExit != "signal: killed" || !after.Created.Equal(before.Created) {
		t.Errorf("entry after restart: %+v", after)
	}

	s.stop()
	last := s.entry("hbase-master-0")
	if last.Status != StatusCompleted || last.Ready || last.Process != nil || last.Restarts != 1 {
		t.Errorf("entry after stop: %+v", last)
	}
	if _, err := os.Stat(s.layout.pid("hbase-master-0")); !os.IsNotExist(err) {
		t.Errorf("pid file after stop: %v", err)
	}
	want := "hbase-master-0 ready, restarts 0\n" +
		"hbase-master-0 died: signal: killed; \"master starts\"; restart 1 in 10ms\n" +
		"hbase-master-0 ready, restarts 1\n" +
		"hbase-master-0 stopped\n"
	if got := s.story(); got != want {
		t.Errorf("story:\n%swant:\n%s", got, want)
	}
}

func TestCrashLoopEndsTheStart(t *testing.T) {
	s := newScene(t, nil)
	s.start([]Pod{s.pod(RoleMaster, map[string]string{"test.crash": "yes"})})
	err := s.await(context.Background(), 20*time.Second)
	s.stop()
	want := "hbase-master-0 ended 5 times without an answer, at last with exit status 3:\n    master starts\n    cannot find the journal\n    I give up\n"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if !strings.Contains(s.story(), `"I give up"; restart 4 in 40ms`) {
		t.Errorf("the delays do not double up to the maximum:\n%s", s.story())
	}
}

func TestPodThatNeverAnswersIsNamed(t *testing.T) {
	s := newScene(t, func(o *supervisorOptions) {
		o.probe = func(context.Context, Pod) error { return fmt.Errorf("silence") }
	})
	s.start([]Pod{s.pod(RoleWorker, nil)})
	eventually(t, "the pod has printed something", func() bool {
		return len(lastLines(s.layout.log("hbase-worker-0"), 0, 1)) == 1
	})
	err := s.await(context.Background(), time.Millisecond)
	s.stop()
	if err == nil || !strings.Contains(err.Error(), "hbase-worker-0 did not answer within 1ms:\n    worker starts\n") {
		t.Errorf("got %v", err)
	}
}

func TestBinaryThatCannotBeStarted(t *testing.T) {
	s := newScene(t, func(o *supervisorOptions) { o.binary = "/nonexistent/goosefs" })
	s.start([]Pod{s.pod(RoleWorker, nil)})
	err := s.await(context.Background(), 20*time.Second)
	s.stop()
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/goosefs: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	s := newScene(t, func(o *supervisorOptions) {
		o.probe = func(context.Context, Pod) error { return fmt.Errorf("silence") }
	})
	s.start([]Pod{s.pod(RoleWorker, nil)})
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errInterrupted)
	if err := s.await(ctx, time.Minute); err != errInterrupted {
		t.Errorf("got %v", err)
	}
	s.stop()
}

func TestStopGoesFromTheMountToTheMasters(t *testing.T) {
	s := newScene(t, nil)
	s.start([]Pod{s.pod(RoleMaster, nil), s.pod(RoleWorker, nil), s.pod(RoleFuse, nil)})
	s.mustAwait()
	s.stop()
	got, err := os.ReadFile(s.stops)
	if err != nil || string(got) != "fuse\nworker\nmaster\n" {
		t.Errorf("stopped in the order %q, %v", got, err)
	}
}

func TestPodThatIgnoresTermIsKilled(t *testing.T) {
	deaf := map[string]string{"test.deaf": "yes"}
	t.Run("after the grace", func(t *testing.T) {
		s := newScene(t, func(o *supervisorOptions) { o.grace = 50 * time.Millisecond })
		s.start([]Pod{s.pod(RoleMaster, deaf)})
		s.mustAwait()
		s.stop()
		if got := s.story(); !strings.HasSuffix(got, "hbase-master-0 killed\nhbase-master-0 stopped\n") {
			t.Errorf("story:\n%s", got)
		}
	})
	t.Run("at once when the user insists", func(t *testing.T) {
		s := newScene(t, func(o *supervisorOptions) { o.grace = time.Hour })
		s.start([]Pod{s.pod(RoleMaster, deaf)})
		s.mustAwait()
		process := s.entry("hbase-master-0").Process
		s.kill()
		s.kill() // a third Ctrl-C changes nothing
		s.stop()
		if process.alive() {
			t.Error("the pod is still there")
		}
	})
}

func TestStopDuringBackoff(t *testing.T) {
	s := newScene(t, func(o *supervisorOptions) { o.backoff = backoff{first: time.Hour, max: time.Hour, healthy: time.Hour} })
	s.start([]Pod{s.pod(RoleMaster, map[string]string{"test.crash": "yes"})})
	eventually(t, "the pod backs off", func() bool { return s.entry("hbase-master-0").Status == StatusBackOff })
	s.stop()
	if got := s.entry("hbase-master-0").Status; got != StatusCompleted {
		t.Errorf("status %s", got)
	}
}

func TestLargeLogIsPutAside(t *testing.T) {
	s := newScene(t, nil)
	path := s.layout.log("hbase-master-0")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, maxLog+1); err != nil {
		t.Fatal(err)
	}
	s.start([]Pod{s.pod(RoleMaster, nil)})
	s.mustAwait()
	s.stop()
	if old, err := os.Stat(path + ".1"); err != nil || old.Size() != maxLog+1 {
		t.Errorf("old log: %v, %v", old, err)
	}
	if lines := lastLines(path, 0, 9); len(lines) != 1 {
		t.Errorf("new log: %q", lines)
	}
}

func TestBackoff(t *testing.T) {
	b := standardBackoff()
	var got []time.Duration
	var delay time.Duration
	for range 9 {
		delay = b.next(delay, time.Second)
		got = append(got, delay)
	}
	want := "[500ms 1s 2s 4s 8s 16s 30s 30s 30s]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if d := b.next(delay, time.Minute); d != 500*time.Millisecond {
		t.Errorf("after a minute of health: %s", d)
	}
}

func TestChooseSubnet(t *testing.T) {
	needs := func(p netip.Prefix) ([]string, error) { return []string{hostIn(p, 11) + ":26000"}, nil }
	free := func(string) error { return nil }
	first, err := chooseSubnet("/srv/a", "", needs, free)
	if err != nil || first != subnetOf("/srv/a", 0) {
		t.Errorf("got %s, %v", first, err)
	}
	if other, _ := chooseSubnet("/srv/b", "", needs, free); other == first {
		t.Errorf("two folders have the same addresses: %s", other)
	}
	busy := func(addr string) error {
		if strings.HasPrefix(addr, hostIn(first, 11)) {
			return fmt.Errorf("%s: address already in use", addr)
		}
		return nil
	}
	if second, err := chooseSubnet("/srv/a", "", needs, busy); err != nil || second != subnetOf("/srv/a", 1) {
		t.Errorf("when the first is busy: %s, %v", second, err)
	}
	_, err = chooseSubnet("/srv/a", first.String(), needs, busy)
	if err == nil || !strings.Contains(err.Error(), "this cluster's addresses are in use: "+hostIn(first, 11)+":26000") {
		t.Errorf("when the kept one is busy: %v", err)
	}
	all := func(addr string) error { return fmt.Errorf("%s: address already in use", addr) }
	if _, err = chooseSubnet("/srv/a", "", needs, all); err == nil || !strings.Contains(err.Error(), "no free addresses") {
		t.Errorf("when all are busy: %v", err)
	}
	if _, err = chooseSubnet("/srv/a", "garbage", needs, free); err == nil {
		t.Error("a damaged record was taken")
	}
	for i := range 1000 {
		if p := subnetOf(fmt.Sprint(i), 0); p.Addr().As4()[0] != 127 || p.Addr().As4()[1] < 16 || p.Bits() != 24 {
			t.Fatalf("subnet %s", p)
		}
	}
}
