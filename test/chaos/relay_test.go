package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// delay is how late what one master sends reaches another.
type delay struct{ least, most time.Duration }

// relay is a program on the relay's host that links between masters lead through.
type relay struct {
	delay     delay
	listeners []net.Listener
	wg        sync.WaitGroup
	mu        struct {
		sync.Mutex
		rng    *rand.Rand
		conns  map[net.Conn]bool
		closed bool
	}
}

// links starts a relay and says by which address a master reaches another. Without a delay there is none.
func (d *delay) links(n *network, seed uint64) (links func(from, to *host) string, end func(), err error) {
	if d == nil {
		return nil, func() {}, nil
	}
	r := &relay{delay: *d}
	r.mu.rng, r.mu.conns = rand.New(rand.NewPCG(seed, 2<<32)), make(map[net.Conn]bool)
	addresses := make(map[[2]*host]string)
	for i, from := range n.masters {
		for j, to := range n.masters {
			if i == j {
				continue
			}
			ip := fmt.Sprintf("10.213.7.%d", 100+10*i+j)
			command("ip", "-n", n.relay.ns, "addr", "add", ip+"/24", "dev", "eth0") // it may be there from the last story
			addresses[[2]*host{from, to}] = ip
			l, err := n.relay.Listen(ip + ":" + raftPort)
			if err != nil {
				r.close()
				return nil, nil, err
			}
			r.listeners = append(r.listeners, l)
			r.wg.Go(func() { r.serve(l, n.relay, to.ip+":"+raftPort) })
		}
	}
	return func(from, to *host) string { return addresses[[2]*host{from, to}] }, r.close, nil
}

func (r *relay) serve(l net.Listener, at *host, to string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() {
			defer from.Close()
			c, err := at.Dial(context.Background(), to)
			if err != nil || !r.keep(from, c) {
				return
			}
			var both sync.WaitGroup
			both.Go(func() { r.carry(c, from) })
			both.Go(func() { r.carry(from, c) })
			both.Wait()
		})
	}
}

// carry copies from one connection to another, late and in order, until either ends.
func (r *relay) carry(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			if n > 0 {
				pieces <- piece{data[:n], time.Now().Add(r.late())}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	to.Close()
	from.Close()
	for range pieces { // until the reader has seen that it is over
	}
}

func (r *relay) late() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.delay.least + time.Duration(r.mu.rng.Int64N(int64(r.delay.most-r.delay.least)))
}

// keep remembers connections, to be closed. It is false at the end.
func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		if r.mu.closed {
			c.Close()
		} else {
			r.mu.conns[c] = true
		}
	}
	return !r.mu.closed
}

func (r *relay) close() {
	for _, l := range r.listeners {
		l.Close()
	}
	r.mu.Lock()
	r.mu.closed = true
	for c := range r.mu.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}
