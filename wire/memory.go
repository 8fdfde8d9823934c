package wire

import (
	"context"
	"io/fs"
	"net"
	"sync"
	"syscall"
)

// Memory is a network inside one process, for tests: named hosts, connections without sockets, links that can be cut.
type Memory struct {
	mu struct {
		sync.Mutex
		listeners map[string]*memoryListener // by host:port
		cut       map[link]bool
		silent    map[link]chan struct{} // closed when the link speaks again
		conns     map[*memoryConn]bool   // the dialling ends
	}
}

// link is one direction between two hosts.
type link struct{ from, to string }

func (l link) back() link { return link{l.to, l.from} }

// NewMemory makes an empty network.
func NewMemory() *Memory {
	m := &Memory{}
	m.mu.listeners = make(map[string]*memoryListener)
	m.mu.cut = make(map[link]bool)
	m.mu.silent = make(map[link]chan struct{})
	m.mu.conns = make(map[*memoryConn]bool)
	return m
}

// Host is the network as the named host sees it.
func (m *Memory) Host(name string) Network { return memoryHost{m, name} }

// Cut breaks the link between hosts a and b: open connections fail, new ones are refused, until Heal.
func (m *Memory) Cut(a, b string) {
	both := link{a, b}
	m.mu.Lock()
	m.mu.cut[both], m.mu.cut[both.back()] = true, true
	var broken []*memoryConn
	for c := range m.mu.conns {
		if c.out == both || c.out == both.back() {
			broken = append(broken, c)
		}
	}
	m.mu.Unlock()
	for _, c := range broken {
		c.Close()
	}
}

// Silence loses everything that host from sends to host to, until Heal: nobody is told, as when a cable is pulled far
// away. Bytes are late rather than lost, as with TCP.
func (m *Memory) Silence(from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.silent[link{from, to}] == nil {
		m.mu.silent[link{from, to}] = make(chan struct{})
	}
}

// Heal mends the link between hosts a and b, both ways.
func (m *Memory) Heal(a, b string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range []link{{a, b}, {b, a}} {
		delete(m.mu.cut, l)
		if speak := m.mu.silent[l]; speak != nil {
			close(speak)
			delete(m.mu.silent, l)
		}
	}
}

// passable returns when the link speaks, or with an error when end does.
func (m *Memory) passable(l link, end <-chan struct{}) error {
	m.mu.Lock()
	speak := m.mu.silent[l]
	m.mu.Unlock()
	if speak == nil {
		return nil
	}
	select {
	case <-speak:
		return nil
	case <-end:
		return net.ErrClosed
	}
}

type memoryHost struct {
	network *Memory
	name    string
}

func (h memoryHost) Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host == "" || host == "0.0.0.0" {
		host = h.name
	}
	addr = net.JoinHostPort(host, port)
	m := h.network
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.listeners[addr] != nil {
		return nil, &fs.PathError{Op: "listen", Path: addr, Err: syscall.EADDRINUSE}
	}
	l := &memoryListener{network: m, addr: memoryAddr(addr), accept: make(chan net.Conn), done: make(chan struct{})}
	m.mu.listeners[addr] = l
	return l, nil
}

func (h memoryHost) Dial(ctx context.Context, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	m, out := h.network, link{h.name, host}
	if m.passable(out, ctx.Done()) != nil || m.passable(out.back(), ctx.Done()) != nil {
		return nil, ctx.Err()
	}
	m.mu.Lock()
	l, cut := m.mu.listeners[addr], m.mu.cut[out]
	m.mu.Unlock()
	refused := &fs.PathError{Op: "dial", Path: addr, Err: syscall.ECONNREFUSED}
	if l == nil || cut {
		return nil, refused
	}
	near, far := net.Pipe()
	here := &memoryConn{Conn: near, network: m, out: out, local: memoryAddr(h.name), remote: memoryAddr(addr), closed: make(chan struct{})}
	there := &memoryConn{Conn: far, network: m, out: out.back(), local: memoryAddr(addr), remote: memoryAddr(h.name), closed: make(chan struct{})}
	select {
	case l.accept <- there:
	case <-l.done:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m.mu.Lock()
	m.mu.conns[here] = true
	cut = m.mu.cut[out]
	m.mu.Unlock()
	if cut {
		here.Close()
		return nil, refused
	}
	return here, nil
}

type memoryListener struct {
	network *Memory
	addr    memoryAddr
	accept  chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		delete(l.network.mu.listeners, string(l.addr))
		close(l.done)
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return l.addr }

type memoryConn struct {
	net.Conn
	network       *Memory
	out           link // the way that Write goes
	local, remote memoryAddr
	once          sync.Once
	closed        chan struct{}
}

func (c *memoryConn) Write(p []byte) (int, error) {
	if err := c.network.passable(c.out, c.closed); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *memoryConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.network.mu.Lock()
		defer c.network.mu.Unlock()
		delete(c.network.mu.conns, c)
	})
	return c.Conn.Close()
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }
