package chaos

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// What users may notice of a leader that dies.
const (
	failoverP99   = 2 * time.Second
	failoverWorst = 4 * time.Second
)

// TestFailover kills the leader again and again, under load, and takes the time until somebody is answered again.
func TestFailover(t *testing.T) {
	if said.kills == 0 {
		t.Skip("it takes a while: make failover")
	}
	p := program(t)
	dir, err := os.MkdirTemp("", "goosefs-failover-")
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(newNetwork(t), p, dir, folder, nil, nil)
	if err == nil {
		defer c.close()
		err = c.await(upLimit, "three new masters lead and follow", level)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := newLoad(c, said.seed|1)
	if err := l.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer l.end()
	var gaps []time.Duration
	for len(gaps) < said.kills {
		time.Sleep(time.Second)
		gap, err := failover(c, l)
		if err != nil {
			t.Fatalf("after %d kills: %v; it is in %s", len(gaps), err, dir)
		}
		fmt.Printf("%s kill %3d: %4d ms\n", time.Now().Format("15:04:05"), len(gaps)+1, gap.Milliseconds())
		gaps = append(gaps, gap)
	}
	text := failoverTable(gaps)
	fmt.Print(text)
	if said.docs != "" {
		if err := publish(filepath.Join(said.docs, "performance.md"), "failover", text); err != nil {
			t.Error(err)
		}
	}
	if p99, worst := quantile(gaps, 0.99), slices.Max(gaps); p99 > failoverP99 || worst > failoverWorst {
		t.Errorf("p99 %s, worst %s; they may be %s and %s", p99, worst, failoverP99, failoverWorst)
	}
	os.RemoveAll(dir)
}

// failover kills the leader, and says how long after its death somebody was answered again: until the end of the longest
// time without any answer, for those that were on their way when it died still come. It returns when the third master
// is back.
func failover(c *cluster, l *load) (time.Duration, error) {
	m := c.leader(context.Background())
	if m == nil {
		return 0, errors.New("nobody leads")
	}
	m.kill()
	dead := time.Now()
	if err := c.await(upLimit, "another leads", serves); err != nil {
		return 0, err
	}
	for led := time.Now(); l.answered(led) < 50; time.Sleep(10 * time.Millisecond) {
		if time.Since(led) > upLimit {
			return 0, errors.New("nobody is answered")
		}
	}
	gap, at := l.longestGap(dead, time.Now())
	return at.Add(gap).Sub(dead), errors.Join(m.start(), c.await(healLimit, "the third follows again", united))
}

func failoverTable(times []time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s: the leader of three masters killed %d times, under the load of 8 clients.\n\n", time.Now().Format("2006-01-02"), runtime.NumCPU(), runtime.Version(), len(times))
	b.WriteString("| until a change or a read is answered again | s |\n|---|--:|\n")
	for _, q := range []struct {
		name string
		q    float64
	}{{"median", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"worst", 1}} {
		fmt.Fprintf(&b, "| %s | %.2f |\n", q.name, quantile(times, q.q).Seconds())
	}
	return b.String()
}

// quantile is the least of the times that so large a part of all does not exceed.
func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
