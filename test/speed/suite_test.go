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

// first is what reading something for the first time gave.
type first struct {
	delayed bool
	large   float64 // MB/s
	small   float64 // files/s, 8 at once
}

// measured is a mount, or curl.
type measured struct {
	name   string
	firsts []first
	report *bench.FilesReport // against the folder; nil of curl
}

const delay = 40 * time.Millisecond

// TestSuite is `make bench`.
func TestSuite(t *testing.T) {
	s := said(t)
	if s.program == "" {
		t.Skip("make bench runs it")
	}
	size, files, touched := "1GiB", 5000, 400
	if s.quick {
		size, files, touched = "128MiB", 500, 100
	}
	home := publicDir(t)
	source := filepath.Join(home, "source")
	must(t, os.Mkdir(source, 0o755))
	command(t, s.program, "bench", "files", "--lay", filepath.Join(source, "bench"), "--size", size, "--files", strconv.Itoa(files))
	direct := nginx(t, source)
	urls := map[bool]string{false: direct, true: delayed(t, direct, delay)}
	small := smallFiles(t, filepath.Join(source, "bench"), touched)

	all := []measured{{name: "curl"}}
	for _, slow := range []bool{false, true} {
		all[0].firsts = append(all[0].firsts, curl(t, urls[slow], small, slow))
	}
	for _, m := range mounts(t, s.program) {
		if s.only != "" && s.only != m.name {
			continue
		}
		found := measured{name: m.name}
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, delayed %v", m.name, slow), func(t *testing.T) {
				dir := m.mount(t, urls[slow])
				found.firsts = append(found.firsts, firstReads(t, dir, small, slow))
				if !slow {
					found.report = compare(t, s, dir, source)
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

// compare holds a mount against the folder behind it.
func compare(t *testing.T, s settings, dir, source string) *bench.FilesReport {
	args := []string{"bench", "files", dir, "--compare", source, "--data", "bench", "--json"}
	if s.quick {
		args = append(args, "--runs", "3", "--duration", "200ms")
	} else if os.Geteuid() == 0 {
		args = append(args, "--drop-caches")
	}
	var report bench.FilesReport
	must(t, json.Unmarshal(command(t, s.program, args...), &report))
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

// firstReads reads what nobody has read through the mount before.
func firstReads(t *testing.T, dir string, small []string, slow bool) first {
	read := func(name string) (int64, error) {
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return 0, err
		}
		defer f.Close()
		return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
	}
	began := time.Now()
	n, err := read("bench/large")
	must(t, err)
	large := float64(n) / time.Since(began).Seconds() / 1e6
	return first{slow, large, eight(t, small, func(name string) error { _, err := read(name); return err })}
}

// curl is firstReads without any mount: a process for the large file, and one for each eighth of the small ones.
func curl(t *testing.T, url string, small []string, slow bool) first {
	began := time.Now()
	size, err := strconv.ParseFloat(string(command(t, "curl", "-sfo", "/dev/null", "-w", "%{size_download}", url+"bench/large")), 64)
	must(t, err)
	large := size / time.Since(began).Seconds() / 1e6
	began = time.Now()
	var wg sync.WaitGroup
	for part := range slices.Chunk(small, (len(small)+7)/8) {
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
	return first{slow, large, float64(len(small)) / time.Since(began).Seconds()}
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
