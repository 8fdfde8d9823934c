package sim

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"goosefs/raftlog"

	"github.com/anishathalye/porcupine"
	"go.uber.org/goleak"
)

var (
	seed  = flag.Uint64("seed", 0, "run this seed only, and tell all about it")
	seeds = flag.Int("seeds", 0, "how many seeds to run; 0: a share of a minute")
	first = flag.Uint64("first", 0, "the first of them; 0 picks one")
	lasts = flag.Duration("for", 0, "begin no more seeds after so long; 0: run all")
	shard = flag.Bool("shard", false, "run the seeds in this process and write verdicts; for the test itself")
)

func TestMain(m *testing.M) {
	flag.Parse()
	raftlog.SetSegmentBytes(segment) // small: a run goes through several
	os.Exit(m.Run())
}

// simulate runs a plan, and judges it.
func simulate(t *testing.T, p plan, verbose bool) (v verdict, w *world) {
	began := time.Now()
	dir := scratch(t)
	defer os.RemoveAll(dir)
	cryptotest.SetGlobalRandom(t, p.seed) // raft's election timeouts
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(p, dir, verbose)
		w.run()
	})
	v = w.judge()
	v.Seconds = time.Since(began).Seconds()
	return v, w
}

// scratch is a folder for disks, in memory if there is any.
func scratch(t *testing.T) string {
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = ""
	}
	dir, err := os.MkdirTemp(base, "goosefs-sim-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// judge says what came of the run.
func (w *world) judge() verdict {
	records := w.history.mu.records
	outcomes, complaints := w.oracle.judge(records)
	v := verdict{Seed: w.plan.seed, Faults: w.mu.faults, Commands: len(w.oracle.mu.applied)}
	v.Repeated = v.Commands - len(outcomes)
	v.Complaints = append(w.mu.complaints, complaints...)
	for _, r := range records {
		switch {
		case r.outcome == unknown:
			v.Unknown++
		case r.outcome == refused:
			v.Refused++
		case r.op.kind.reads():
			v.Reads++
		default:
			v.Acked++
		}
	}
	switch result := porcupine.CheckOperationsTimeout(model(), w.history.operations(outcomes), patience); result {
	case porcupine.Ok:
	case porcupine.Illegal:
		v.Complaints = append(v.Complaints, "the history is not linearizable")
	default:
		v.Complaints = append(v.Complaints, "porcupine does not know")
	}
	faults := 0
	for _, n := range w.mu.faults {
		faults += n
	}
	if faults < leastFaults || v.Acked < leastAcked || v.Reads < leastReads {
		v.Complaints = append(v.Complaints, fmt.Sprintf("too little happened: %d faults, %d changes acknowledged, %d reads", faults, v.Acked, v.Reads))
	}
	v.Digest = fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, records)))[:12]
	return v
}

// What a run must at least have seen to say anything.
const (
	leastFaults = 5
	leastAcked  = 50
	leastReads  = 50
)

// TestShard runs seeds one after the other and writes a line of JSON for each: one before, and one after it.
func TestShard(t *testing.T) {
	if !*shard {
		t.Skip("runs as a child of TestSeeds and TestMutants")
	}
	runtime.GOMAXPROCS(1) // then what happens at one instant happens in much the same order
	out, began := json.NewEncoder(os.Stdout), time.Now()
	for i := range uint64(*seeds) {
		if *lasts > 0 && time.Since(began) > *lasts {
			break
		}
		p := planOf(*first + i)
		if err := out.Encode(verdict{Seed: p.seed}); err != nil {
			t.Fatal(err)
		}
		v, _ := simulate(t, p, false)
		if err := out.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	goleak.VerifyNone(t)
}

// TestOne runs one seed and tells all about it.
func TestOne(t *testing.T) {
	if *seed == 0 {
		t.Skip("give a seed with -seed")
	}
	runtime.GOMAXPROCS(1)
	p := planOf(*seed)
	t.Logf("%s", p)
	v, w := simulate(t, p, testing.Verbose())
	t.Logf("%s", &w.mu.events)
	t.Logf("%+v", v)
	for _, c := range v.Complaints {
		t.Error(c)
	}
	if t.Failed() {
		w.save(t)
	}
	goleak.VerifyNone(t)
}

// save keeps the history of a run, to be looked at.
func (w *world) save(t *testing.T) {
	outcomes, _ := w.oracle.judge(w.history.mu.records)
	_, info := porcupine.CheckOperationsVerbose(model(), w.history.operations(outcomes), patience)
	path := filepath.Join(os.TempDir(), fmt.Sprintf("goosefs-sim-%d.html", w.plan.seed))
	if err := porcupine.VisualizePath(model(), info, path); err != nil {
		t.Error(err)
	}
	t.Logf("the history is in %s", path)
}

func somewhere() uint64 { return rand.Uint64N(1 << 40) }
