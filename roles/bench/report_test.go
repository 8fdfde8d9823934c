package bench

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() *Report {
	return &Report{
		Version: "2.1.0", Time: time.Date(2026, 3, 7, 1, 2, 3, 0, time.UTC), CPUs: 2, Local: true, Masters: 3,
		Points: []Point{{
			Files: 1_000_000, Directories: 1000,
			Fill: &Phase{Operation: "create+complete", Clients: 256, Operations: 1_000_000, Seconds: 200, PerSecond: 5000, P50: 20, P99: 80.5, Max: 1000, MasterBusySeconds: 300, ClientBusySeconds: 50},
			Phases: []Phase{
				{Operation: "list", Clients: 8, Operations: 1000, Seconds: 2, PerSecond: 500, P50: 1, P99: 2, Max: 3, Names: 1_000_000, ClientBusySeconds: 1},
				{Operation: "rename", Clients: 8, Operations: 10, Failures: 1, Failure: "no such luck", Seconds: 1, PerSecond: 10, P50: 0.25, P99: 2, Max: 3.14},
			},
			Listing:         Listing{Entries: 100_000, Seconds: []float64{0.5, 0.25, 0.75}},
			SnapshotSeconds: 3.5, SnapshotBytes: 200 << 20,
			Costs:          []Cost{{Master: "m0", Resident: 400 << 20, Anonymous: 100 << 20, Mapped: 300 << 20, Peak: 500 << 20, Journal: 64 << 20, Metastore: 250 << 20}},
			RestartSeconds: 2.345,
			CatchUp:        &CatchUp{Seconds: 12.34, Before: Phase{Clients: 8, PerSecond: 1234.5, P99: 5}, During: Phase{Clients: 8, PerSecond: 1000, P99: 7.5}},
		}},
	}
}

func TestTable(t *testing.T) {
	var got strings.Builder
	if err := sample().writeTable(&got); err != nil {
		t.Fatal(err)
	}
	want := `goosefs 2.1.0, 3 masters on this host, clients on 2 processors, 2026-03-07 01:02:03

1,000,000 files in 1,000 directories
        operation  clients  per second  p50 ms  p99 ms  max ms  names/s  CPU masters  CPU clients  failed
  create+complete      256       5,000   20.00   80.50  1000.0                  1.50         0.25       0
             list        8         500    1.00    2.00     3.0  500,000         0.00         0.50       0
           rename        8          10    0.25    2.00     3.1                  0.00         0.00       1
rename with 8 clients: no such luck

  master  resident  bytes/file  anonymous   mapped     peak  journal  metastore  bytes/file
      m0   400 MiB         419    100 MiB  300 MiB  500 MiB   64 MiB    250 MiB         262

fs ls of 100,000 entries: 0.50 s (median of 3)
snapshot: 3.50 s, 200 MiB
a follower with an empty disk caught up in 12.3 s: creates by 8 clients, p99 5.00 ms before and 7.50 ms meanwhile, 1,234/s and 1,000/s
all masters killed and started: served after 2.35 s
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestJSON(t *testing.T) {
	var text strings.Builder
	want := sample()
	if err := want.writeJSON(&text); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("%v: %+v", err, got)
	}
	if got.failures() != 1 {
		t.Errorf("%d failures", got.failures())
	}
}

func TestLine(t *testing.T) {
	for want, got := range map[string]string{
		"stat, 8 clients: 1,500, 500/s":                      line("stat, 8 clients", 1500, 500, 0, 2*time.Second),
		"fill: 1,500 of 10,000, 500/s, 17s left":             line("fill", 1500, 500, 10_000, 2*time.Second),
		"fill: 500 of 10,000, 0/s":                           line("fill", 500, 500, 10_000, 2*time.Second),
		"fill: 1,234,567 of 10,000,000, 617,283/s, 14s left": line("fill", 1234567, 0, 10_000_000, 2*time.Second),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := commas(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
