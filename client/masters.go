package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"goosefs/wire"

	"google.golang.org/grpc"
)

// Pauses between rounds over all masters.
const (
	firstPause = 50 * time.Millisecond
	longPause  = time.Second
)

// masters keeps a connection to each master and remembers who led last.
type masters struct {
	network wire.Network
	addrs   []string

	mu struct {
		sync.Mutex
		conns  map[string]*grpc.ClientConn
		leader string // tried first
		closed bool
	}
}

func newMasters(cfg Config) *masters {
	m := &masters{network: cfg.Network, addrs: slices.Clone(cfg.Masters)}
	m.mu.conns = make(map[string]*grpc.ClientConn)
	return m
}

func (m *masters) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.closed = true
	for _, c := range m.mu.conns {
		c.Close()
	}
}

func (m *masters) conn(addr string) (*grpc.ClientConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return nil, fs.ErrClosed
	}
	if c := m.mu.conns[addr]; c != nil {
		return c, nil
	}
	c, err := wire.Dial(m.network, addr)
	if err == nil {
		m.mu.conns[addr] = c
	}
	return c, err
}

func (m *masters) leader() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.leader
}

func (m *masters) setLeader(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.leader = addr
}

// round is the order in which masters are asked: the last leader first.
func (m *masters) round() []string {
	order := slices.Clone(m.addrs)
	if leader := m.leader(); leader != "" {
		order = slices.DeleteFunc(order, func(a string) bool { return a == leader })
		order = slices.Insert(order, 0, leader)
	}
	return order
}

// lead runs call against the leading master: it looks for one, follows hints, and tries again while there is none,
// for as long as retryFor. call may run several times and must be harmless when repeated (see [newOperation]).
// Only a refusal by a leader, or the end of ctx or of retryFor, ends it in an error.
func lead[T any](ctx context.Context, f *FS, op, path string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	m := f.masters
	var none T
	var last error
	end := time.Now().Add(f.cfg.RetryFor)
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		hinted := ""
		for _, addr := range m.round() {
			reply, err := attempt(ctx, m, addr, call)
			if hint, standby := wire.LeaderHint(err); standby && hint != "" && hint != hinted {
				// Follow a hint once a round: it may be as old as the master that gave it.
				hinted, addr = hint, hint
				reply, err = attempt(ctx, m, addr, call)
			}
			if err == nil {
				m.setLeader(addr)
				return reply, nil
			}
			if ctx.Err() != nil {
				return none, wire.FromStatus(op, path, err)
			}
			if !elsewhere(err) {
				m.setLeader(addr)
				return none, wire.FromStatus(op, path, err)
			}
			last = err
		}
		if time.Now().Add(pause).After(end) {
			return none, m.unreachable(op, last)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return none, m.unreachable(op, last)
		}
	}
}

func attempt[T any](ctx context.Context, m *masters, addr string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	conn, err := m.conn(addr)
	if err != nil {
		var none T
		return none, err
	}
	return call(ctx, conn)
}

// elsewhere says whether another master should be asked: err came from a standby, or from no master at all.
func elsewhere(err error) bool {
	if _, standby := wire.LeaderHint(err); standby {
		return true
	}
	return wire.Unreached(err)
}

// unreachable is the error of a call that found no leader: it names all masters and the last reason.
func (m *masters) unreachable(op string, last error) error {
	if errors.Is(last, fs.ErrClosed) {
		return &fs.PathError{Op: op, Path: strings.Join(m.addrs, ", "), Err: syscall.EBADF}
	}
	reason := "no leader"
	if _, standby := wire.LeaderHint(last); last != nil && !standby {
		reason = wire.Reason(last)
	}
	return &unreachableError{
		text: fmt.Sprintf("cannot reach a leading master at %s: %s", strings.Join(m.addrs, ", "), reason),
		at:   &fs.PathError{Op: op, Path: strings.Join(m.addrs, ","), Err: syscall.ETIMEDOUT},
	}
}

type unreachableError struct {
	text string
	at   *fs.PathError
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.at }

// any asks masters in turn until one answers, leader or not.
func anyMaster[T any](ctx context.Context, f *FS, op string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	m := f.masters
	var none T
	var last error
	for _, addr := range m.round() {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		reply, err := attempt(try, m, addr, call)
		cancel()
		if err == nil {
			return reply, nil
		}
		last = err
	}
	return none, m.unreachable(op, last)
}
