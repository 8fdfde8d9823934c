package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goosefs/test/program"
)

// story makes the output of `up` comparable: times, pids, addresses and the order in which pods answer differ.
func story(out, dir string) string {
	for _, r := range []struct{ pattern, with string }{
		{regexp.QuoteMeta(dir), "DIR"},
		{`127\.\d+\.\d+\.`, "127.x.y."},
		{`\d+\.\ds\b`, "T"},
		{`in \d+\.\d\ds, \d+ MB/s`, "in T, R"},
		{`ratio         \S+`, "ratio         N"},
		{`\b\d+s\b`, "Ns"},
		{`pid \d+`, "pid P"},
		{`Running   T\n`, "Running   T\n"},
		{`hbase-(master|worker)-\d   Running`, "hbase-$1-*   Running"},
		{`hbase-(master|worker)-\d   stopped`, "hbase-$1-*   stopped"},
		// What is in the kernel's page cache is the kernel's business.
		{`, [^,\n]*(all from|from) .*\n`, ", all from somewhere\n"},
		// The mount answers before, between or after the workers.
		{`(?m)^hbase-fuse-0 +Running   T\n`, ""},
	} {
		out = regexp.MustCompile(r.pattern).ReplaceAllString(out, r.with)
	}
	return out
}

// TestQuickStart runs the whole of `goosefs up --once` twice over fake pods.
func TestQuickStart(t *testing.T) {
	dir := t.TempDir()
	golden(t, "testdata/quickstart.txt", func(out *bytes.Buffer) {
		for _, title := range []string{"cold", "warm"} {
			var said program.Output
			o := fakeOptions(dir, &said)
			o.Once = true
			if err := run(context.Background(), o); err != nil {
				t.Fatalf("%s: %v\n%s", title, err, said.String())
			}
			fmt.Fprintf(out, "== %s\n%s", title, story(said.String(), dir))
		}
	})
	stops, err := os.ReadFile(filepath.Join(dir, "stops"))
	if want := strings.Repeat("fuse\nworker\nworker\nworker\nmaster\nmaster\nmaster\n", 2); err != nil || string(stops) != want {
		t.Errorf("pods stopped in the order\n%s%v", stops, err)
	}
	l, _ := newLayout(dir, "")
	r, err := loadRecord(l.record())
	if err != nil || r.Up != nil || r.Stopped == nil || r.Dataset.UFSTotal != sampleSize || !r.Dataset.Counted || len(r.Dataset.Mounts) != 1 {
		t.Errorf("record %+v, %v", r, err)
	}
	clients, err := os.ReadFile(filepath.Join(dir, "conf", "goosefs-site.properties"))
	if err != nil || !strings.Contains(string(clients), "goosefs.master.rpc.addresses=hbase-master-0:26000,hbase-master-1:26000,hbase-master-2:26000\n") {
		t.Errorf("clients' properties:\n%s%v", clients, err)
	}
}

func TestCtrlCStopsEverything(t *testing.T) {
	dir := t.TempDir()
	p := startUp(t, dir, "It runs until Ctrl-C")
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.out)
	}
	if !strings.HasSuffix(p.out.String(), "stopped; state and cache are kept in "+dir+"\n") {
		t.Errorf("the last words:\n%s", p.out)
	}
	assertNothingLeft(t, dir)
}

func TestSecondCtrlCDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(envDeaf, "yes")
	p := startUp(t, dir, "It runs until Ctrl-C")
	for range 2 {
		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		p.await("stopping; once more kills")
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.out)
	}
	if n := strings.Count(p.out.String(), "did not end by SIGTERM and was killed"); n != 7 {
		t.Errorf("%d pods were killed, want all 7:\n%s", n, p.out)
	}
	assertNothingLeft(t, dir)
}

func TestDemonstrationThatFails(t *testing.T) {
	// The mount shows the sample with one wrong byte, or not at all.
	wrong := t.TempDir()
	if err := linkTree(filepath.Join(os.Getenv(envSample), sampleRoot), wrong); err != nil {
		t.Fatal(err)
	}
	changes, err := os.ReadFile(filepath.Join(wrong, "CHANGES.md"))
	if err != nil {
		t.Fatal(err)
	}
	changes[99] ^= 1
	if err := writeFile(filepath.Join(wrong, "CHANGES.md"), changes, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		once        bool
		shown, want string
	}{
		{true, wrong, "demonstration: CHANGES.md: sha256 "},
		{false, wrong, "demonstration: CHANGES.md: sha256 "},
		{true, "", "demonstration: CHANGES.md: not in the mount"},
	} {
		once, want := test.once, test.want
		t.Run(fmt.Sprintf("once=%t", once), func(t *testing.T) {
			dir := t.TempDir()
			var said program.Output
			o := fakeOptions(dir, &said)
			o.Once = once
			signals := make(chan os.Signal, 1)
			o.Signals = signals
			tune := o.seams.tune
			o.seams.tune = func(s *supervisorOptions) {
				tune(s)
				s.env = append(s.env, envSource+"="+test.shown)
			}
			if !once {
				go func() {
					eventually(t, "it stays", func() bool { return strings.Contains(said.String(), "It runs until Ctrl-C") })
					signals <- os.Interrupt
				}()
			}
			err := run(context.Background(), o)
			if once && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v\n%s", err, said.String())
			}
			if !once && (err != nil || !strings.Contains(said.String(), "warning: "+want)) {
				t.Errorf("got %v\n%s", err, said.String())
			}
		})
	}
}

func TestCtrlCWhileStarting(t *testing.T) {
	dir := t.TempDir()
	l, _ := newLayout(dir, "")
	var said program.Output
	o := fakeOptions(dir, &said)
	signals := make(chan os.Signal, 1)
	o.Signals = signals
	var once sync.Once
	o.seams.probe = func(ctx context.Context, p Pod) error {
		once.Do(func() { signals <- os.Interrupt })
		return fmt.Errorf("silence")
	}
	if err := run(context.Background(), o); !errors.Is(err, errInterrupted) || exitCode(err) != exitInterrupted {
		t.Errorf("got %v\n%s", err, said.String())
	}
	assertNothingLeft(t, l.Dir)
}

// assertNothingLeft checks that no pod of the folder lives, and that the record says so.
func assertNothingLeft(t *testing.T, dir string) {
	t.Helper()
	l, _ := newLayout(dir, "")
	r, err := loadRecord(l.record())
	if err != nil || r == nil {
		t.Fatalf("record: %v, %v", r, err)
	}
	for _, p := range r.Pods {
		if p.Process.alive() {
			t.Errorf("%s lives", p.Name)
		}
	}
	if pids, _ := filepath.Glob(filepath.Join(dir, "run", "*.pid")); len(pids) > 0 {
		t.Errorf("pid files: %v", pids)
	}
}

func TestKillingUpKillsThePods(t *testing.T) {
	dir := t.TempDir()
	l, _ := newLayout(dir, "")
	p := startUp(t, dir, "It runs until Ctrl-C")
	r, err := loadRecord(l.record())
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Kill()
	p.wait()
	for _, pod := range r.Pods {
		if !pod.Process.awaitEnd(10 * time.Second) {
			t.Errorf("%s outlives its `up`", pod.Name)
		}
	}

	var out bytes.Buffer
	err = runGet(context.Background(), query{dir: dir, kind: "pod"}, &out, &out)
	if err == nil || !strings.Contains(err.Error(), "does not run any more; start it with `goosefs up --dir "+dir+"`") {
		t.Errorf("get afterwards: %v\n%s", err, out.String())
	}
	again := startUp(t, dir, "warm start", "--once")
	if code := again.wait(); code != 0 {
		t.Errorf("the next up: exit code %d\n%s", code, again.out)
	}
}

func TestSecondUpIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := startUp(t, dir, "cluster hbase")
	err := run(context.Background(), fakeOptions(dir, &program.Output{}))
	want := fmt.Sprintf("a cluster runs in %s already (pid %d); stop it with `goosefs down --dir %s`, or take another --dir", dir, p.cmd.Process.Pid, dir)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDownStopsAnUpElsewhere(t *testing.T) {
	dir := t.TempDir()
	l, _ := newLayout(dir, "")
	p := startUp(t, dir, "It runs until Ctrl-C")
	ended := make(chan int)
	go func() { ended <- p.wait() }()
	var out bytes.Buffer
	if err := runDown(l, &out, 30*time.Second, time.Second); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("stopping the cluster in %s (pid %d)\nstopped\n", dir, p.cmd.Process.Pid)
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if code := <-ended; code != 0 {
		t.Errorf("up ended with %d\n%s", code, p.out)
	}
	assertNothingLeft(t, dir)

	out.Reset()
	if err := runDown(l, &out, time.Second, time.Second); err != nil || out.String() != "no cluster runs in "+dir+"\n" {
		t.Errorf("a second time: %q, %v", out.String(), err)
	}
	err := runGet(context.Background(), query{dir: dir, kind: "pod"}, &out, &out)
	if err == nil || !regexp.MustCompile(`was stopped \d+s ago; start it with`).MatchString(err.Error()) {
		t.Errorf("get afterwards: %v", err)
	}
}

func TestDownEndsWhatAGoneUpLeft(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaf=%t", deaf), func(t *testing.T) {
			s := newScene(t, nil)
			properties := map[string]string{}
			if deaf {
				properties["test.deaf"] = "yes"
			}
			s.start([]Pod{s.pod(RoleMaster, properties)})
			s.mustAwait()
			r := s.ledger.record()
			// The pod is our child, and a supervisor restarts it; what matters is that this process ends.
			var said []string
			n, err := sweep(s.layout, &r, 200*time.Millisecond, func(f string, a ...any) { said = append(said, fmt.Sprintf(f, a...)) })
			if err != nil || n != 1 || len(said) != 1 || !strings.Contains(said[0], "stopped hbase-master-0") {
				t.Errorf("swept %d, %q, %v", n, said, err)
			}
			if r.Pods[0].Process.alive() {
				t.Error("the pod lives")
			}
			s.stop()
		})
	}
}

func TestDownWithoutACluster(t *testing.T) {
	l, _ := newLayout(t.TempDir(), "")
	if err := runDown(l, &bytes.Buffer{}, time.Second, time.Second); err == nil || !strings.Contains(err.Error(), "no cluster in ") {
		t.Errorf("got %v", err)
	}
}

func TestStateThatCannotBecomeWhatIsAsked(t *testing.T) {
	dir := t.TempDir()
	l, _ := newLayout(dir, "")
	write := func(change func(*Record)) {
		r := Record{Name: "hbase", Mount: l.Mount, Runtime: RuntimeRecord{Masters: 3}}
		change(&r)
		if err := newLedger(l.record(), r).update(func(*Record) {}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		change func(*Record)
		want   string
	}{
		{func(r *Record) { r.Name = "books" }, dir + ` holds the state of cluster "books", and the manifest is of "hbase"; take another --dir`},
		{func(r *Record) { r.Runtime.Masters = 1 }, "spec.master.replicas: 3: the cluster in " + dir + " has 1 masters, and a restart cannot change that; write 1, or take another --dir"},
		{func(r *Record) { r.Network = "127.300.1.0/24" }, "run/cluster.json: network: "},
	} {
		write(test.change)
		err := run(context.Background(), fakeOptions(dir, &program.Output{}))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	if err := os.WriteFile(l.record(), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"up":   run(context.Background(), fakeOptions(dir, &program.Output{})),
		"down": runDown(l, &bytes.Buffer{}, time.Second, time.Second),
		"get":  runGet(context.Background(), query{dir: dir, kind: "pod"}, &bytes.Buffer{}, &bytes.Buffer{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s with a damaged record: %v", what, err)
		}
	}
}

func TestManifestsFromStdin(t *testing.T) {
	dir := t.TempDir()
	var said program.Output
	o := fakeOptions(dir, &said)
	o.Once = true
	o.Files = []string{"-"}
	o.Stdin = strings.NewReader(strings.Replace(seedDataset, "https://mirrors.tuna.tsinghua.edu.cn/apache/", "https://me:pass@example.org/", 1) + "---\n" +
		strings.Replace(seedRuntime, "/mnt/disk1", filepath.Join(dir, "disk"), 1))
	if err := run(context.Background(), o); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for _, want := range []string{"/hbase -> https://me:xxxxx@example.org/hbase/stable/: mounted\n", "sha256 of 16 files, equal in both passes\n"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, said.String())
		}
	}
	for i := range 3 {
		if _, err := os.Stat(filepath.Join(dir, "disk", "default", "hbase", fmt.Sprintf("worker-%d", i))); err != nil {
			t.Error(err)
		}
	}
	l, _ := newLayout(dir, "")
	if record, err := os.ReadFile(l.record()); err != nil || strings.Contains(string(record), "me:pass") {
		t.Errorf("the record holds a password, or %v:\n%s", err, record)
	}
}

func TestMistakesInManifests(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.yaml")
	for _, test := range []struct {
		text, want string
		code       int
	}{
		{"kind: Dataset\n", file + ":1", exitUsage},
		{"", file, exitUsage},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		o := fakeOptions(t.TempDir(), &program.Output{})
		o.Files = []string{file}
		err := run(context.Background(), o)
		if err == nil || exitCode(err) != test.code {
			t.Errorf("%q: exit code %d, %v", test.text, exitCode(err), err)
		}
	}
	o := fakeOptions(t.TempDir(), &program.Output{})
	o.Files = []string{file + ".missing"}
	if err := run(context.Background(), o); err == nil || exitCode(err) != exitFailure || !strings.Contains(err.Error(), "m.yaml.missing") {
		t.Errorf("a file that is missing: %v", err)
	}
	o = fakeOptions(filepath.Join(t.TempDir(), "a,b"), &program.Output{})
	if err := run(context.Background(), o); err == nil || exitCode(err) != exitUsage {
		t.Errorf("a comma in --dir: %v", err)
	}
}

// golden compares what make prints with a file, or writes the file when the tests run with -rewrite.
func golden(t *testing.T, path string, print func(out *bytes.Buffer)) {
	t.Helper()
	var out bytes.Buffer
	print(&out)
	if rewriting() {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n(go test -rewrite writes it anew)", path, out.Bytes(), want)
	}
}
