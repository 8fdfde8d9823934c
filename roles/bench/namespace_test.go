package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/client"
	"goosefs/roles/rolestest"
)

// ls stands in for the program: a script that prints so many lines, or what else it is made of.
func ls(t *testing.T, script string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "goosefs")
	if err := os.WriteFile(p, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func small(c *rolestest.Cluster) Options {
	return Options{
		Files: []int64{10, 30}, Directories: 3, Clients: []int{1, 4}, Duration: 100 * time.Millisecond, Batch: 5, Path: "/bench",
		Open:     func() (*client.FS, error) { return c.Client(), nil },
		Progress: new(strings.Builder), Version: "test",
	}
}

// A run fills, measures everything at each size with each number of clients, and leaves the files, which the next run
// finds.
func TestRun(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	o := small(c)
	o.Wide, o.Executable = 20, ls(t, `test "$1 $2 $3" = "fs ls /bench/wide-20" && seq 20`)
	report, err := Namespace(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Points) != 2 || report.Masters != 3 || report.Local || report.failures() != 0 {
		t.Fatalf("%+v", report)
	}
	for i, p := range report.Points {
		if p.Fill == nil || p.Fill.Operations != []int64{10, 20}[i] || p.Directories != []int64{1, 3}[i] {
			t.Errorf("point %d was filled: %+v", i, p.Fill)
		}
		if len(p.Listing.Seconds) != listTries || p.Listing.Entries != 20 {
			t.Errorf("listed %+v", p.Listing)
		}
		var did []string
		for _, f := range p.Phases {
			if f.Operations == 0 || f.PerSecond <= 0 || f.P50 <= 0 || f.P99 < f.P50 || f.Max < f.P99 {
				t.Errorf("%+v", f)
			}
			switch names := float64(f.Names) / float64(f.Operations); {
			case f.Operation == "batch of 5" && names != 5, f.Operation == "list" && names != 10, f.Operation == "create" && names != 0:
				t.Errorf("%s told %v names each", f.Operation, names)
			}
			did = append(did, f.Operation)
		}
		once := []string{"create", "complete", "stat", "batch of 5", "list", "rename", "delete"}
		if want := append(once, once...); !slices.Equal(did, want) {
			t.Errorf("measured %v", did)
		}
	}
	f := c.Client()
	names := func(dir string) (names []string) {
		for i, err := range f.List(t.Context(), dir, client.StatOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if !i.Dir && !i.Completed {
				t.Errorf("%s is not complete", i.Path)
			}
			names = append(names, i.Name)
		}
		return names
	}
	if got := names("/bench"); !slices.Equal(got, []string{"fill", "wide-20"}) {
		t.Errorf("left %v", got)
	}
	if got := names("/bench/fill"); len(got) != 3 {
		t.Errorf("filled %v", got)
	}

	// A file is missing at the end of a directory, another is incomplete: an earlier run was killed.
	if err := f.Remove(t.Context(), "/bench/fill/d000002/part-000009.bin", client.RemoveOptions{CacheOnly: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(t.Context(), "/bench/fill/d000002/part-000008.bin", client.RemoveOptions{CacheOnly: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Create(t.Context(), "/bench/fill/d000002/part-000008.bin", client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	o.Files, o.Only, o.Clients, o.Connections = []int64{30}, []string{"stat"}, []int{3}, 2
	report, err = Namespace(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p := report.Points[0]; p.Fill == nil || p.Fill.Operations != 2 || len(p.Phases) != 1 || p.Phases[0].Operation != "stat" {
		t.Errorf("continued: %+v, %+v", p.Fill, p.Phases)
	}
	if got := names("/bench/fill/d000002"); len(got) != 10 {
		t.Errorf("continued: %v", got)
	}
	report, err = Namespace(t.Context(), o)
	if err != nil || report.Points[0].Fill != nil {
		t.Errorf("all was there: %+v, %v", report, err)
	}
}

// What fails is told, with what was measured before.
func TestRunFails(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	for name, tc := range map[string]struct {
		change func(o *Options)
		want   string
		phases int
	}{
		"no cluster":        {func(o *Options) { o.Open = func() (*client.FS, error) { return nil, errors.New("no master is named") } }, "no master is named", 0},
		"ls fails":          {func(o *Options) { o.Wide, o.Executable = 5, ls(t, "exit 3") }, "exit status 3", 2},
		"ls misses one":     {func(o *Options) { o.Wide, o.Executable = 5, ls(t, "seq 4") }, "has 5 entries, ls printed 4", 2},
		"a file in the way": {func(o *Options) { o.Path = "/file" }, `is a file`, 0},
		"no room for state": {func(o *Options) { o.Masters, o.Dir = 3, "/proc/none" }, "no such file", 0},
		"no program":        {func(o *Options) { o.Masters, o.Dir, o.Executable = 1, t.TempDir(), "/none" }, "no such file", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := small(c)
			o.Files, o.Clients, o.Only, o.Duration = []int64{10}, []int{1}, []string{"stat", "list"}, 20*time.Millisecond
			if f := c.Client(); f.Touch(t.Context(), "/file") != nil {
				f.Remove(t.Context(), "/file", client.RemoveOptions{}) // from the turn before: made anew below
				f.Touch(t.Context(), "/file")
			}
			tc.change(&o)
			report, err := Namespace(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			phases := 0
			for _, p := range report.Points {
				phases += len(p.Phases)
			}
			if phases != tc.phases {
				t.Errorf("%d phases are told, want %d", phases, tc.phases)
			}
		})
	}
}

// Operations that fail are counted, and the run goes on.
func TestFailuresAreCounted(t *testing.T) {
	c := rolestest.Start(t, rolestest.Options{Workers: 1})
	r := &run{options: small(c), progress: newProgress(new(strings.Builder))}
	p := r.measure(t.Context(), "odd", []*client.FS{nil, nil}, func(_ context.Context, _ *client.FS, c int, n int64) (int64, bool, error) {
		if n%2 == 1 {
			return 0, true, syscall.EIO
		}
		return 1, n < 10, nil
	})
	if p.Operations != 10 || p.Failures != 10 || p.Failure != syscall.EIO.Error() || p.Names != 10 || p.Clients != 2 {
		t.Errorf("%+v", p)
	}
}

// Masters that the run starts are measured from outside, killed and started again; a second run finds their state.
func TestOwnMasters(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := filepath.Join(t.TempDir(), "goosefs")
	if out, err := exec.Command("go", "build", "-o", program, "goosefs").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o := Options{
		Files: []int64{20}, Directories: 2, Clients: []int{2}, Duration: 100 * time.Millisecond, Batch: 5, Path: "/bench", Wide: 30,
		Masters: 3, Dir: t.TempDir(), Restart: true, CatchUp: true, Executable: program, Progress: new(strings.Builder),
		Properties: []string{"-Dgoosefs.logs.level=warn"},
	}
	report, err := Namespace(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := report.Points[0]
	if len(p.Costs) != 3 || p.RestartSeconds <= 0 || p.SnapshotSeconds <= 0 || p.SnapshotBytes == 0 || len(p.Listing.Seconds) != listTries || report.failures() > 0 {
		t.Errorf("%+v", p)
	}
	if u := p.CatchUp; u == nil || u.Seconds <= 0 || u.Before.Operations == 0 || u.During.Operations == 0 || u.Before.Failures+u.During.Failures > 0 {
		t.Errorf("%+v", u)
	}
	for _, c := range p.Costs {
		if c.Resident < 1<<20 || c.Journal == 0 || c.Metastore == 0 {
			t.Errorf("%+v", c)
		}
	}
	if f := p.Phases[0]; f.MasterBusySeconds < 0 || f.ClientBusySeconds <= 0 {
		t.Errorf("%+v", f)
	}
	o.Only, o.Wide, o.Restart, o.CatchUp = []string{"stat"}, 0, false, false
	if report, err = Namespace(t.Context(), o); err != nil || report.Points[0].Fill != nil {
		t.Errorf("state was lost: %+v, %v", report, err)
	}
}

// A master that ends by itself is named, with its log, and not waited for.
func TestMasterEnds(t *testing.T) {
	dir := t.TempDir()
	o := Options{Files: []int64{1}, Directories: 1, Masters: 1, Dir: dir, Executable: ls(t, "exit 7"), Progress: new(strings.Builder)}
	_, err := Namespace(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "bench-master-0 has ended by itself (exit status 7)") || !strings.Contains(err.Error(), ".log") {
		t.Error(err)
	}
	// The folder is that of one master.
	o.Masters = 3
	if _, err := Namespace(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is the folder of 1 masters") {
		t.Error(err)
	}
	ports := filepath.Join(dir, "ports")
	if err := os.WriteFile(ports, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Namespace(t.Context(), o); err == nil || !strings.Contains(err.Error(), ports) {
		t.Error(err)
	}
	if err := errors.Join(os.Remove(ports), os.Mkdir(ports, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := Namespace(t.Context(), o); !errors.Is(err, syscall.EISDIR) {
		t.Error(err)
	}
}

// A master that takes no notice of the signal is killed.
func TestMasterStays(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	m, err := newMasters(ls(t, "trap '' TERM; echo > "+ready+"; sleep 1000 & wait; wait"), t.TempDir(), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.grace = 50 * time.Millisecond
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not start")
		}
	}
	h := m.hosts[0]
	pid := h.cmd.Process.Pid
	m.close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("%d still lives: %v", pid, err)
	}
	syscall.Kill(-pid, syscall.SIGKILL) // what the script started
}
