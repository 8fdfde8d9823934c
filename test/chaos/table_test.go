package chaos

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"goosefs/test/model"
)

// table is what became of all stories, by fault.
type table struct {
	rows  []*row
	began time.Time
}

type row struct {
	fault                         fault
	injected, histories           int
	operations, open, refused     int
	illegal, undecided, otherwise int
	gap                           time.Duration
}

func (t *table) add(f fault, r result) {
	if t.began.IsZero() {
		t.began = time.Now().Add(-r.took)
	}
	w := t.row(f)
	w.histories++
	w.injected += r.injected
	w.operations += r.acked
	w.open += r.open
	w.refused += r.refused
	w.gap = max(w.gap, r.gap)
	switch {
	case r.verdict == model.Illegal:
		w.illegal++
	case r.verdict == model.Undecided && r.acked > 0:
		w.undecided++
	case r.err != nil:
		w.otherwise++
	}
}

func (t *table) row(f fault) *row {
	for _, w := range t.rows {
		if w.fault.name == f.name {
			return w
		}
	}
	t.rows = append(t.rows, &row{fault: f})
	return t.rows[len(t.rows)-1]
}

func (t *table) total() (all row) {
	for _, w := range t.rows {
		all.injected += w.injected
		all.histories += w.histories
		all.operations += w.operations
		all.open += w.open
		all.refused += w.refused
		all.illegal += w.illegal
		all.undecided += w.undecided
		all.otherwise += w.otherwise
		all.gap = max(all.gap, w.gap)
	}
	return all
}

func (t *table) String() string {
	var b strings.Builder
	line := func(name string, w row) {
		fmt.Fprintf(&b, "%-18s %8d %9d %10d %7d %9d %5d %7d %7d %6.1f s\n", name, w.injected, w.histories, w.operations, w.illegal, w.undecided, w.otherwise, w.open, w.refused, w.gap.Seconds())
	}
	fmt.Fprintf(&b, "%-18s %8s %9s %10s %7s %9s %5s %7s %7s %8s\n", "fault", "injected", "histories", "operations", "illegal", "undecided", "other", "unknown", "refused", "gap")
	for _, w := range t.rows {
		line(w.fault.name, *w)
	}
	line("all", t.total())
	return b.String()
}

// markdown is the table as a document has it.
func (t *table) markdown() string {
	var b strings.Builder
	all := t.total()
	fmt.Fprintf(&b, "%s, %d cores, %s: %d histories in %s, %d kinds of fault.\n\n", time.Now().Format("2006-01-02"), runtime.NumCPU(), runtime.Version(), all.histories, time.Since(t.began).Round(time.Minute), len(t.rows))
	b.WriteString("| fault | what happens | injected | histories | operations | illegal | undecided | other failures | outcome unknown | longest gap |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	line := func(name, what string, w row) {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %d | %d | %.1f s |\n", name, what, w.injected, w.histories, w.operations, w.illegal, w.undecided, w.otherwise, w.open, w.gap.Seconds())
	}
	for _, w := range t.rows {
		line(w.fault.name, w.fault.what, *w)
	}
	line("**all**", "", all)
	return b.String()
}

// publish writes the table into a document, between its marks.
func (t *table) publish(path string) error { return publish(path, "chaos", t.markdown()) }

// publish puts text into a document, between the marks of that name.
func publish(path, name, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- %s -->\n", name), fmt.Sprintf("<!-- end of %s -->", name)
	head, rest, found := strings.Cut(string(document), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no place %q", path, strings.TrimSpace(begin))
	}
	return os.WriteFile(path, []byte(head+begin+text+end+tail), 0o644)
}
