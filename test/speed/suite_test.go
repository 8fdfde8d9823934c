package speed

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"goosefs/roles/bench"
)

// settings are what the command line says.
type settings struct {
	program string // the goosefs to measure; "": nothing is
	docs    string
	quick   bool
	only    string // the mount to measure; "": all
}

// said reads the flags, which only a run of the suite has.
func said(t *testing.T) (s settings) {
	t.Helper()
	flags := flag.NewFlagSet("speed", flag.ContinueOnError)
	flags.StringVar(&s.program, "program", "", "")
	flags.StringVar(&s.docs, "docs", "", "")
	flags.StringVar(&s.only, "mount", "", "")
	flags.BoolVar(&s.quick, "quick", false, "")
	if err := flags.Parse(flag.Args()); err != nil {
		t.Fatal(err)
	}
	return s
}

// pair is one thing done several times by a mount and, each time just before, by curl. Both are rates.
type pair struct{ mount, curl []float64 }

// first is what reading something for the first time gave.
type first struct {
	large   pair // MB/s
	small   pair // files/s, 8 at once
	ordered pair // files/s, one after the other as a listing has them
}

// measured is a mount.
type measured struct {
	name   string
	firsts [3]first           // of each of the places; of the last only the large one
	report *bench.FilesReport // against the folder; nil: not held against it
}

// places are where the server is.
var places = [3]struct {
	name string
	far
}{
	{name: ""},
	{name: ", 40 ms away", far: far{late: 40 * time.Millisecond}},
	{name: ", 40 ms away, 100 MB/s a connection", far: far{late: 40 * time.Millisecond, pace: 100e6}},
}

// TestSuite is `make bench`.
func TestSuite(t *testing.T) {
	s := said(t)
	if s.program == "" {
		t.Skip("make bench runs it")
	}
	// Large files that are read for the first time are this one by other names.
	size, files, touched, rounds := "512MiB", 10_000, 200, 5
	if s.quick {
		size, files, touched, rounds = "128MiB", 500, 40, 3
	}
	home := publicDir(t)
	source := filepath.Join(home, "source")
	must(t, os.Mkdir(source, 0o755))
	command(t, s.program, "bench", "files", "--lay", filepath.Join(source, "bench"), "--size", size, "--files", strconv.Itoa(files))
	info, err := os.Stat(filepath.Join(source, "bench", "large"))
	must(t, err)
	small := smallFiles(t, filepath.Join(source, "bench"), touched*rounds)
	for round := range rounds {
		must(t, os.Link(filepath.Join(source, "bench", "large"), filepath.Join(source, largeName(round))))
		must(t, os.Mkdir(filepath.Join(source, orderedName(round)), 0o755))
		for i, name := range small[:min(100, touched)] {
			must(t, os.Link(filepath.Join(source, name), filepath.Join(source, orderedName(round), fmt.Sprintf("f%03d", i))))
		}
	}
	near := nginx(t, source)
	urls := [len(places)]string{near}
	for i, p := range places[1:] {
		urls[1+i] = relay(t, near, p.far)
	}

	var all []measured
	for _, m := range mounts(t, s.program) {
		if s.only != "" && s.only != m.name {
			continue
		}
		found := measured{name: m.name}
		for i, url := range urls {
			t.Run(fmt.Sprintf("%s, from %s", m.name, url), func(t *testing.T) {
				dir, pids := m.mount(t, url)
				for round := range rounds {
					warmMemory(t, home, info.Size())
					found.firsts[i].readLarge(t, url, dir, largeName(round))
					if places[i].pace == 0 {
						found.firsts[i].readSmall(t, url, dir, small[touched*round:][:touched])
						found.firsts[i].readOrdered(t, url, source, dir, orderedName(round))
					}
				}
				if i == 0 && !m.firstsOnly {
					cacheAll(t, dir)
					found.report = compare(t, s, dir, source, pids)
				}
			})
		}
		if t.Failed() {
			return
		}
		all = append(all, found)
	}
	text := table(all, size, files, s.quick)
	t.Log("\n" + text)
	if s.docs != "" {
		must(t, publish(filepath.Join(s.docs, "performance.md"), "files", text))
		must(t, os.WriteFile(filepath.Join(s.docs, "performance.svg"), picture(all), 0o644))
	}
}

func largeName(round int) string { return fmt.Sprintf("large-%d", round) }

func orderedName(round int) string { return fmt.Sprintf("ordered-%d", round) }

// warmMemory has the kernel use as much memory as a first read through a mount fills with pages, and let it go: on a
// virtual machine whose host takes free memory back, the first to touch it again would be measured instead.
func warmMemory(t *testing.T, dir string, bytes int64) {
	name := filepath.Join(dir, "memory")
	f, err := os.Create(name)
	must(t, err)
	defer os.Remove(name)
	defer f.Close()
	zeros := make([]byte, 1<<20)
	for range 2 * bytes >> 20 { // pages of the cache's file and of the mount's
		_, err := f.Write(zeros)
		must(t, err)
	}
}

// cacheAll reads all small files through a mount once: what is compared is how cached ones are read.
func cacheAll(t *testing.T, dir string) {
	all, err := filepath.Glob(filepath.Join(dir, "bench", "small", "*", "*"))
	must(t, err)
	eight(t, all, func(name string) error {
		_, err := readAll(name)
		return err
	})
}

// compare holds a mount against the folder behind it. Without a pid, nothing is told of what serves the mount.
func compare(t *testing.T, s settings, dir, source string, pids []string) *bench.FilesReport {
	run := func(args ...string) (report bench.FilesReport) {
		args = append([]string{"bench", "files", dir, "--compare", source, "--data", "bench", "--json"}, args...)
		if len(pids) > 0 {
			args = append(args, "--pid", strings.Join(pids, ","))
		}
		must(t, json.Unmarshal(command(t, s.program, args...), &report))
		return report
	}
	duration := []string{"--duration", "400ms"}
	if s.quick {
		duration = []string{"--runs", "3", "--duration", "200ms"}
	}
	all := []string{"--phases", "cold,mount-cold,warm"}
	var report bench.FilesReport
	if os.Geteuid() == 0 && !s.quick {
		report = run(append(duration, "--phases", "cold", "--only", "files")...)
		for i := range report.Lines {
			report.Lines[i].Phase = "own pages cold"
		}
		all = append(all, "--drop-caches")
	}
	lines := report.Lines
	report = run(append(duration, all...)...)
	report.Lines = append(lines, report.Lines...)
	return &report
}

// smallFiles are names of small files, spread over all, below the folder that is served.
func smallFiles(t *testing.T, root string, count int) (names []string) {
	all, err := filepath.Glob(filepath.Join(root, "small", "*", "*"))
	must(t, err)
	for i := range count {
		name, err := filepath.Rel(filepath.Dir(root), all[i*len(all)/count])
		must(t, err)
		names = append(names, filepath.ToSlash(name))
	}
	return names
}

// readLarge reads a file that nobody has read through the mount before, by curl and then through the mount.
func (f *first) readLarge(t *testing.T, url, dir, large string) {
	f.large.curl = append(f.large.curl, curlLarge(t, url+large))
	began := time.Now()
	n, err := readAll(filepath.Join(dir, large))
	must(t, err)
	f.large.mount = append(f.large.mount, float64(n)/time.Since(began).Seconds()/1e6)
}

// readSmall does the same with small files, eight at once.
func (f *first) readSmall(t *testing.T, url, dir string, small []string) {
	f.small.curl = append(f.small.curl, curlFiles(t, url, small, 8))
	f.small.mount = append(f.small.mount, eight(t, small, func(name string) error {
		_, err := readAll(filepath.Join(dir, filepath.FromSlash(name)))
		return err
	}))
}

// readOrdered lists a folder, and reads its files one after the other. curl is told their names.
func (f *first) readOrdered(t *testing.T, url, source, dir, folder string) {
	var names []string
	entries, err := os.ReadDir(filepath.Join(source, folder))
	must(t, err)
	for _, e := range entries {
		names = append(names, folder+"/"+e.Name())
	}
	f.ordered.curl = append(f.ordered.curl, curlFiles(t, url, names, 1))
	began := time.Now()
	entries, err = os.ReadDir(filepath.Join(dir, folder))
	must(t, err)
	for _, e := range entries {
		_, err := readAll(filepath.Join(dir, folder, e.Name()))
		must(t, err)
	}
	f.ordered.mount = append(f.ordered.mount, float64(len(entries))/time.Since(began).Seconds())
}

func readAll(name string) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
}

func curlLarge(t *testing.T, url string) float64 {
	began := time.Now()
	size, err := strconv.ParseFloat(string(command(t, "curl", "-sfo", "/dev/null", "-w", "%{size_download}", url)), 64)
	must(t, err)
	return size / time.Since(began).Seconds() / 1e6
}

// curlFiles is so many processes with a share of the files each.
func curlFiles(t *testing.T, url string, small []string, processes int) float64 {
	began := time.Now()
	var wg sync.WaitGroup
	for part := range slices.Chunk(small, (len(small)+processes-1)/processes) {
		args := []string{"-sf"}
		for _, name := range part {
			args = append(args, "-o", "/dev/null", url+name)
		}
		wg.Go(func() {
			if err := exec.Command("curl", args...).Run(); err != nil {
				t.Errorf("curl: %v", err)
			}
		})
	}
	wg.Wait()
	return float64(len(small)) / time.Since(began).Seconds()
}

// eight does something with all names, eight at once, and tells how many in a second.
func eight(t *testing.T, names []string, do func(string) error) float64 {
	began := time.Now()
	var wg sync.WaitGroup
	for part := range slices.Chunk(names, (len(names)+7)/8) {
		wg.Go(func() {
			for _, name := range part {
				if err := do(name); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(len(names)) / time.Since(began).Seconds()
}
