package sim

import (
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var allMutants = flag.Bool("mutants", false, "build and run all mutants, not only two")

// mutant is a mistake that a build tag puts into the masters (raftlog/mutants.go, metastore/mutants.go), and how many
// seeds may pass before the simulation notices.
type mutant struct {
	tag    string
	within int
}

func mutants() []mutant {
	return []mutant{
		{"mutant_lease_read", 300},
		{"mutant_ack_before_sync", 300},
		{"mutant_no_operation_id", 300},
		{"mutant_same_read_id", 300},
		{"mutant_applied_later", 300},
		{"mutant_no_read_index", 300},
		{"mutant_answer_at_append", 300},
		{"mutant_image_without_ops", 300},
	}
}

// TestMutants shows that the simulation notices each mistake that it is there to notice. Building each takes a while, so
// without -mutants only two are tried, others each day.
func TestMutants(t *testing.T) {
	if *seed != 0 || *shard || testing.Short() {
		t.Skip("not in a short test, nor for one seed")
	}
	compiler, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go to build mutants with")
	}
	tried := mutants()
	if !*allMutants {
		at := time.Now().YearDay() * 2 % len(tried)
		tried = tried[at : at+2]
	}
	for _, m := range tried {
		t.Run(strings.TrimPrefix(m.tag, "mutant_"), func(t *testing.T) { m.mustTurnRed(t, compiler) })
	}
}

func (m mutant) mustTurnRed(t *testing.T, compiler string) {
	binary := filepath.Join(t.TempDir(), m.tag)
	if out, err := exec.Command(compiler, "test", "-c", "-tags", m.tag, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var total sum
	parts := runtime.NumCPU()
	done := make(chan struct{})
	from := *first
	if from == 0 {
		from = somewhere()
	}
	for part := range parts {
		go func() {
			defer func() { done <- struct{}{} }()
			total.child(binary, from+uint64(m.within*part/parts), from+uint64(m.within*(part+1)/parts), 0, true)
		}()
	}
	for range parts {
		<-done
	}
	if len(total.red) == 0 {
		t.Fatalf("%d seeds from %d do not notice", len(total.verdicts), from)
	}
	t.Logf("red after %d seeds: %s", len(total.verdicts), firstLine(total.red[0]))
}

func firstLine(v verdict) string {
	line, _, _ := strings.Cut(v.Complaints[0], "\n")
	return fmt.Sprintf("seed %d: %s (%d complaints)", v.Seed, line, len(v.Complaints))
}
