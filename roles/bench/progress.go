package bench

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// progress tells how far a run is: on a terminal a line that is written over, elsewhere a line now and then.
type progress struct {
	to   io.Writer
	live bool // to is a terminal
}

const (
	liveEvery  = 500 * time.Millisecond
	linesEvery = 30 * time.Second
)

func newProgress(w io.Writer) *progress {
	p := &progress{to: w}
	if f, ok := w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		p.live = err == nil
	}
	return p
}

// watch tells of done, of which there will be total (0: unknown), until the returned function is called.
func (p *progress) watch(what string, done *atomic.Int64, total int64) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	began, first := time.Now(), done.Load()
	every := linesEvery
	if p.live {
		every = liveEvery
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show(line(what, done.Load(), first, total, time.Since(began)))
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
		if p.live {
			fmt.Fprint(p.to, "\r\x1b[K")
		}
	}
}

// line words progress.
func line(what string, done, first, total int64, passed time.Duration) string {
	perSecond := float64(done-first) / max(passed.Seconds(), 1e-3)
	if total == 0 {
		return fmt.Sprintf("%s: %s, %s/s", what, commas(done), commas(int64(perSecond)))
	}
	text := fmt.Sprintf("%s: %s of %s, %s/s", what, commas(done), commas(total), commas(int64(perSecond)))
	if perSecond >= 1 {
		left := time.Duration(float64(total-done) / perSecond * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

func (p *progress) show(text string) {
	if p.live {
		fmt.Fprintf(p.to, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.to, text)
	}
}

// say tells what happens next.
func (p *progress) say(format string, args ...any) {
	if p.live {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
	fmt.Fprintf(p.to, format+"\n", args...)
}
