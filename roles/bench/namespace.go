package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"goosefs/client"
	"goosefs/wire"
	"goosefs/wire/auth"
)

// Options of a run.
type Options struct {
	Files       []int64 // the sizes of the curve, rising
	Directories int64   // that the largest size is spread over; a smaller size fills the first of them
	Clients     []int
	Connections int           // that the clients share; 0: each has its own
	Duration    time.Duration // of each phase
	Wide        int64         // entries of the directory that `goosefs fs ls` lists; 0: it is not listed
	Batch       int           // paths in one call of a batched stat
	Only        []string      // operations; all by default
	Path        string        // directory of the cluster that everything is made in

	// Masters are to be started on this host, with their state in Dir. 0: there is a cluster, which Open reaches.
	Masters int
	Dir     string
	Restart bool // try how long a restart takes
	CatchUp bool // try what clients notice of a follower that gets everything anew

	// Open makes a client of the cluster that is configured.
	Open func() (*client.FS, error)
	// Properties are -Dkey=value pairs for processes that are started.
	Properties []string
	Executable string // the program; it lists, and is the masters
	Version    string
	Progress   io.Writer // what happens
}

// run is a run under way.
type run struct {
	options  Options
	progress *progress
	masters  *masters // nil: somebody else's
	open     func() (*client.FS, error)
}

// Namespace makes a run. What it measured before it failed is in the report, too.
func Namespace(ctx context.Context, o Options) (*Report, error) {
	r := &run{options: o, progress: newProgress(o.Progress), open: o.Open}
	report := &Report{Version: o.Version, Time: time.Now(), CPUs: runtime.NumCPU(), Local: o.Masters > 0, Masters: o.Masters}
	if o.Masters > 0 {
		m, err := newMasters(o.Executable, o.Dir, o.Masters, o.Properties)
		if err != nil {
			return report, err
		}
		defer m.close()
		r.masters, r.open = m, m.open
		if err := m.start(); err != nil {
			return report, err
		}
	}
	if err := r.greet(ctx, report); err != nil {
		return report, err
	}
	per := max(1, slices.Max(o.Files)/o.Directories)
	for _, files := range o.Files {
		p := Point{Files: files, Directories: (files + per - 1) / per}
		err := r.point(ctx, layout{o.Path + "/fill", per}, &p)
		report.Points = append(report.Points, p)
		if err != nil {
			if r.masters != nil {
				err = errors.Join(err, r.masters.lost())
			}
			return report, err
		}
	}
	return report, nil
}

// greet waits until the cluster serves.
func (r *run) greet(ctx context.Context, report *Report) error {
	f, err := r.served(ctx, "/")
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := f.Cluster(ctx)
	if err != nil {
		return err
	}
	report.Masters = len(c.Masters)
	r.progress.say("%d masters serve, %s leads; %s files are there", len(c.Masters), c.Leader, commas(c.Files))
	return nil
}

// served returns a client once the cluster tells of path: the caller closes it. It does not wait for masters of its own
// that have ended.
func (r *run) served(ctx context.Context, path string) (*client.FS, error) {
	f, err := r.open()
	if err != nil {
		return nil, err
	}
	if r.masters != nil {
		var stop func()
		ctx, stop = r.masters.watch(ctx)
		defer stop()
	}
	if _, err = f.Stat(ctx, path, client.StatOptions{}); err == nil {
		return f, nil
	}
	if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
		err = cause
	}
	return nil, errors.Join(err, f.Close())
}

func (r *run) point(ctx context.Context, l layout, p *Point) error {
	fill, created, err := r.fill(ctx, l, p.Files, "fill")
	if err != nil {
		return err
	}
	if created > 0 {
		p.Fill = &fill
		r.progress.say("filled: %s of %s files in %.0f s, %s/s", commas(created), commas(p.Files), fill.Seconds, commas(int64(fill.PerSecond)))
	}
	if r.masters != nil {
		if p.Costs, err = r.masters.costs(); err != nil {
			return err
		}
	}
	for _, n := range r.options.Clients {
		work := fmt.Sprintf("%s/work-%d", r.options.Path, time.Now().UnixNano())
		phases, err := r.phases(ctx, n, l, p.Files, work)
		p.Phases = append(p.Phases, phases...)
		if err != nil {
			return err
		}
		for _, f := range phases {
			r.progress.say("%-10s %3d clients %10s/s   p50 %.2f ms   p99 %.2f ms", f.Operation, f.Clients, commas(int64(f.PerSecond)), f.P50, f.P99)
		}
	}
	if r.options.Wide > 0 {
		if p.Listing, err = r.list(ctx); err != nil {
			return err
		}
	}
	if r.masters != nil {
		if p.SnapshotSeconds, p.SnapshotBytes, err = r.snapshot(ctx); err != nil {
			return err
		}
	}
	if r.options.CatchUp && len(r.options.Only) == 0 {
		if p.CatchUp, err = r.catchUp(ctx); err != nil {
			return err
		}
	}
	if r.masters != nil && r.options.Restart {
		p.RestartSeconds, err = r.restart(ctx, l.at(p.Files-1))
		r.progress.say("all masters killed and started: served after %.2f s", p.RestartSeconds)
	}
	return err
}

// wants says whether an operation is to be measured. Those that need others come with them.
func (r *run) wants(operation string) bool {
	if len(r.options.Only) == 0 {
		return true
	}
	needs := map[string][]string{"create": {"complete", "rename", "delete"}, "rename": {"delete"}}
	word, _, _ := strings.Cut(operation, " ")
	return slices.ContainsFunc(r.options.Only, func(o string) bool { return o == word || slices.Contains(needs[word], o) })
}

// connect makes n clients, which share so many connections; 0: each has its own.
func (r *run) connect(n, connections int) (clients []*client.FS, closeAll func(), err error) {
	if connections == 0 {
		connections = n
	}
	closeAll = func() {
		for _, f := range clients[:min(connections, len(clients))] {
			f.Close()
		}
	}
	for i := range n {
		if i >= connections {
			clients = append(clients, clients[i%connections])
			continue
		}
		f, err := r.open()
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		clients = append(clients, f)
	}
	return clients, closeAll, nil
}

// remove takes away what a measurement made.
func (r *run) remove(ctx context.Context, f *client.FS, dir string) error {
	err := f.Remove(ctx, dir, client.RemoveOptions{Recursive: true, CacheOnly: true})
	if errors.Is(err, syscall.ENOENT) {
		return nil // nothing was made
	}
	return err
}

// listTries is how often the large directory is listed.
const listTries = 5

// list lets a process of its own list a large directory.
func (r *run) list(ctx context.Context) (Listing, error) {
	dir := fmt.Sprintf("%s/wide-%d", r.options.Path, r.options.Wide)
	if err := r.fillWide(ctx, dir, r.options.Wide); err != nil {
		return Listing{}, err
	}
	listing := Listing{Entries: r.options.Wide}
	for range listTries {
		lines := &lineCounter{}
		cmd := exec.CommandContext(ctx, r.options.Executable, append([]string{"fs", "ls", dir}, r.properties()...)...)
		cmd.Stdout, cmd.Stderr = lines, os.Stderr
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return listing, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		listing.Seconds = append(listing.Seconds, time.Since(began).Seconds())
		if lines.n != r.options.Wide {
			return listing, fmt.Errorf("%s has %d entries, ls printed %d", dir, r.options.Wide, lines.n)
		}
	}
	r.progress.say("fs ls of %s entries: %.2f s", commas(listing.Entries), median(listing.Seconds))
	return listing, nil
}

// lineCounter is a writer that counts lines.
type lineCounter struct{ n int64 }

func (l *lineCounter) Write(p []byte) (int, error) {
	for _, b := range p {
		if b == '\n' {
			l.n++
		}
	}
	return len(p), nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// properties are those that a client process needs.
func (r *run) properties() []string {
	if r.masters != nil {
		return append(slices.Clone(r.masters.common), r.options.Properties...)
	}
	return r.options.Properties
}

// restart kills all masters and starts them. It returns how long it took, from the start, until path could be told.
func (r *run) restart(ctx context.Context, path string) (seconds float64, err error) {
	r.masters.end(syscall.SIGKILL)
	began := time.Now()
	if err := r.masters.start(); err != nil {
		return 0, err
	}
	f, err := r.served(ctx, path)
	if err != nil {
		return 0, err
	}
	return time.Since(began).Seconds(), f.Close()
}

// open makes a client of the masters that this run started.
func (m *masters) open() (*client.FS, error) {
	var addresses []string
	for _, h := range m.hosts {
		addresses = append(addresses, wire.HostPort(h.name, h.rpc))
	}
	return client.New(client.Config{Masters: addresses, Network: m.network(), Login: auth.Self()})
}

// network is that of the masters' names.
func (m *masters) network() wire.Network {
	table := make(map[string]string)
	for i, h := range m.hosts {
		table[h.name] = loopback(i)
	}
	return wire.TCP{Hosts: table}
}
