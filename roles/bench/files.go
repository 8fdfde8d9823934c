package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// FilesOptions of a measurement of folders.
type FilesOptions struct {
	Dir     string
	Compare string // a second folder; "": there is none
	Data    string // the folder in each that --lay made; "": a run lays its own files
	Layout  FilesLayout
	// LayoutAsked: the layout was asked for in words, so another one that is found does not do.
	LayoutAsked bool

	Block, RandomBlock        int64
	Jobs, RandomJobs, Readers []int // at once; several are measured one after the other
	Only                      []string
	Phases                    []string
	Runs                      int
	Duration                  time.Duration // of each run, at most
	DropCaches                bool
	Keep                      bool // the files that were laid

	PIDs, ComparePIDs []int // of what serves the folders
	Version           string
	Progress          io.Writer
}

// wants says whether an operation is to be measured.
func (o FilesOptions) wants(operation string) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, operation)
}

// filesRun is a run under way.
type filesRun struct {
	options  FilesOptions
	progress *progress
	sides    []*side
}

// LayFiles makes the files that --data names.
func LayFiles(ctx context.Context, l FilesLayout, root string, progress io.Writer) (made bool, err error) {
	return l.lay(ctx, root, newProgress(progress))
}

// Files measures a folder, or two by turns. What it measured before it failed is in the report, too.
func Files(ctx context.Context, o FilesOptions) (report *FilesReport, err error) {
	r := &filesRun{options: o, progress: newProgress(o.Progress)}
	report = &FilesReport{
		Version: o.Version, Time: time.Now(), CPUs: runtime.NumCPU(), Layout: o.Layout, Runs: o.Runs, Seconds: o.Duration.Seconds(), DropCaches: o.DropCaches,
	}
	defer func() {
		for _, s := range r.sides {
			err = errors.Join(err, s.close(o.Keep))
		}
	}()
	whyNotWritten, err := r.open(ctx, report)
	if err != nil {
		return report, err
	}
	r.options.Layout = r.sides[0].layout
	report.Layout = r.sides[0].layout
	if err := r.options.fits(); err != nil {
		return report, err
	}
	groups, left := r.options.groups(whyNotWritten)
	report.LeftOut = left
	var warmed trial // the phase and the kind of data: another phase may have had all forgotten
	for _, g := range groups {
		if warm := g[0].phase == warmPhase || g[0].phase == mountColdPhase; warm && (g[0].kind != warmed.kind || g[0].phase != warmed.phase) {
			if err := r.warm(ctx, g[0].kind); err != nil {
				return report, err
			}
			warmed = g[0]
		}
		lines, err := r.measure(ctx, g)
		report.Lines = append(report.Lines, lines...)
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

// open finds the folders. whyNotWritten is why nothing can be created in one of them; "" if it can.
func (r *filesRun) open(ctx context.Context, report *FilesReport) (whyNotWritten string, err error) {
	o := r.options
	for i, dir := range []string{o.Dir, o.Compare} {
		if dir == "" {
			continue
		}
		s, err := openSide(ctx, o, dir, [][]int{o.PIDs, o.ComparePIDs}[i], r.progress)
		if err != nil {
			return "", err
		}
		r.sides = append(r.sides, s)
		if s.layout != r.sides[0].layout {
			return "", fmt.Errorf("%s holds %s, but %s holds %s: they cannot be compared", s.root, s.layout, r.sides[0].root, r.sides[0].layout)
		}
		if whyNotWritten == "" {
			whyNotWritten = s.whyNotWritten
		}
		report.Folders = append(report.Folders, Folder{dir, fileSystem(s.root), s.pids})
	}
	return whyNotWritten, nil
}

// measure runs a group again and again, on all sides by turns, and tells a line for each trial once all runs are done.
func (r *filesRun) measure(ctx context.Context, g group) (lines []FilesLine, err error) {
	found := make([][]tally, len(g)) // by trial and side
	for i := range g {
		found[i] = make([]tally, len(r.sides))
	}
	for run := range r.options.Runs {
		for i, s := range r.sides {
			if err := r.forget(ctx, i, g[0]); err != nil {
				return nil, err
			}
			for j, t := range g {
				what := fmt.Sprintf("%s, %d at once, %s, run %d of %d", t.operation, t.jobs, s.dir, run+1, r.options.Runs)
				if err := r.sample(ctx, t, s, run, what, &found[j][i]); err != nil {
					return nil, err
				}
			}
		}
	}
	for i, t := range g {
		l := newFilesLine(t, found[i])
		r.progress.say("%s", l.summary())
		lines = append(lines, l)
	}
	return lines, nil
}

// warm reads everything once on all sides, in order. What the kernel has of it goes first: pages that random reads brought
// lie scattered, and are read at a third of the rate of those that came in order.
func (r *filesRun) warm(ctx context.Context, kind dataKind) error {
	if r.options.DropCaches {
		if err := dropCaches(); err != nil {
			return err
		}
	}
	for _, s := range r.sides {
		if err := s.forget(ctx, kind); err != nil {
			return err
		}
		if err := s.warm(ctx, kind, r.progress); err != nil {
			return err
		}
	}
	return nil
}

// forget has the kernel forget what a phase wants forgotten of side i.
func (r *filesRun) forget(ctx context.Context, i int, t trial) error {
	switch {
	case t.phase == coldPhase && r.options.DropCaches:
		return dropCaches()
	case t.phase == coldPhase, t.phase == mountColdPhase && i == 0:
		return r.sides[i].forget(ctx, t.kind)
	}
	return nil
}

// tally is what a trial found on one side, over all runs.
type tally struct {
	rates    []float64 // of each run, in the trial's unit
	took     histogram
	steps    int64
	amount   int64
	busy     time.Duration // of what serves the side
	resident int64         // at most
	served   bool          // somebody was asked for the two
}

// sample is one run of a trial on one side.
func (r *filesRun) sample(ctx context.Context, t trial, s *side, run int, what string, into *tally) (err error) {
	jobs := make([]job, 0, t.jobs)
	defer func() {
		for _, j := range jobs {
			if j.end != nil {
				j.end()
			}
		}
	}()
	for i := range t.jobs {
		j, err := t.begin(s, place{run, i, t.jobs})
		if err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	busy, _, err := s.serving()
	if err != nil {
		return err
	}
	limit := r.options.Duration
	if t.whole {
		limit = 1<<63 - 1
	}
	took, steps, amount, seconds, err := race(ctx, jobs, limit, func(done *atomic.Int64) (stop func()) { return r.progress.watch(what, done, 0) })
	if err != nil {
		return err
	}
	after, resident, err := s.serving()
	if err != nil {
		return err
	}
	into.took.merge(took)
	into.steps += steps
	into.amount += amount
	into.busy += after - busy
	into.resident = max(into.resident, resident)
	into.served = len(s.pids) > 0
	count := float64(steps)
	if t.unit.amounts {
		count = float64(amount)
	}
	into.rates = append(into.rates, count/seconds/t.unit.per)
	return nil
}

// toldEvery is how often a job tells how far it is: not at each step, which jobs would wait for each other for.
const toldEvery = 100 * time.Millisecond

// race lets all jobs run at once, each on a thread of its own, until the limit or until nothing is left to do. It ends at
// the first error. seconds is until the last of them ended.
func race(ctx context.Context, jobs []job, limit time.Duration, watch func(*atomic.Int64) func()) (took *histogram, steps, amount int64, seconds float64, err error) {
	// A job that waits in a system call keeps its place to run in, so that coming back costs nothing.
	if before := runtime.GOMAXPROCS(0); len(jobs) >= before {
		runtime.GOMAXPROCS(len(jobs) + 1)
		defer runtime.GOMAXPROCS(before)
	}
	var done atomic.Int64
	var stopped atomic.Bool
	defer context.AfterFunc(ctx, func() { stopped.Store(true) })()
	defer watch(&done)()
	var total struct {
		sync.Mutex
		histogram
	}
	var ready, wg sync.WaitGroup
	start := make(chan struct{})
	var began time.Time
	ready.Add(len(jobs))
	for _, j := range jobs {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			own := new(histogram)
			ready.Done()
			<-start
			n, gave, last, failed := j.run(began, limit, &stopped, own, &done)
			total.Lock()
			defer total.Unlock()
			total.merge(own)
			steps, amount, seconds = steps+n, amount+gave, max(seconds, last.Seconds())
			if failed != nil {
				stopped.Store(true)
				err = errors.Join(err, failed)
			}
		})
	}
	ready.Wait()
	began = time.Now()
	close(start)
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && steps == 0:
		err = errors.New("nothing was done: the files are too few or too small for so many jobs")
	}
	return &total.histogram, steps, amount, seconds, err
}

// run does steps until the limit after began. last is when the last one ended.
func (j job) run(began time.Time, limit time.Duration, stopped *atomic.Bool, took *histogram, done *atomic.Int64) (steps, amount int64, last time.Duration, err error) {
	last = time.Since(began)
	var told time.Duration
	var toldSteps int64
	for ; last < limit && !stopped.Load(); steps++ {
		gave, more, err := j.step(steps)
		if err != nil {
			return steps, amount, last, err
		}
		if !more {
			break
		}
		now := time.Since(began)
		took.add(now - last)
		last = now
		amount += gave
		if now-told > toldEvery {
			done.Add(steps + 1 - toldSteps)
			told, toldSteps = now, steps+1
		}
	}
	return steps, amount, last, nil
}
