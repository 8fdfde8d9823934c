package blockcache

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestPlan reads a cache as text and prints what is decided:
//
//	tier HDD high=0.8 low=0.7
//	dir a limit=100 used=85 owed=5
//	block 1/0 bytes=10 class=1 at=3 in-use
//
// Regenerate with -rewrite, and commit only differences that you understand.
func TestPlan(t *testing.T) {
	datadriven.Walk(t, "testdata/plan", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			tiers, names := parseTiers(t, td.Input)
			switch td.Cmd {
			case "plan":
				return victims(plan(tiers))
			case "room":
				var need int64
				td.ScanArgs(t, "need", &need)
				return victims(planRoom(tiers[0].dirs[0], need))
			case "place":
				var need int64
				td.ScanArgs(t, "need", &need)
				i, j, ok := place(tiers, need)
				if !ok {
					return "nowhere\n"
				}
				return names[i][j] + "\n"
			}
			t.Fatalf("no command %q", td.Cmd)
			return ""
		})
	})
}

func victims(list []candidate) string {
	if len(list) == 0 {
		return "none\n"
	}
	var b strings.Builder
	var total int64
	for _, v := range list {
		fmt.Fprintf(&b, "%d/%d ", v.file, v.index)
		total += v.bytes
	}
	return fmt.Sprintf("%s(%d bytes)\n", b.String(), total)
}

func parseTiers(t *testing.T, text string) (tiers []tierState, names [][]string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		var high, low float64
		var c candidate
		var d dirState
		for _, w := range words[2:] {
			key, value, _ := strings.Cut(w, "=")
			to := map[string]any{"high": &high, "low": &low, "limit": &d.limit, "used": &d.used,
				"owed": &d.owed, "bytes": &c.bytes, "class": &c.heat.class, "at": &c.heat.touched}[key]
			if key == "in-use" {
				c.inUse = true
			} else if _, err := fmt.Sscan(value, to); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		switch words[0] {
		case "tier":
			tiers = append(tiers, tierState{high: high, low: low})
			names = append(names, nil)
		case "dir":
			last := &tiers[len(tiers)-1]
			last.dirs = append(last.dirs, d)
			names[len(names)-1] = append(names[len(names)-1], words[1])
		case "block":
			if _, err := fmt.Sscanf(words[1], "%d/%d", &c.file, &c.index); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			dirs := tiers[len(tiers)-1].dirs
			last := &dirs[len(dirs)-1]
			last.cold = append(last.cold, c)
			slices.SortFunc(last.cold, func(a, b candidate) int { return a.heat.compare(b.heat) })
			last.coldest = last.cold[0].heat
		}
	}
	return tiers, names
}
