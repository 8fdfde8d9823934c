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
		conns     map[*memoryConn]link
	}
}

// link is one direction between two hosts.
type link struct{ from, to string }

// NewMemory makes an empty network.
func NewMemory() *Memory {
	m := &Memory{}
	m.mu.listeners = make(map[string]*memoryListener)
	m.mu.cut = make(map[link]bool)
	m.mu.conns = make(map[*memoryConn]link)
	return m
}

// Host is the network as the named host sees it.
func (m *Memory) Host(name string) Network { return memoryHost{m, name} }

// Cut breaks the link between hosts a and b: open connections fail, new ones are refused, until Heal.
func (m *Memory) Cut(a, b string) {
	m.mu.Lock()
	m.mu.cut[link{a, b}], m.mu.cut[link{b, a}] = true, true
	var broken []*memoryConn
	for c, l := range m.mu.conns {
		if l == (link{a, b}) || l == (link{b, a}) {
			broken = append(broken, c)
		}
	}
	m.mu.Unlock()
	for _, c := range broken {
		c.Close()
	}
}

// Heal mends the link between hosts a and b.
func (m *Memory) Heal(a, b string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.mu.cut, link{a, b})
	delete(m.mu.cut, link{b, a})
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
	m := h.network
	m.mu.Lock()
	l, cut := m.mu.listeners[addr], m.mu.cut[link{h.name, host}]
	m.mu.Unlock()
	if l == nil || cut {
		return nil, &fs.PathError{Op: "dial", Path: addr, Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	here := &memoryConn{Conn: near, network: m, local: memoryAddr(h.name), remote: memoryAddr(addr)}
	there := &memoryConn{Conn: far, network: m, local: memoryAddr(addr), remote: memoryAddr(h.name)}
	select {
	case l.accept <- there:
	case <-l.done:
		return nil, &fs.PathError{Op: "dial", Path: addr, Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m.mu.Lock()
	m.mu.conns[here] = link{h.name, host}
	cut = m.mu.cut[link{h.name, host}]
	m.mu.Unlock()
	if cut {
		here.Close()
		return nil, &fs.PathError{Op: "dial", Path: addr, Err: syscall.ECONNREFUSED}
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
	local, remote memoryAddr
}

func (c *memoryConn) Close() error {
	c.network.mu.Lock()
	delete(c.network.mu.conns, c)
	c.network.mu.Unlock()
	return c.Conn.Close()
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }
