package shell

import (
	"io"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// meterDelay is how long a command may take before a meter is worth a line of the screen.
const meterDelay = 300 * time.Millisecond

// meter shows on a terminal how far a command is, if it takes a while. A nil one does nothing. add may be called from
// any goroutine.
type meter struct {
	tracker *progress.Tracker
	quit    chan struct{}
	ended   sync.WaitGroup
}

// unit is what a meter counts.
type unit int

const (
	noUnit unit = iota // only time passes
	inNames
	inBytes
)

// startMeter shows what is done and, if total is known and not 0, how much of it. It is nil when no terminal reads
// standard error, onto which nothing else may be written until it stops.
func (s *session) startMeter(what string, total int64, u unit) *meter {
	if !s.watched {
		return nil
	}
	s.out.Flush()
	m := &meter{tracker: &progress.Tracker{Message: what, Total: total}, quit: make(chan struct{})}
	switch u {
	case inNames:
		m.tracker.Units = progress.Units{Notation: " names", NotationPosition: progress.UnitsNotationPositionAfter}
	case inBytes:
		m.tracker.Units = progress.Units{Formatter: humanSize}
	}
	screen := newScreen(s.errOut, total > 0, u != noUnit)
	screen.AppendTracker(m.tracker)
	m.ended.Go(func() {
		select {
		case <-time.After(s.env.meterDelay):
			screen.Render() // ends by itself once the tracker has
		case <-m.quit:
		}
	})
	return m
}

func newScreen(w io.Writer, total, counts bool) progress.Writer {
	screen := progress.NewWriter()
	screen.SetOutputWriter(w)
	screen.SetAutoStop(true)
	screen.SetUpdateFrequency(100 * time.Millisecond)
	screen.SetTrackerPosition(progress.PositionRight)
	screen.SetTrackerLength(24)
	visible := &screen.Style().Visibility
	visible.ETA, visible.Percentage, visible.Tracker = total, total, total
	visible.Value, visible.Speed = counts, counts
	return screen
}

func (m *meter) add(n int64) {
	if m != nil {
		m.tracker.Increment(n)
	}
}

// stop leaves the last state on the screen. ok is whether the work was done.
func (m *meter) stop(ok bool) {
	if m == nil {
		return
	}
	if ok {
		m.tracker.MarkAsDone()
	} else {
		m.tracker.MarkAsErrored()
	}
	close(m.quit)
	m.ended.Wait()
}
