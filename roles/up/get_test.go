package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goosefs/client"

	"github.com/urfave/cli/v2"
)

// sampleView is the seed's cluster 15 minutes after its start; one worker has been restarted and one is backing off.
func sampleView() view {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	v := view{
		now: now, capacity: 6 << 30, cached: 1 << 29, live: 2, bound: true,
		masters: client.Cluster{Leader: "hbase-master-0:26000"},
		record: Record{
			Name: "hbase", Namespace: "default", Created: now.Add(-26 * time.Hour), Mount: "/mnt/g",
			Runtime: RuntimeRecord{Masters: 3, Workers: 3, Levels: []LevelRecord{{MediumType: "HDD", Paths: []string{"/mnt/disk1/default/hbase"}, Quotas: []string{"2GB"}, High: 0.8, Low: 0.7}}},
			Dataset: DatasetRecord{Counted: true, UFSTotal: 2061584302, Files: 19, Mounts: []MountRecord{{Path: "/hbase", UFS: "https://mirrors.tuna.tsinghua.edu.cn/apache/hbase/stable/"}}},
		},
	}
	for i := range 3 {
		v.record.Pods = append(v.record.Pods, PodRecord{
			Name: fmt.Sprintf("hbase-master-%d", i), Role: RoleMaster, Address: fmt.Sprintf("127.20.30.%d", 11+i), Port: 26000,
			Status: StatusRunning, Ready: true, Created: now.Add(-104 * time.Second), Started: now.Add(-104 * time.Second), Process: &ProcessID{PID: 100 + i},
		})
	}
	for i := range 3 {
		p := PodRecord{
			Name: fmt.Sprintf("hbase-worker-%d", i), Role: RoleWorker, Address: fmt.Sprintf("127.20.30.%d", 51+i), Port: 26003,
			Status: StatusRunning, Ready: true, Created: now.Add(-15 * time.Minute), Started: now.Add(-84 * time.Second), Process: &ProcessID{PID: 200 + i},
		}
		switch i {
		case 1:
			p.Restarts, p.LastExit = 1, "signal: killed"
		case 2:
			p.Restarts, p.LastExit, p.Status, p.Ready, p.Process = 7, "exit status 1", StatusBackOff, false, nil
		}
		v.record.Pods = append(v.record.Pods, p)
	}
	v.record.Pods = append(v.record.Pods, PodRecord{
		Name: "hbase-fuse-0", Role: RoleFuse, Address: "127.20.30.3", Status: StatusRunning, Ready: true,
		Created: now.Add(-84 * time.Second), Started: now.Add(-84 * time.Second), Process: &ProcessID{PID: 300},
	})
	return v
}

func TestTables(t *testing.T) {
	golden(t, "testdata/get.txt", func(out *bytes.Buffer) {
		for _, args := range []string{
			"pod", "pods -o wide", "po hbase-worker-1", "pod/hbase-worker-1 hbase-master-0", "pod nobody", "dataset", "datasets -o wide", "dataset x",
			"goosefsruntime", "goose hbase -o wide", "goosefsruntimes x", "pod hbase-worker-2 -o yaml", "pod hbase-fuse-0 -ojson", "goosefsruntime -o yaml", "dataset hbase -o json",
			"secrets", "", "pod -o xml", "pod --dir", "pod --all",
		} {
			fmt.Fprintf(out, "$ goosefs get %s\n", args)
			q, err := parseQuery(strings.Fields(args))
			if err == nil {
				var k kind
				if k, err = findKind(q.kind); err == nil {
					err = k.print(sampleView(), q, out)
				}
			}
			if err != nil {
				fmt.Fprintf(out, "%v (exit code %d)\n", exit(err), exit(err).(cli.ExitCoder).ExitCode())
			}
			fmt.Fprintln(out)
		}
	})
}

func TestQueryTakesOptionsAnywhere(t *testing.T) {
	for args, want := range map[string]string{
		"--dir /d pod -o json a b": "{/d json pod [a b] false}",
		"pod a --dir=/d":           "{/d  pod [a] false}",
		"pod/a":                    "{.goosefs  pod [a] false}",
		"pod -h":                   "{   [] true}",
	} {
		q, err := parseQuery(strings.Fields(args))
		if got := fmt.Sprint(q); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", args, got, err, want)
		}
	}
}

func TestPhases(t *testing.T) {
	for _, test := range []struct {
		change func(*view)
		want   string
	}{
		{func(v *view) {}, "Ready PartialReady Ready Bound"},
		{func(v *view) { v.live = 3; v.record.Pods[5].Ready = true }, "Ready Ready Ready Bound"},
		{func(v *view) { v.record.Pods[0].Ready = false }, "PartialReady PartialReady Ready Bound"},
		{func(v *view) { v.masters.Leader = "" }, "NotReady PartialReady Ready NotBound"},
		{func(v *view) { v.problem, v.live = errors.New("silence"), 0 }, "NotReady NotReady Ready NotBound"},
		{func(v *view) { v.live = 0; v.record.Pods[6].Ready = false }, "Ready NotReady NotReady NotBound"},
		{func(v *view) { v.bound = false }, "Ready PartialReady Ready NotBound"},
	} {
		v := sampleView()
		test.change(&v)
		if got := strings.Join([]string{v.masterPhase(), v.workerPhase(), v.fusePhase(), v.datasetPhase()}, " "); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
	v := sampleView()
	v.record.Dataset.Counted = false
	if got := v.ufsTotal(); got != "[Calculating]" {
		t.Errorf("before it is counted: %s", got)
	}
}

func TestGetLooksAtTheProcesses(t *testing.T) {
	s := newScene(t, nil)
	s.start([]Pod{s.pod(RoleMaster, nil), s.pod(RoleWorker, nil)})
	s.mustAwait()
	me, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	gone := me
	gone.Start++ // an earlier process with our pid
	s.ledger.update(func(r *Record) {
		r.Up, r.Masters, r.Mount = &me, []string{"hbase-master-0:26000"}, s.layout.Mount
		for i := range r.Pods {
			r.Pods[i].Address, r.Pods[i].Port = hostIn(subnetOf(s.layout.Dir, 0), map[Role]int{RoleMaster: hostFirstMaster, RoleWorker: hostFirstWorker}[r.Pods[i].Role]), 26000
		}
		r.Pods = append(r.Pods,
			PodRecord{Name: "hbase-worker-1", Role: RoleWorker, Status: StatusRunning, Ready: true, Process: &gone},
			PodRecord{Name: "hbase-worker-2", Role: RoleWorker, Status: StatusRunning, Ready: true, Process: &me, Address: "127.0.0.1", Port: 1},
			PodRecord{Name: "hbase-worker-3", Role: RoleWorker, Status: StatusRunning, Process: &me},
			PodRecord{Name: "hbase-fuse-0", Role: RoleFuse, Status: StatusRunning, Ready: true, Process: &me},
		)
	})
	get := func(args ...string) (string, string) {
		var out, errs bytes.Buffer
		q, err := parseQuery(append(args, "--dir", s.layout.Dir))
		if err == nil {
			err = runGet(context.Background(), q, &out, &errs)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), errs.String()
	}
	out, errs := get("pod")
	for _, want := range []string{
		"hbase-master-0   1/1     Running ", "hbase-worker-0   1/1     Running ",
		"hbase-worker-1   0/1     CrashLoopBackOff ", // its `up` will restart it
		"hbase-worker-2   0/1     Running ",          // it runs and is deaf
		"hbase-worker-3   0/1     Running ",          // it has not answered yet
		"hbase-fuse-0     0/1     Running ",          // nothing is mounted
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	if errs != "" {
		t.Errorf("warnings: %s", errs)
	}
	out, errs = get("goosefsruntime")
	if !strings.Contains(out, "NotReady") || !strings.HasPrefix(errs, "warning: the masters do not answer: ") {
		t.Errorf("without masters that speak: %s%s", out, errs)
	}
	s.ledger.update(func(r *Record) { r.Up = &gone })
	out, errs = get("pod")
	if !strings.Contains(out, "hbase-worker-1   0/1     Unknown ") || !strings.Contains(errs, "`goosefs down --dir "+s.layout.Dir+"` ends them") {
		t.Errorf("without its `up`: %s%s", out, errs)
	}
	s.stop()
}

func TestGetWithoutACluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	err := runGet(context.Background(), query{dir: dir, kind: "pod"}, &bytes.Buffer{}, &bytes.Buffer{})
	want := "no cluster in " + dir + "; start one with `goosefs up --dir " + dir + "`"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	app := func(args ...string) (string, int) {
		var out bytes.Buffer
		a := &cli.App{
			Name: "goosefs", Writer: &out, ErrWriter: &out, ExitErrHandler: func(*cli.Context, error) {},
			Commands: []*cli.Command{Command("test", nil), GetCommand(), DownCommand()},
		}
		err := a.Run(append([]string{"goosefs"}, args...))
		if err == nil {
			return out.String(), 0
		}
		if coder, ok := errors.AsType[cli.ExitCoder](err); ok {
			return err.Error(), coder.ExitCode()
		}
		return err.Error(), exitUsage
	}
	for _, test := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"up", "dataset.yaml"}, `error: up: unexpected "dataset.yaml"; manifests are given by -f`, 2},
		{[]string{"up", "--read", "much"}, `error: up: --read: invalid size "much"`, 2},
		{[]string{"up", "--dir", dir, "-f", dir + "/none.yaml"}, "error: stat " + dir + "/none.yaml: no such file or directory", 1},
		{[]string{"up", "--dirr", dir}, "flag provided but not defined: -dirr", 2},
		{[]string{"up", "--help"}, "goosefs up -f dataset.yaml -f runtime.yaml", 0},
		{[]string{"down", "now"}, `error: down: unexpected "now"`, 2},
		{[]string{"down", "--dir", dir + "/x"}, "error: no cluster in " + dir + "/x", 1},
		{[]string{"down", "--dir", "a,b"}, "cannot stand in this path", 2},
		{[]string{"down", "--help"}, "goosefs down --dir /srv/goosefs", 0},
		{[]string{"get", "pod", "--dir", dir + "/x"}, "error: no cluster in " + dir + "/x; start one", 1},
		{[]string{"get", "pod", "x", "-o", "table"}, "error: get: -o table: write wide, json, yaml", 2},
		{[]string{"get", "node"}, `error: the server doesn't have a resource type "node"; there are: pod, goosefsruntime, dataset`, 2},
		{[]string{"get", "pod", "--help"}, "goosefs get pod hbase-master-0 -o wide", 0},
	} {
		got, code := app(test.args...)
		if !strings.Contains(got, test.want) || code != test.code {
			t.Errorf("goosefs %s: exit code %d, want %d\n%s\nwant %s", strings.Join(test.args, " "), code, test.code, got, test.want)
		}
	}
}
