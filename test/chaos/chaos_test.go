package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

// faults are all kinds.
func faults() []fault { return slices.Concat(processFaults(), networkFaults(), diskFaults()) }

// share is what is told without flags.
var share = []string{"kill-leader", "cut-one-way", "power-cut-all"}

func TestChaos(t *testing.T) {
	told := chosen(t)
	p := program(t)
	seed := said.seed
	if seed == 0 {
		seed = rand.Uint64() >> 16
	}
	for _, f := range told {
		for _, tool := range f.tools {
			_, err := exec.LookPath(tool)
			need(t, err)
		}
	}
	n := newNetwork(t)
	var all table
	for began, i := time.Now(), 0; i < len(told) && said.duration == 0 || time.Since(began) < said.duration; i++ {
		f := told[i%len(told)]
		dir, err := os.MkdirTemp("", "goosefs-chaos-"+f.name+"-")
		if err != nil {
			t.Fatal(err)
		}
		r := tell(n, p, dir, f, seed+uint64(i))
		all.add(f, r)
		fmt.Println(time.Now().Format("15:04:05"), r)
		if r.good() {
			os.RemoveAll(dir)
			continue
		}
		t.Errorf("%s\n\tit is in %s; again with -args -faults '^%s$' -seed %d", r, keep(dir, f.name, r.seed), f.name, r.seed)
	}
	fmt.Print(all.String())
	if said.docs != "" {
		if err := all.publish(filepath.Join(said.docs, "chaos.md")); err != nil {
			t.Error(err)
		}
	}
}

// chosen are the faults that the flags name.
func chosen(t *testing.T) (list []fault) {
	t.Helper()
	want, err := regexp.Compile(said.faults)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults() {
		short := said.faults == "" && said.duration == 0
		if want.MatchString(f.name) && (!short || slices.Contains(share, f.name)) {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		t.Fatal(errors.New("no fault has such a name"))
	}
	return list
}

// keep moves what is left of a red history to where it was asked to be, and says where it is.
func keep(dir, name string, seed uint64) string {
	if said.keep == "" {
		return dir
	}
	kept := filepath.Join(said.keep, fmt.Sprintf("%s-%d", name, seed))
	os.MkdirAll(said.keep, 0o755)
	os.RemoveAll(kept)
	if _, err := command("mv", dir, kept); err != nil {
		return dir
	}
	return kept
}
