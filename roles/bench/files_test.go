package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func tiny(dir string) FilesOptions {
	return FilesOptions{
		Dir: dir, Layout: FilesLayout{Size: 100_000, Files: 7, FileSize: 500}, Block: 30_000, RandomBlock: 4096,
		Jobs: []int{1, 2}, RandomJobs: []int{3}, Readers: []int{2}, Phases: []string{coldPhase, warmPhase},
		Runs: 2, Duration: 10 * time.Millisecond, Version: "test", Progress: io.Discard,
	}
}

// empty says whether nothing was left in a folder.
func empty(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) > 0 {
		t.Errorf("%s holds %v, %v", dir, names, err)
	}
}

// A run lays its files, measures all, cold and warm, and leaves nothing.
func TestFiles(t *testing.T) {
	o := tiny(t.TempDir())
	o.PIDs = []int{os.Getpid()}
	report, err := Files(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, l := range report.Lines {
		did = append(did, strings.TrimSpace(fmt.Sprintf("%s %d %s", l.Operation, l.Jobs, l.Phase)))
		s := l.Folders[0]
		if len(s.Runs) != 2 || s.Rate.Min <= 0 || s.Rate.Max < s.Rate.Median || s.P99 < s.P50 || s.P50 <= 0 || s.CPU == nil || s.Resident < 1<<20 || l.Ratio != nil {
			t.Errorf("%s: %+v", l.Operation, s)
		}
	}
	want := []string{
		"read 29.3 KiB sequential 1 cold", "read 29.3 KiB sequential 2 cold", "read 4 KiB random 3 cold",
		"read 29.3 KiB sequential 1 warm", "read 29.3 KiB sequential 2 warm", "read 4 KiB random 3 warm",
		"read files of 500 B 2 cold", "read files of 500 B 2 warm", "stat 2 warm", "open + close 2 warm", "readdir 2 warm", "readdir + stat 2 warm", "create + close 2", "unlink 2",
	}
	if !slices.Equal(did, want) {
		t.Errorf("measured %q", did)
	}
	if cold := report.Lines[0].Folders[0]; cold.Bytes != 2*100_000 {
		t.Errorf("two cold runs read %d bytes of 100,000", cold.Bytes)
	}
	if random := report.Lines[2].Folders[0]; random.Bytes > 2*24*4096 {
		t.Errorf("two cold random runs read %d bytes: some twice", random.Bytes)
	}
	if len(report.LeftOut) != 4 {
		t.Errorf("left out %v", report.LeftOut)
	}
	empty(t, o.Dir)
}

// Two folders are compared by turns, and --keep leaves the files, which the next run takes.
func TestCompareFolders(t *testing.T) {
	o := tiny(t.TempDir())
	o.Compare, o.Keep, o.Only = t.TempDir(), true, []string{"sequential"}
	var before time.Time
	for range 2 {
		report, err := Files(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range report.Lines {
			if len(l.Folders) != 2 || l.Ratio == nil || l.Ratio.Median != median(ratios(l.Folders[0].Runs, l.Folders[1].Runs)) {
				t.Errorf("%+v", l)
			}
		}
		info, err := os.Stat(filepath.Join(o.Compare, ownFolder, largeName))
		if err != nil {
			t.Fatal(err)
		}
		if !before.IsZero() && !info.ModTime().Equal(before) {
			t.Error("the files were laid anew")
		}
		before = info.ModTime()
	}
}

// A mount without its pages is held against a folder that keeps its own; names are not forgotten for it.
func TestMountCold(t *testing.T) {
	o := tiny(t.TempDir())
	o.Compare, o.Phases, o.Only = t.TempDir(), []string{mountColdPhase}, []string{"sequential", "files", "stat"}
	report, err := Files(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Lines) != 3 || len(report.LeftOut) != 1 || report.LeftOut[0].Operation != "stat, mount-cold" {
		t.Errorf("%+v, left out %+v", report.Lines, report.LeftOut)
	}
	for _, l := range report.Lines {
		once := o.Layout.Size * int64(o.Runs)
		if l.Operation != "read 29.3 KiB sequential" {
			once = o.Layout.Files * o.Layout.FileSize * int64(o.Runs)
		}
		if l.Phase != mountColdPhase || l.Ratio == nil || l.Folders[0].Bytes > once {
			t.Errorf("%+v, want %d bytes at most", l, once)
		}
	}
}

func TestRatios(t *testing.T) {
	got := spreadOf(ratios([]float64{10, 30, 8}, []float64{20, 10, 8}))
	if want := (Spread{1, 0.5, 3}); got != want {
		t.Errorf("%+v", got)
	}
	if m := median([]float64{4, 1, 2, 3}); m != 2.5 {
		t.Errorf("the median of 1 to 4 is %v", m)
	}
}

// Both sides take the same places in the same order, each once; another run takes another order.
func TestOrder(t *testing.T) {
	take := func(run int) (all []int64) {
		number := order(run, 100)
		for n := range int64(100) {
			all = append(all, number(n))
		}
		return all
	}
	a, again, other := take(1), take(1), take(2)
	if !slices.Equal(a, again) || slices.Equal(a, other) || slices.IsSorted(a) {
		t.Errorf("%v\n%v\n%v", a, again, other)
	}
	slices.Sort(a)
	for i, n := range a {
		if int64(i) != n {
			t.Fatalf("%d comes in place of %d", n, i)
		}
	}
}

// A folder that cannot be written says what to do; with --data it is read, and nothing is created.
func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes read-only mounts")
	}
	o := tiny(t.TempDir())
	if _, err := LayFiles(t.Context(), o.Layout, filepath.Join(o.Dir, "data"), io.Discard); err != nil {
		t.Fatal(err)
	}
	mounted := t.TempDir()
	if err := unix.Mount(o.Dir, mounted, "", unix.MS_BIND, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(mounted, unix.MNT_DETACH) })
	if err := unix.Mount("", mounted, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	o.Compare, o.Dir = o.Dir, mounted
	if _, err := Files(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cannot be written: lay files in its source") {
		t.Error(err)
	}
	o.Data = "data"
	report, err := Files(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := (LeftOut{"create, unlink", mounted + ": read-only file system"}); !slices.Contains(report.LeftOut, want) {
		t.Errorf("left out %v", report.LeftOut)
	}
	if report.Folders[0].Path != mounted || len(report.Lines) != 12 {
		t.Errorf("%+v", report)
	}
}

// A folder that vanishes ends the run with its name, not with a figure.
func TestFolderVanishes(t *testing.T) {
	o := tiny(t.TempDir())
	o.Only, o.Phases = []string{"files"}, []string{warmPhase}
	o.Runs, o.Duration = 1000, 20*time.Millisecond
	timer := time.AfterFunc(200*time.Millisecond, func() { os.RemoveAll(filepath.Join(o.Dir, ownFolder, smallName)) })
	defer timer.Stop()
	if _, err := Files(t.Context(), o); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), o.Dir) {
		t.Error(err)
	}
	empty(t, o.Dir)
}

// A file that is shorter than it should be is no faster: it is an error.
func TestShortFile(t *testing.T) {
	o := tiny(t.TempDir())
	o.Data = "data"
	root := filepath.Join(o.Dir, "data")
	if _, err := LayFiles(t.Context(), o.Layout, root, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(o.Layout.file(root, 3), 499); err != nil {
		t.Fatal(err)
	}
	if _, err := Files(t.Context(), o); err == nil || !strings.Contains(err.Error(), "f000003 ends at 499, 1 bytes early") {
		t.Error(err)
	}
}

// An interrupted run leaves nothing behind, whether it was laying files or measuring.
func TestInterrupted(t *testing.T) {
	for _, after := range []time.Duration{0, 300 * time.Millisecond} {
		o := tiny(t.TempDir())
		o.Runs, o.Duration = 1000, time.Hour
		o.Phases = []string{warmPhase}
		ctx, cancel := context.WithTimeout(t.Context(), after)
		began := time.Now()
		_, err := Files(ctx, o)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		empty(t, o.Dir)
	}
}

// What a killed run left is laid anew; somebody's files are not touched.
func TestLayAgain(t *testing.T) {
	l := tiny("").Layout
	root := filepath.Join(t.TempDir(), "data")
	lay := func(l FilesLayout) (bool, error) { return LayFiles(t.Context(), l, root, io.Discard) }
	for _, want := range []bool{true, false} {
		if made, err := lay(l); err != nil || made != want {
			t.Fatal(made, err)
		}
	}
	other := l
	other.Files++
	if _, err := lay(other); err == nil || !strings.Contains(err.Error(), "of an earlier run") {
		t.Error(err)
	}
	if err := errors.Join(l.write(root), os.Remove(filepath.Join(root, largeName))); err != nil { // not complete
		t.Fatal(err)
	}
	if made, err := lay(other); err != nil || !made {
		t.Error(made, err)
	}
	root = t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lay(l); err == nil || !strings.Contains(err.Error(), "holds other files") {
		t.Error(err)
	}
	huge := l
	huge.Size = 1 << 60
	root = filepath.Join(t.TempDir(), "huge")
	if _, err := lay(huge); err == nil || !strings.Contains(err.Error(), "choose a smaller --size") {
		t.Error(err)
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was left: %v", err)
	}
}

func TestDataThatIsNotThere(t *testing.T) {
	o := tiny(t.TempDir())
	o.Data = "data"
	if _, err := Files(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no files were laid here") {
		t.Error(err)
	}
	o = tiny(filepath.Join(t.TempDir(), "none"))
	if _, err := Files(t.Context(), o); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	o.Dir = "/dev/null"
	if _, err := Files(t.Context(), o); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	o = tiny(t.TempDir())
	o.PIDs = []int{1 << 30}
	if _, err := Files(t.Context(), o); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	empty(t, o.Dir)
}
