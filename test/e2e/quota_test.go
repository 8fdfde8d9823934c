package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestLargerThanCache reads a dataset that is larger than the cache. Every byte is right, no tier is ever above its
// quota, and what passes the high watermark comes back to the low one.
func TestLargerThanCache(t *testing.T) {
	program(t)
	quota := sized(64<<20, 2<<30)
	source := newBigSource(t, manySizes(quota))
	home := publicDir(t)
	c := newCluster(t, source.url, append(ownTiers(home), "quota: 2G", "quota: "+strconv.FormatInt(quota>>20, 10)+"M")...)
	c.startCold()
	var tiers []string
	for i := range 3 {
		tiers = append(tiers, filepath.Join(home, fmt.Sprintf("disk1/default/hbase/worker-%d", i)))
	}
	watch := watchUse(t, tiers)

	began := time.Now()
	var total int64
	var small []string
	for i, name := range sorted(source.sizes) {
		if strings.HasPrefix(name, "small") {
			small = append(small, name)
			continue
		}
		c.readMade(source, name)
		if total += source.sizes[name]; i%8 == 0 {
			c.checkCapacity(quota)
		}
	}
	t.Logf("read %d MiB through 3 x %d MiB in %.1fs; the source sent %d MiB", total>>20, quota>>20, time.Since(began).Seconds(), source.sent.Load()>>20)

	// Then little by little, so that the tiers come to rest after each file.
	marks := watermarks{high: quota * 8 / 10, low: quota * 7 / 10, slack: source.sizes[small[len(small)-1]]}
	freed := map[string]int{}
	rest := marks.await(t, tiers, nil, freed)
	for _, name := range small {
		if len(freed) == len(tiers) {
			break
		}
		c.readMade(source, name)
		rest = marks.await(t, tiers, rest, freed)
	}
	if len(freed) < len(tiers) {
		t.Errorf("of 3 tiers only these were freed: %v", freed)
	}
	for dir, peak := range watch.end() {
		t.Logf("%s: at most %.1f MiB on disk, at last %.1f MiB", filepath.Base(dir), mebi(peak), mebi(rest[dir]))
		if peak > quota {
			t.Errorf("%s: %d bytes on disk, above the quota of %d", dir, peak, quota)
		}
	}
	c.checkCapacity(quota)
}

// manySizes are files of many times the quota, one of which is larger than a tier, and small ones besides.
func manySizes(quota int64) map[string]int64 {
	sizes := map[string]int64{"huge": quota + quota/2 + 12345}
	for i := range sized(5, 2) {
		sizes[fmt.Sprintf("large-%d", i)] = quota*2/3 + i
	}
	for i := range sized(40, 12) {
		sizes[fmt.Sprintf("medium-%02d", i)] = quota/6 + i
	}
	for i := range 99 {
		sizes[fmt.Sprintf("small-%02d", i)] = quota/50 + int64(i)
	}
	return sizes
}

// readMade reads a file through the mount.
func (c *cluster) readMade(source *bigSource, name string) {
	c.t.Helper()
	_, err := within(c.t, 10*time.Minute, "reading "+name, func() (struct{}, error) {
		f, err := os.Open(c.path(name))
		if err != nil {
			return struct{}{}, err
		}
		defer f.Close()
		return struct{}{}, source.check(name, f)
	})
	if err != nil {
		c.t.Error(err)
	}
}

// watermarks of a tier, in bytes.
type watermarks struct {
	high, low int64
	slack     int64 // what is read between two looks; it may come when the evictor is done already
}

// await waits until every tier either holds about as much as before, and is not above high, or was freed down to low;
// these are counted. It returns what they hold. Before nil, all may hold anything up to high.
func (w watermarks) await(t testing.TB, tiers []string, before map[string]int64, freed map[string]int) map[string]int64 {
	t.Helper()
	now := map[string]int64{}
	unsettled := func() string {
		for _, dir := range tiers {
			now[dir] = diskUse(t, dir)
			if now[dir] > w.high || now[dir] < before[dir]-w.slack && now[dir] > w.low+w.slack {
				return fmt.Sprintf("%s had %.3f MiB and has %.3f MiB; want at most %.3f MiB and, once freed, %.3f MiB",
					filepath.Base(dir), mebi(before[dir]), mebi(now[dir]), mebi(w.high), mebi(w.low))
			}
		}
		return ""
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		what := unsettled()
		if what == "" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a tier does not settle: %s", what)
		}
	}
	for _, dir := range tiers {
		if now[dir] < before[dir]-w.slack {
			freed[dir]++
		}
	}
	return now
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

// useWatch samples how much folders take on disk.
type useWatch struct {
	stop    context.CancelFunc
	sampler sync.WaitGroup
	peaks   map[string]int64 // the sampler's until it has ended
}

func watchUse(t testing.TB, dirs []string) *useWatch {
	ctx, stop := context.WithCancel(t.Context())
	w := &useWatch{stop: stop, peaks: map[string]int64{}}
	w.sampler.Go(func() {
		for ctx.Err() == nil {
			for _, dir := range dirs {
				w.peaks[dir] = max(w.peaks[dir], diskUse(t, dir))
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { w.end() })
	return w
}

// end stops sampling and returns the most that each folder ever took.
func (w *useWatch) end() map[string]int64 {
	w.stop()
	w.sampler.Wait()
	return w.peaks
}

// diskUse is what du says of a folder: blocks that are allocated, not sizes.
func diskUse(t testing.TB, dir string) int64 {
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				total += info.Sys().(*syscall.Stat_t).Blocks * 512
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // evicted meanwhile
		}
		return err
	})
	if err != nil {
		t.Errorf("du %s: %v", dir, err)
	}
	return total
}

// checkCapacity looks at what the cluster itself says of its tiers.
func (c *cluster) checkCapacity(quota int64) {
	c.t.Helper()
	printed := c.goosefs("fsadmin", "report", "capacity")
	lines := regexp.MustCompile(`(?m)^(hbase-worker-\d) +\d+ +capacity +(\S+)\n +used +(\S+) `).FindAllStringSubmatch(printed, -1)
	if len(lines) != 3 {
		c.t.Fatalf("fsadmin report capacity prints\n%s", printed)
	}
	for _, line := range lines {
		capacity, used := parseSize(c.t, line[2]), parseSize(c.t, line[3])
		if capacity != float64(quota) || used > capacity {
			c.t.Errorf("%s: %s used of %s, with a quota of %d", line[1], line[3], line[2], quota)
		}
	}
}

// parseSize reads 47.72MB.
func parseSize(t testing.TB, text string) float64 {
	t.Helper()
	parts := regexp.MustCompile(`^([\d.]+)([KMG]?B)$`).FindStringSubmatch(text)
	if parts == nil {
		t.Fatalf("%q is no size", text)
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	must(t, err)
	return n * map[string]float64{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[parts[2]]
}
