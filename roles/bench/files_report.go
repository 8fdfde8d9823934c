package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// FilesReport is what a measurement of folders found.
type FilesReport struct {
	Version    string      `json:"version"`
	Time       time.Time   `json:"time"`
	CPUs       int         `json:"cpus"`
	Folders    []Folder    `json:"folders"` // one, or two that were compared
	Layout     FilesLayout `json:"layout"`
	Runs       int         `json:"runs"`
	Seconds    float64     `json:"seconds"` // of each run, at most
	DropCaches bool        `json:"dropCaches"`
	Lines      []FilesLine `json:"lines"`
	LeftOut    []LeftOut   `json:"leftOut,omitempty"`
}

// Folder is one that was measured.
type Folder struct {
	Path       string `json:"path"`
	FileSystem string `json:"fileSystem"`
	Processes  []int  `json:"processes,omitempty"` // that serve it
}

// FilesLine is one operation by so many jobs at once, in one phase.
type FilesLine struct {
	Operation string   `json:"operation"`
	Jobs      int      `json:"jobs"`
	Phase     string   `json:"phase,omitempty"` // cold or warm
	Unit      string   `json:"unit"`
	Folders   []Series `json:"folders"`
	// Ratio is the first folder's rate by the second's, of each run of both; nil if one was measured.
	Ratio *Spread `json:"ratio,omitempty"`
}

// Series is what one folder gave.
type Series struct {
	Runs []float64 `json:"runs"` // in the line's unit
	Rate Spread    `json:"rate"`
	// P50 and P99 are of all runs together, of one operation.
	P50   float64 `json:"p50Microseconds"`
	P99   float64 `json:"p99Microseconds"`
	Bytes int64   `json:"bytes,omitempty"` // that all runs read
	// CPU is of the processes that serve the folder, for each GB, or for each million operations that read nothing.
	CPU      *float64 `json:"cpuSeconds,omitempty"`
	Resident int64    `json:"residentBytes,omitempty"` // of their memory, at most
}

// Spread is what several runs found.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// LeftOut is what was not measured.
type LeftOut struct {
	Operation string `json:"operation"`
	Reason    string `json:"reason"`
}

func spreadOf(values []float64) Spread {
	return Spread{median(values), slices.Min(values), slices.Max(values)}
}

func newFilesLine(t trial, found []tally) FilesLine {
	l := FilesLine{Operation: t.operation, Jobs: t.jobs, Phase: t.phase, Unit: t.unit.name}
	for _, f := range found {
		s := Series{Runs: f.rates, Rate: spreadOf(f.rates), P50: micros(f.took.quantile(0.50)), P99: micros(f.took.quantile(0.99)), Resident: f.resident}
		per := float64(f.steps) / 1e6
		if t.reads {
			s.Bytes = f.amount
			per = float64(f.amount) / 1e9
		}
		if f.served {
			cpu := f.busy.Seconds() / per
			s.CPU = &cpu
		}
		l.Folders = append(l.Folders, s)
	}
	if len(found) == 2 {
		ratio := spreadOf(ratios(found[0].rates, found[1].rates))
		l.Ratio = &ratio
	}
	return l
}

// ratios are those of each run of both sides: what the machine did meanwhile was the same for the two.
func ratios(a, b []float64) (r []float64) {
	for i := range min(len(a), len(b)) {
		r = append(r, a[i]/b[i])
	}
	return r
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// figure writes a number with three digits that matter, or all before the point.
func figure(v float64) string {
	switch {
	case v >= 100:
		return commas(int64(v + 0.5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func (s Spread) limits() string { return figure(s.Min) + " – " + figure(s.Max) }

// summary is the line as it is told when it is measured.
func (l FilesLine) summary() string {
	text := fmt.Sprintf("%s, %d at once", l.Operation, l.Jobs)
	if l.Phase != "" {
		text += ", " + l.Phase
	}
	var rates []string
	for _, s := range l.Folders {
		rates = append(rates, figure(s.Rate.Median))
	}
	text += ": " + strings.Join(rates, " and ") + " " + l.Unit
	if l.Ratio != nil {
		text += ", ratio " + figure(l.Ratio.Median)
	}
	return text
}

func (r *FilesReport) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTable writes the report for people.
func (r *FilesReport) writeTable(w io.Writer) error {
	cold := "the kernel's pages of the files are dropped"
	if r.DropCaches {
		cold = "all that the kernel can read again is dropped"
	}
	fmt.Fprintf(w, "goosefs %s, %d processors, %s; %s; %d runs of %s at most; cold: %s\n", r.Version, r.CPUs, r.Time.Format(time.DateTime), r.Layout,
		r.Runs, time.Duration(r.Seconds*float64(time.Second)), cold)
	for i, f := range r.Folders {
		fmt.Fprintf(w, "%c is %s (%s)\n", 'A'+i, f.Path, f.FileSystem)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	t.Write([]byte(r.heading()))
	for _, l := range r.Lines {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t", l.Operation, l.Jobs, l.Phase, l.Unit)
		for i, s := range l.Folders {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", figure(s.Rate.Median), s.Rate.limits(), figure(s.P50), figure(s.P99))
			if len(r.Folders[i].Processes) > 0 {
				fmt.Fprintf(t, "%s\t%s\t", figure(*s.CPU), mega(s.Resident))
			}
		}
		if l.Ratio != nil {
			fmt.Fprintf(t, "%.2f\t%s\t", l.Ratio.Median, l.Ratio.limits())
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Folders, func(f Folder) bool { return len(f.Processes) > 0 }) {
		fmt.Fprintln(w, "CPU s: of the processes named, for each GB, or for each million operations that read nothing")
	}
	for _, l := range r.LeftOut {
		fmt.Fprintf(w, "left out: %s: %s\n", l.Operation, l.Reason)
	}
	return nil
}

func (r *FilesReport) heading() string {
	text := "operation\tat once\tphase\tunit\t"
	for i, f := range r.Folders {
		text += fmt.Sprintf("%c\tmin – max\tp50 µs\tp99 µs\t", 'A'+i)
		if len(f.Processes) > 0 {
			text += "CPU s\tmemory\t"
		}
	}
	if len(r.Folders) == 2 {
		text += "A / B\tmin – max\t"
	}
	return text + "\n"
}
