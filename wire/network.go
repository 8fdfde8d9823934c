package wire

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sort"
	"strings"
	"time"
)

// A Network makes connections between named hosts.
type Network interface {
	// Listen announces on addr, host:port. An empty host is every address of this machine.
	Listen(addr string) (net.Listener, error)
	// Dial connects to addr. It ends with ctx.
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// TCP is the network of the machine. Hosts maps names to IP addresses ahead of DNS and /etc/hosts.
type TCP struct {
	Hosts   map[string]string
	Timeout time.Duration // of one attempt to connect; 3 s if 0
}

// Listen implements [Network].
func (n TCP) Listen(addr string) (net.Listener, error) {
	return net.Listen("tcp", n.Resolve(addr))
}

// Dial implements [Network].
func (n TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: cmp.Or(n.Timeout, 3*time.Second), KeepAlive: 15 * time.Second}
	return d.DialContext(ctx, "tcp", n.Resolve(addr))
}

// Resolve replaces the host of addr by its address in the static table, if it stands there.
func (n TCP) Resolve(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, ok := n.Hosts[host]; ok {
		return net.JoinHostPort(ip, port)
	}
	return addr
}

// ParseHosts reads a static host table: name=ip pairs separated by commas.
func ParseHosts(table string) (map[string]string, error) {
	hosts := make(map[string]string)
	for _, pair := range strings.Split(table, ",") {
		pair = strings.TrimSpace(pair)
		if pair == "" {
			continue
		}
		name, ip, ok := strings.Cut(pair, "=")
		if !ok || name == "" || net.ParseIP(ip) == nil {
			return nil, fmt.Errorf("host table entry %q: want name=ip, such as master-0=10.0.0.5", pair)
		}
		hosts[name] = ip
	}
	return hosts, nil
}

// FormatHosts writes a static host table, sorted by name, as [ParseHosts] reads it.
func FormatHosts(hosts map[string]string) string {
	names := make([]string, 0, len(hosts))
	for name := range hosts {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		names[i] = name + "=" + hosts[name]
	}
	return strings.Join(names, ",")
}
