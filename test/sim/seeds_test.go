package sim

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A test of which nothing else is said runs a share: so many seeds, and begins none after so long.
const (
	share    = 300
	shareFor = 30 * time.Second
)

// TestSeeds runs seeds on all processors, each in a child process: so a run that dies or hangs is known by its seed.
func TestSeeds(t *testing.T) {
	if *seed != 0 || *shard {
		t.Skip("one seed is TestOne's")
	}
	began, from, n, limit := time.Now(), *first, *seeds, *lasts
	if from == 0 {
		from = somewhere()
	}
	if n == 0 {
		n, limit = share, cmp.Or(limit, shareFor)
	}
	if testing.Short() {
		n, limit = n/10, limit/10
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seeds %d to %d", from, from+uint64(n)-1)
	var total sum
	var children sync.WaitGroup
	parts := min(runtime.NumCPU(), n)
	for part := range parts {
		children.Go(func() {
			at, end := from+uint64(n*part/parts), from+uint64(n*(part+1)/parts)
			for at < end {
				at = total.child(self, at, end, limit, false)
				if limit > 0 && time.Since(began) > limit {
					break
				}
			}
		})
	}
	children.Wait()
	t.Logf("%s in %s", &total, time.Since(began).Round(time.Second))
	for _, v := range total.red {
		t.Errorf("seed %d: %s\nrun it with: go test ./test/sim -run One -seed %d -v", v.Seed, strings.Join(v.Complaints, "\n"), v.Seed)
	}
}

// sum is what came of many runs.
type sum struct {
	mu       sync.Mutex
	verdicts []verdict
	red      []verdict
}

// hangs is how long a run may take: in the time of a bubble nothing waits.
const hangs = time.Minute

// child runs the seeds from at to end in a child process, until one dies, or is red if that is enough. It returns the
// seed to go on with.
func (s *sum) child(self string, at, end uint64, limit time.Duration, untilRed bool) (next uint64) {
	cmd := exec.Command(self, "-test.run=^TestShard$", "-test.timeout=0", "-shard",
		fmt.Sprint("-first=", at), fmt.Sprint("-seeds=", end-at), fmt.Sprint("-for=", limit))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.add(verdict{Seed: at, Complaints: []string{err.Error()}})
		return end
	}
	dog := time.AfterFunc(hangs, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer dog.Stop()
	running, rest := at, ""
	for lines := bufio.NewReader(out); err == nil; {
		var text string
		text, err = lines.ReadString('\n')
		var v verdict
		if json.Unmarshal([]byte(text), &v) != nil {
			rest += text
			continue
		}
		dog.Reset(hangs)
		if running = v.Seed; v.Seconds == 0 {
			continue // it begins
		}
		running++
		if s.add(v); untilRed && s.isRed() {
			_ = cmd.Process.Kill()
			_, _ = io.Copy(io.Discard, out)
			_ = cmd.Wait()
			return end
		}
	}
	if err := cmd.Wait(); err != nil {
		s.add(verdict{Seed: running, Complaints: []string{fmt.Sprintf("the run dies: %v\n%s%s", err, clip(rest), clip(stderr.String()))}})
	}
	return running + 1
}

// clip shortens the output of a process that died.
func clip(s string) string {
	const limit = 6000
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return s
}

func (s *sum) add(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts = append(s.verdicts, v)
	if len(v.Complaints) > 0 {
		s.red = append(s.red, v)
	}
}

func (s *sum) isRed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.red) > 0
}

func (s *sum) String() string {
	faults := make(map[faultKind]int)
	var all verdict
	least, slowest := -1, 0.0
	for _, v := range s.verdicts {
		all.Acked += v.Acked
		all.Reads += v.Reads
		all.Refused += v.Refused
		all.Unknown += v.Unknown
		all.Commands += v.Commands
		all.Repeated += v.Repeated
		if least < 0 || v.Acked < least {
			least = v.Acked
		}
		slowest = max(slowest, v.Seconds)
		for kind, n := range v.Faults {
			faults[kind] += n
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs, %d red: %d changes acknowledged (at least %d in a run), %d reads, %d refused; %d commands applied, %d of them repetitions; %d outcomes unknown to clients, looked up; slowest run %.2fs",
		len(s.verdicts), len(s.red), all.Acked, least, all.Reads, all.Refused, all.Commands, all.Repeated, all.Unknown, slowest)
	for _, kind := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(&b, "\n%8d %s", faults[kind], kind)
	}
	return b.String()
}
