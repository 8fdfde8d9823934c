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
	"goosefs/wire/auth"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// masters keeps a connection to each master and remembers who led last.
type masters struct {
	network wire.Network
	login   auth.Login
	addrs   []string // as configured

	mu struct {
		sync.Mutex
		learned []string  // those that came later, as masters told
		asked   time.Time // when they were asked for that
		conns   map[string]*grpc.ClientConn
		leader  string               // tried first
		turn    int                  // of [masters.any]
		avoid   map[string]time.Time // until when any does not give a master that fell silent
		closed  bool
	}
}

func newMasters(cfg Config) *masters {
	m := &masters{network: cfg.Network, login: cfg.Login, addrs: slices.Clone(cfg.Masters)}
	m.mu.conns = make(map[string]*grpc.ClientConn)
	m.mu.avoid = make(map[string]time.Time)
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
	c, err := m.login.Dial(m.network, addr)
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

// restFor is how long a master that did not answer is given a rest.
const restFor = 5 * time.Second

// any gives one master after the other, but not those that fell silent lately, unless all did.
func (m *masters) any() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.knownLocked()
	m.mu.turn %= len(known)
	for range known {
		m.mu.turn = (m.mu.turn + 1) % len(known)
		if addr := known[m.mu.turn]; time.Now().After(m.mu.avoid[addr]) {
			return addr
		}
	}
	return known[m.mu.turn]
}

func (m *masters) avoid(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.avoid[addr] = time.Now().Add(restFor)
}

// round is the order in which masters are asked: the last leader first.
func (m *masters) round() []string {
	order := m.known()
	if leader := m.leader(); leader != "" {
		order = slices.DeleteFunc(order, func(a string) bool { return a == leader })
		order = slices.Insert(order, 0, leader)
	}
	return order
}

// lead runs call against the leading master: it looks for one, follows hints, and tries again while there is none,
// for as long as [patience] lasts. call may run several times and must be harmless when repeated (see [newOperation]).
// Only a refusal by a leader, or the end of ctx or of patience, ends it in an error.
func lead[T any](ctx context.Context, f *FS, op, path string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	m := f.masters
	var none T
	for p := newPatience(f.cfg); ; {
		var last error
		refused, hinted := true, ""
		for _, addr := range m.round() {
			reply, err := suspect(ctx, f, addr, call)
			if hint, standby := wire.LeaderHint(err); standby && hint != "" && hint != hinted {
				// Follow a hint once a round: it may be as old as the master that gave it.
				hinted, addr, refused = hint, hint, false
				reply, err = suspect(ctx, f, addr, call)
			}
			switch {
			case err == nil:
				m.setLeader(addr)
				f.learnMasters(addr)
				return reply, nil
			case f.ctx.Err() != nil:
				return none, m.closedError(op)
			case ctx.Err() != nil:
				return none, m.ended(ctx, op, path, last)
			case !elsewhere(err):
				m.setLeader(addr)
				return none, wire.FromStatus(op, path, err)
			}
			last, refused = err, refused && nobodyListens(err)
		}
		if !p.wait(ctx, refused) {
			return none, m.ended(ctx, op, path, last)
		}
	}
}

// suspect is an attempt at a master that may fall silent. While it does, the others are asked who leads; if one knows
// of another leader, the attempt is over.
func suspect[T any](ctx context.Context, f *FS, addr string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(f.cfg.SuspectAfter, func() {
		f.background(func(closed context.Context) {
			defer context.AfterFunc(closed, func() { cancel(fs.ErrClosed) })()
			if leader := f.successor(within, addr); leader != "" {
				f.masters.setLeader(leader)
				cancel(errDeposed)
			}
		})
	})
	defer watch.Stop()
	reply, err := attempt(within, f.masters, addr, call)
	if err != nil && context.Cause(within) == errDeposed && ctx.Err() == nil {
		err = errDeposed
	}
	return reply, err
}

// successor looks for a leader other than the master at addr, until it finds one or ctx ends. That master itself is
// not asked.
func (f *FS) successor(ctx context.Context, addr string) string {
	for ctx.Err() == nil {
		for _, other := range f.masters.known() {
			if other == addr {
				continue
			}
			try, cancel := context.WithTimeout(ctx, f.cfg.SuspectAfter)
			c, err := attempt(try, f.masters, other, askStatus)
			cancel()
			if err == nil && c.Leader != "" && c.Leader != addr {
				return c.Leader
			}
		}
		sleep(ctx, f.cfg.RetryPauseMax)
	}
	return ""
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

// errDeposed is why a silent master was given up: another leads.
var errDeposed = errors.New("the master fell silent, and another leads now")

// nobodyListens says that err means there is no process at that address at all.
func nobodyListens(err error) bool {
	if !wire.Unreached(err) {
		return false
	}
	reason := wire.Reason(err)
	return reason == "connection refused" || reason == "no such host"
}

// ended is the error of a call that was ended, or that found no leader for too long.
func (m *masters) ended(ctx context.Context, op, path string, last error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &fs.PathError{Op: op, Path: path, Err: ctx.Err()}
	}
	return m.unreachable(op, last)
}

// unreachable is the error of a call that found no leader: it names all masters and the last reason.
func (m *masters) unreachable(op string, last error) error {
	reason := "no leader"
	if _, standby := wire.LeaderHint(last); last != nil && !standby {
		reason = wire.Reason(last)
	}
	return &unreachableError{
		text: fmt.Sprintf("cannot reach a leading master at %s: %s", strings.Join(m.known(), ", "), reason),
		at:   &fs.PathError{Op: op, Path: strings.Join(m.known(), ","), Err: syscall.ETIMEDOUT},
	}
}

// closedError is the error of a call on a client that is closed.
func (m *masters) closedError(op string) error {
	return &fs.PathError{Op: op, Path: strings.Join(m.known(), ","), Err: syscall.EBADF}
}

type unreachableError struct {
	text    string
	at      *fs.PathError
	refused bool // nobody listened anywhere
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.at }

// How long any master is waited for.
const (
	anyPatience = 3 * time.Second        // for one master's answer, where any will do
	anyStagger  = 300 * time.Millisecond // before the next is asked as well
)

// anyMaster asks masters until one answers, leader or not: one after the other, and the next as well while one is
// silent.
func anyMaster[T any](ctx context.Context, f *FS, op string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	type answer struct {
		reply T
		err   error
	}
	m := f.masters
	within, cancel := context.WithTimeout(ctx, anyPatience)
	defer cancel()
	waiting, refused := m.round(), true
	answers := make(chan answer, len(waiting))
	stagger := time.NewTimer(0)
	defer stagger.Stop()
	for asked := 0; ; {
		select {
		case a := <-answers:
			if a.err == nil {
				return a.reply, nil
			}
			if code := status.Code(a.err); code == codes.Unauthenticated {
				return a.reply, wire.FromStatus(op, "/", a.err) // no other master thinks otherwise
			}
			refused = refused && nobodyListens(a.err)
			if asked--; asked == 0 && len(waiting) == 0 {
				err := m.ended(ctx, op, "/", a.err)
				if u, ok := err.(*unreachableError); ok {
					u.refused = refused
				}
				return a.reply, err
			}
			stagger.Reset(0)
		case <-stagger.C:
			if len(waiting) == 0 {
				continue
			}
			addr := waiting[0]
			waiting = waiting[1:]
			asked++
			go func() {
				reply, err := attempt(within, m, addr, call)
				answers <- answer{reply, err}
			}()
			stagger.Reset(anyStagger)
		case <-f.ctx.Done():
			var none T
			return none, m.closedError(op)
		}
	}
}
