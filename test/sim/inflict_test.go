package sim

import (
	"context"
	"syscall"
	"time"
)

// inflict makes a fault happen, and ends it when its time is over.
func (w *world) inflict(f fault) {
	m := w.victim(f.member)
	w.note("%s: master %d", f, m.id)
	switch f.kind {
	case kill, killAll, stopAt, tear, restart, syncFails, noSpace, flushFails, bitRot:
		w.end(m, f)
	case pause:
		w.pause(m, f.lasts)
	case transfer:
		if l := m.alive(); l != nil {
			ctx, cancel := context.WithTimeout(l.ctx, f.lasts)
			defer cancel()
			if l.log.TransferLeadership(ctx, 0) == nil {
				w.injected(transfer)
			}
		}
	case slowDisk:
		m.set(func() { m.mu.slow = time.Duration(f.amount * float64(500*time.Millisecond)) })
		w.injected(slowDisk)
		time.Sleep(f.lasts)
		m.set(func() { m.mu.slow = time.Millisecond })
	case diskFull:
		m.set(func() { m.mu.free = int64(f.amount * reserve) })
		w.injected(diskFull)
		time.Sleep(f.lasts)
		m.set(func() { m.mu.free = plenty })
	case slowClock:
		m.set(func() { m.mu.dull = 2 + int(4*f.amount) })
		w.injected(slowClock)
		time.Sleep(f.lasts)
		m.set(func() { m.mu.dull = 1 })
	case clockJump:
		m.set(func() { m.mu.skew += time.Duration((f.amount - 0.5) * float64(2*time.Minute)) })
		w.injected(clockJump)
	default:
		w.blow(m, f)
	}
}

// victim is the member that plays the part.
func (w *world) victim(part who) *member {
	if part != leader && part != follower {
		return w.member(uint64(part))
	}
	for _, m := range w.members {
		if l := m.alive(); l != nil {
			if role, _ := l.log.Watch(); role.Leading == (part == leader) {
				return m
			}
		}
	}
	return w.member(1)
}

// end ends the present life of a master, or sees to it that something does.
func (w *world) end(m *member, f fault) {
	victims := []*member{m}
	if f.kind == killAll {
		victims = w.members
	}
	for _, m := range victims {
		m.set(func() { m.mu.down = f.lasts })
		l := m.alive()
		if l == nil {
			continue
		}
		switch f.kind {
		case stopAt:
			l.disk.arm(f.point, 0)
		case tear:
			l.disk.arm(string(tear), f.amount)
		case syncFails:
			l.disk.fail(syscall.EIO, f.amount < 0.5)
		case noSpace:
			l.disk.fail(syscall.ENOSPC, f.amount < 0.5)
		case flushFails:
			l.disk.failFlush(syscall.EIO)
		case restart:
			w.injected(restart)
			select {
			case m.quit <- false:
			case <-l.disk.stopped:
			}
		case bitRot:
			m.set(func() { m.mu.rot = &f.amount })
			l.disk.stop()
		default:
			w.injected(f.kind)
			l.disk.stop()
		}
	}
}

// pause stops a process and continues it.
func (w *world) pause(m *member, d time.Duration) {
	resume := make(chan struct{})
	paused := false
	m.set(func() {
		if m.mu.resume == nil {
			m.mu.resume, paused = resume, true
		}
	})
	if !paused {
		return
	}
	w.injected(pause)
	time.Sleep(d)
	m.set(func() { m.mu.resume = nil })
	close(resume)
	w.note("master %d goes on", m.id)
}

// blow is the weather of a fault of the network.
func (w *world) blow(m *member, f fault) {
	other := m.id%3 + 1
	third := other%3 + 1
	if f.amount < 0.5 {
		other, third = third, other
	}
	var bad weather
	switch f.kind {
	case isolate, flap, staleLead:
		bad.cut = func(from, to uint64) bool { return from == m.id || to == m.id }
	case oneWay:
		bad.cut = func(from, to uint64) bool { return from == m.id && (f.amount < 0.3 || f.amount > 0.7 || to == other) }
		if f.amount > 0.4 && f.amount < 0.6 || f.amount > 0.85 {
			bad.cut = func(from, to uint64) bool { return to == m.id }
		}
	case bridge:
		bad.cut = func(from, to uint64) bool { return from != third && to != third }
	case scatter:
		bad.cut = func(uint64, uint64) bool { return true }
	case loss:
		bad.loss = 0.6 * f.amount
	case delay:
		bad.late, bad.lateness = 0.9, time.Duration(f.amount*float64(1500*time.Millisecond))
	case duplicate:
		bad.duplicate, bad.lateness = 0.8, time.Duration(f.amount*float64(3*time.Second))
	default:
		panic("sim: no weather is " + string(f.kind))
	}
	w.injected(f.kind)
	if f.kind == staleLead {
		m.set(func() { m.mu.dull = 6 })
		defer m.set(func() { m.mu.dull = 1 })
	}
	if f.kind != flap {
		over := w.network.becomes(bad)
		time.Sleep(f.lasts)
		over()
		return
	}
	for until := time.Now().Add(f.lasts); time.Now().Before(until); {
		over := w.network.becomes(bad)
		time.Sleep(300 * time.Millisecond)
		over()
		time.Sleep(300 * time.Millisecond)
	}
}
