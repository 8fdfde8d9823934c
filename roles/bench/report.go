package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// Report is what a run found: a point of the curve for each size.
type Report struct {
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	CPUs    int       `json:"cpus"`  // of the host that ran the clients
	Local   bool      `json:"local"` // it ran the masters too
	Masters int       `json:"masters"`
	Points  []Point   `json:"points"`
}

// Point is what was measured at one size.
type Point struct {
	Files       int64   `json:"files"`
	Directories int64   `json:"directories"`
	Fill        *Phase  `json:"fill,omitempty"` // nil if the files were there already
	Phases      []Phase `json:"phases"`
	Listing     Listing `json:"listing"`
	Costs       []Cost  `json:"costs,omitempty"` // of local masters
	// SnapshotSeconds is how long a backup of the namespace took, SnapshotBytes how large it is; 0 if none was made.
	SnapshotSeconds float64  `json:"snapshotSeconds,omitempty"`
	SnapshotBytes   int64    `json:"snapshotBytes,omitempty"`
	CatchUp         *CatchUp `json:"catchUp,omitempty"`
	// RestartSeconds is how long nobody answered after all masters were killed and started; 0 if that was not tried.
	RestartSeconds float64 `json:"restartSeconds,omitempty"`
}

// Phase is one kind of operation, done for a while by some clients at once.
type Phase struct {
	Operation  string  `json:"operation"`
	Clients    int     `json:"clients"`
	Operations int64   `json:"operations"` // that succeeded
	Failures   int64   `json:"failures"`
	Failure    string  `json:"failure,omitempty"` // the first
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"perSecond"`
	P50        float64 `json:"p50Milliseconds"`
	P99        float64 `json:"p99Milliseconds"`
	Max        float64 `json:"maxMilliseconds"`
	// Names are how many names the operations told, where one tells many.
	Names int64 `json:"names,omitempty"`
	// BusySeconds is processor time, in seconds: of all local masters, and of this process.
	MasterBusySeconds float64 `json:"masterBusySeconds,omitempty"`
	ClientBusySeconds float64 `json:"clientBusySeconds"`
}

// Listing is `goosefs fs ls` of a large directory.
type Listing struct {
	Entries int64     `json:"entries"`
	Seconds []float64 `json:"seconds"` // of each try
}

// Cost is what one master needs.
type Cost struct {
	Master    string `json:"master"`
	Resident  int64  `json:"residentBytes"`     // of memory: the two below and a little
	Anonymous int64  `json:"anonymousBytes"`    // its own
	Mapped    int64  `json:"mappedBytes"`       // pages of its database, which the kernel may take back
	Peak      int64  `json:"peakResidentBytes"` // ever
	Journal   int64  `json:"journalBytes"`      // on disk
	Metastore int64  `json:"metastoreBytes"`    // on disk
}

func (r *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTable writes the report for people.
func (r *Report) writeTable(w io.Writer) error {
	where := "by configuration"
	if r.Local {
		where = "on this host"
	}
	fmt.Fprintf(w, "goosefs %s, %d masters %s, clients on %d processors, %s\n", r.Version, r.Masters, where, r.CPUs, r.Time.Format(time.DateTime))
	for _, p := range r.Points {
		fmt.Fprintf(w, "\n%s files in %s directories\n", commas(p.Files), commas(p.Directories))
		if err := p.write(w); err != nil {
			return err
		}
	}
	return nil
}

func (p *Point) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tclients\tper second\tp50 ms\tp99 ms\tmax ms\tnames/s\tCPU masters\tCPU clients\tfailed\t")
	phases := p.Phases
	if p.Fill != nil {
		phases = append([]Phase{*p.Fill}, phases...)
	}
	for _, f := range phases {
		names := ""
		if f.Names > 0 {
			names = commas(int64(float64(f.Names) / f.Seconds))
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%.2f\t%.2f\t%.1f\t%s\t%.2f\t%.2f\t%d\t\n", f.Operation, f.Clients, commas(int64(f.PerSecond)),
			f.P50, f.P99, f.Max, names, f.MasterBusySeconds/f.Seconds, f.ClientBusySeconds/f.Seconds, f.Failures)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range phases {
		if f.Failures > 0 {
			fmt.Fprintf(w, "%s with %d clients: %s\n", f.Operation, f.Clients, f.Failure)
		}
	}
	if len(p.Costs) > 0 {
		fmt.Fprintln(t, "\nmaster\tresident\tbytes/file\tanonymous\tmapped\tpeak\tjournal\tmetastore\tbytes/file\t")
	}
	for _, c := range p.Costs {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t\n", c.Master, mega(c.Resident), c.Resident/max(p.Files, 1), mega(c.Anonymous),
			mega(c.Mapped), mega(c.Peak), mega(c.Journal), mega(c.Metastore), c.Metastore/max(p.Files, 1))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(p.Listing.Seconds) > 0 {
		fmt.Fprintf(w, "\nfs ls of %s entries: %.2f s (median of %d)\n", commas(p.Listing.Entries), median(p.Listing.Seconds), len(p.Listing.Seconds))
	}
	if p.SnapshotSeconds > 0 {
		fmt.Fprintf(w, "snapshot: %.2f s, %s\n", p.SnapshotSeconds, mega(p.SnapshotBytes))
	}
	if c := p.CatchUp; c != nil {
		fmt.Fprintf(w, "a follower with an empty disk caught up in %.1f s: creates by %d clients, p99 %.2f ms before and %.2f ms meanwhile, %s/s and %s/s\n",
			c.Seconds, c.Before.Clients, c.Before.P99, c.During.P99, commas(int64(c.Before.PerSecond)), commas(int64(c.During.PerSecond)))
	}
	if p.RestartSeconds > 0 {
		fmt.Fprintf(w, "all masters killed and started: served after %.2f s\n", p.RestartSeconds)
	}
	return nil
}

func mega(bytes int64) string { return strconv.FormatInt(bytes>>20, 10) + " MiB" }

// commas writes 1234567 as 1,234,567.
func commas(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
