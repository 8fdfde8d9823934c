package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"goosefs/wire"

	"golang.org/x/sys/unix"
)

// network is a bridge with five hosts on it, each a network namespace: three masters, the clients, and one that relays
// where a link is to be slow.
type network struct {
	prefix  string // of the namespaces' names
	masters [3]*host
	clients *host
	relay   *host
}

// host is a network namespace with one address.
type host struct {
	name  string // as the masters call it
	ns    string
	ip    string
	file  *os.File          // of the namespace
	names map[string]string // of all hosts, and their addresses
}

const namespaces = "/var/run/netns/"

// newNetwork makes the namespaces. They are taken down with the test.
func newNetwork(t testing.TB) *network {
	t.Helper()
	removeLeftovers()
	n := &network{prefix: fmt.Sprintf("gfchaos%d", os.Getpid())}
	t.Cleanup(n.remove)
	bridge := n.prefix + "-net"
	need(t, runAllOf(
		"ip netns add "+bridge,
		"ip -n "+bridge+" link add name bridge type bridge",
		"ip -n "+bridge+" link set bridge up"))
	for i := range n.masters {
		n.masters[i] = n.add(t, bridge, fmt.Sprintf("m%d", i), 10+i)
	}
	n.clients = n.add(t, bridge, "clients", 20)
	n.relay = n.add(t, bridge, "relay", 30)
	names := make(map[string]string)
	for _, h := range n.hosts() {
		names[h.name], h.names = h.ip, names
	}
	return n
}

func (n *network) add(t testing.TB, bridge, name string, number int) *host {
	t.Helper()
	h := &host{name: name, ns: n.prefix + "-" + name, ip: fmt.Sprintf("10.213.7.%d", number)}
	need(t, runAllOf(
		"ip netns add "+h.ns,
		"ip -n "+h.ns+" link add eth0 type veth peer name "+name+" netns "+bridge,
		"ip -n "+bridge+" link set "+name+" master bridge up",
		"ip -n "+h.ns+" addr add "+h.ip+"/24 dev eth0",
		"ip -n "+h.ns+" link set eth0 up",
		"ip -n "+h.ns+" link set lo up"))
	var err error
	h.file, err = os.Open(namespaces + h.ns)
	need(t, err)
	return h
}

func runAllOf(lines ...string) error {
	for _, line := range lines {
		fields := strings.Fields(line)
		if _, err := command(fields[0], fields[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func (n *network) hosts() []*host { return append(n.masters[:], n.clients, n.relay) }

func (n *network) remove() {
	for _, h := range n.hosts() {
		if h != nil && h.file != nil {
			h.file.Close()
		}
	}
	removeNamespaces(n.prefix + "-")
}

// removeLeftovers removes namespaces of runs that were killed.
func removeLeftovers() {
	entries, _ := os.ReadDir(namespaces)
	for _, e := range entries {
		pid, _, ours := strings.Cut(strings.TrimPrefix(e.Name(), "gfchaos"), "-")
		if ours && strings.HasPrefix(e.Name(), "gfchaos") {
			if _, err := os.Stat("/proc/" + pid); err != nil {
				command("ip", "netns", "del", e.Name())
			}
		}
	}
}

func removeNamespaces(prefix string) {
	entries, _ := os.ReadDir(namespaces)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			command("ip", "netns", "del", e.Name())
		}
	}
}

// inside runs do on a thread that is in the host's namespace: sockets that it makes, and processes that it starts, are
// there too.
func (h *host) inside(do func() error) error {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	if err := unix.Setns(int(h.file.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("setns %s: %w", h.ns, err)
	}
	err = do()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// Listen implements [wire.Network].
func (h *host) Listen(addr string) (l net.Listener, err error) {
	err = h.inside(func() error {
		l, err = wire.TCP{Hosts: h.names}.Listen(addr)
		return err
	})
	return l, err
}

// Dial implements [wire.Network]. It knows the hosts by their names.
func (h *host) Dial(ctx context.Context, addr string) (c net.Conn, err error) {
	err = h.inside(func() error {
		c, err = wire.TCP{Hosts: h.names, Timeout: time.Second}.Dial(ctx, addr)
		return err
	})
	return c, err
}

// filter makes what rules say happen to the packets that reach the host. The part %s of a rule counts them.
func (h *host) filter(rules ...string) error {
	var script strings.Builder
	script.WriteString("add table inet chaos\nadd chain inet chaos in { type filter hook input priority 0; }\n")
	for _, rule := range rules {
		fmt.Fprintf(&script, "add rule inet chaos in "+rule+"\n", "counter")
	}
	nft := exec.Command("ip", "netns", "exec", h.ns, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(script.String())
	if out, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft on %s: %w: %s", h.name, err, out)
	}
	return nil
}

var counted = regexp.MustCompile(`packets (\d+)`)

// unfilter ends all filters, and says how many packets they met.
func (h *host) unfilter() (packets int, err error) {
	rules, err := command("ip", "netns", "exec", h.ns, "nft", "list", "ruleset")
	if err != nil {
		return 0, err
	}
	for _, m := range counted.FindAllStringSubmatch(rules, -1) {
		n, _ := strconv.Atoi(m[1])
		packets += n
	}
	_, err = command("ip", "netns", "exec", h.ns, "nft", "flush", "ruleset")
	return packets, err
}

// drop is the rule that packets of the given hosts get lost.
func drop(from ...*host) string { return "ip saddr " + set(from) + " %s drop" }

// dropSome loses so many percent of them.
func dropSome(percent int, from ...*host) string {
	return fmt.Sprintf("ip saddr %s numgen random mod 100 < %d %%s drop", set(from), percent)
}

// reset answers their TCP packets with a reset.
func reset(from ...*host) string {
	return "ip saddr " + set(from) + " meta l4proto tcp %s reject with tcp reset"
}

func set(hosts []*host) string {
	var ips []string
	for _, h := range hosts {
		ips = append(ips, h.ip)
	}
	return "{ " + strings.Join(ips, ", ") + " }"
}
