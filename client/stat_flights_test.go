package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goosefs/wire"
	"goosefs/wire/pb"
)

// gate holds messages of f about one path at the leader until n calls wait for the next, and lets all pass from then on.
type gate struct {
	f    *FS
	n    int
	open atomic.Bool
}

// answer is an actor's. It runs on the goroutine of a call, which must end with an answer whatever happens.
func (g *gate) answer(op string, _ any) error {
	if op != "stat" {
		return nil
	}
	for end := time.Now().Add(10 * time.Second); !g.open.Load(); time.Sleep(time.Millisecond) {
		g.f.stats.mu.Lock()
		waiting := len(g.f.stats.mu.waiting)
		g.f.stats.mu.Unlock()
		if waiting >= g.n {
			g.open.Store(true)
		} else if time.Now().After(end) {
			return fmt.Errorf("%d calls wait, never %d", waiting, g.n)
		}
	}
	return nil
}

// ask lets n callers stat /0 to /n-1 at once, and returns their errors.
func ask(ctx context.Context, f *FS, n int) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			p := fmt.Sprintf("/%d", i)
			info, err := f.Stat(ctx, p, StatOptions{})
			if errs[i] = err; err == nil && info.Path != p {
				errs[i] = fmt.Errorf("asked for %s, told of %s", p, info.Path)
			}
		})
	}
	all.Wait()
	return errs
}

// Callers that come while messages are under way share the next. What that cannot tell is asked for alone.
func TestStatsFlyTogether(t *testing.T) {
	p := newPlay(t, 1, 0)
	p.lead(0)
	f := p.client()
	g := &gate{f: f, n: 10 - flightLimit}
	p.masters[0].set(func(m *actor) {
		m.mu.missing = map[string]bool{"/3": true, "/5": true, "/9": true}
		m.mu.answer = func(op string, call any) error {
			err := g.answer(op, call)
			if req, ok := call.(*pb.GetStatusPRequest); ok && m.mu.missing[req.GetPath()] {
				err = &fs.PathError{Op: "stat", Path: req.GetPath(), Err: syscall.ENOENT}
			}
			return err
		}
	})
	for i, err := range ask(t.Context(), f, 10) {
		if missing := i == 3 || i == 5 || i == 9; missing != errors.Is(err, syscall.ENOENT) || !missing && err != nil {
			t.Errorf("/%d: %v", i, err)
		}
	}
	counts := map[string]int{}
	for _, op := range p.masters[0].did() {
		counts[op]++
	}
	if counts["batch"] != 1 || counts["stat"] > flightLimit+3 {
		t.Errorf("asked %v", counts)
	}
	if f.stats.mu.flying != 0 || len(f.stats.mu.waiting) != 0 {
		t.Errorf("%d fly, %d wait", f.stats.mu.flying, len(f.stats.mu.waiting))
	}
}

// A message that no master answers, or that is answered with nonsense, leaves each caller with an answer of the leader.
func TestStatsFlyAlone(t *testing.T) {
	for what, answer := range map[string]func(*pb.GetStatusBatchPResponse) error{
		"refused":   func(*pb.GetStatusBatchPResponse) error { return syscall.EIO },
		"a standby": func(*pb.GetStatusBatchPResponse) error { return wire.NotLeader("") },
		"too few":   func(r *pb.GetStatusBatchPResponse) error { r.FileInfos = r.FileInfos[1:]; return nil },
		"unknown fail": func(r *pb.GetStatusBatchPResponse) error {
			r.FileInfos, r.FailedPaths = r.FileInfos[1:], []string{"/x"}
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPlay(t, 1, 0)
			p.lead(0)
			f := p.client()
			p.masters[0].set(func(m *actor) {
				m.mu.answer = (&gate{f: f, n: 8 - flightLimit}).answer
				m.mu.batch = answer
			})
			for i, err := range ask(t.Context(), f, 8) {
				if err != nil {
					t.Errorf("/%d: %v", i, err)
				}
			}
		})
	}
}

// A master that falls silent costs those who asked it a moment, and is left alone for a while.
func TestSilentMasterIsAvoided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, 3, 0)
		p.lead(0)
		f := p.client()
		defer f.Close()
		p.masters[1].set(func(m *actor) { m.mu.silent = true })
		g := &gate{f: f, n: 20 - flightLimit}
		p.masters[0].set(func(m *actor) { m.mu.answer = g.answer })
		for round := range 4 {
			synctest.Wait() // the last message of the round before has landed
			g.open.Store(false)
			for i, err := range ask(t.Context(), f, 20) {
				if err != nil {
					t.Errorf("round %d, /%d: %v", round, i, err)
				}
			}
		}
		if n := len(p.masters[1].did()); n > 1 {
			t.Errorf("the silent master was asked %d times", n)
		}
		p.masters[0].set(func(m *actor) { m.mu.answer = nil })
		time.Sleep(restFor + time.Second)
		given := map[string]bool{}
		for range 6 {
			given[f.masters.any()] = true
		}
		if len(given) != 3 {
			t.Errorf("after its rest: %v", given)
		}
		for _, addr := range f.masters.addrs {
			f.masters.avoid(addr)
		}
		if f.masters.any() == "" {
			t.Error("all are avoided, and none is given")
		}
		for _, stop := range p.stops {
			stop()
		}
	})
}

// Who waits for a shared message can leave, by himself or with the client.
func TestStatsEnd(t *testing.T) {
	p := newPlay(t, 1, 0)
	p.lead(0)
	f := p.client()
	p.masters[0].set(func(m *actor) { m.mu.silent = true })
	held, release := context.WithCancel(t.Context())
	defer release()
	var errs sync.WaitGroup
	for range flightLimit {
		errs.Go(func() { f.Stat(held, "/held", StatOptions{}) })
	}
	eventually(t, "messages are under way", func() bool { return len(p.masters[0].did()) == flightLimit })
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 2)
	go func() { _, err := f.Stat(ctx, "/left", StatOptions{}); left <- err }()
	eventually(t, "a call waits", func() bool {
		f.stats.mu.Lock()
		defer f.stats.mu.Unlock()
		return len(f.stats.mu.waiting) == 1
	})
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() { _, err := f.Stat(t.Context(), "/closed", StatOptions{}); left <- err }()
	eventually(t, "another call waits", func() bool {
		f.stats.mu.Lock()
		defer f.stats.mu.Unlock()
		return len(f.stats.mu.waiting) == 2
	})
	f.Close()
	if err := <-left; errnoOf(err) != syscall.EBADF {
		t.Error(err)
	}
	errs.Wait()
}
