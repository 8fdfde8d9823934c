package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lan is a few hosts on a switch of their own: network namespaces on a bridge, which is in a namespace too, so that
// nothing of it touches this machine's network.
type lan struct {
	t         testing.TB
	prefix    string            // of the namespaces' names
	addresses map[string]string // by host
}

func newLAN(t testing.TB, hosts ...string) *lan {
	t.Helper()
	needRoot(t)
	for _, tool := range []string{"ip", "nsenter"} {
		_, err := exec.LookPath(tool)
		need(t, err)
	}
	l := &lan{t: t, prefix: fmt.Sprintf("goosefs-e2e-%d-", os.Getpid()), addresses: map[string]string{}}
	l.add("switch")
	for _, command := range []string{"link add switch type bridge", "link set switch up"} {
		need(t, l.ip("switch", command))
	}
	for i, host := range hosts {
		l.add(host)
		l.addresses[host] = fmt.Sprintf("10.213.7.%d", i+11)
		need(t, l.ip("switch", fmt.Sprintf("link add %s type veth peer name eth0 netns %s", host, l.prefix+host)))
		for _, command := range []string{"link set " + host + " master switch", "link set " + host + " up"} {
			must(t, l.ip("switch", command))
		}
		for _, command := range []string{"addr add " + l.addresses[host] + "/24 dev eth0", "link set eth0 up", "link set lo up"} {
			must(t, l.ip(host, command))
		}
	}
	return l
}

// add makes a namespace, which ends with the test.
func (l *lan) add(host string) {
	l.t.Helper()
	out, err := exec.Command("ip", "netns", "add", l.prefix+host).CombinedOutput()
	if err != nil {
		need(l.t, fmt.Errorf("ip netns add: %w: %s", err, out))
	}
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", l.prefix+host).Run() })
}

// ip runs ip within a namespace.
func (l *lan) ip(host, command string) error {
	out, err := exec.Command("ip", append([]string{"-n", l.prefix + host}, strings.Fields(command)...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip -n %s %s: %w: %s", host, command, err, out)
	}
	return nil
}

// cut pulls the host's cable. Nobody is told: packets are lost, both ways.
func (l *lan) cut(host string) {
	l.t.Helper()
	l.t.Logf("%s is cut off", host)
	must(l.t, l.ip("switch", "link set "+host+" nomaster"))
}

// mend plugs it in again.
func (l *lan) mend(host string) {
	l.t.Helper()
	l.t.Logf("%s is back", host)
	must(l.t, l.ip("switch", "link set "+host+" master switch"))
}

// on is a command that runs on a host. It shares all but the network with the test, so that its mounts are seen here.
func (l *lan) on(host, name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + filepath.Join("/run/netns", l.prefix+host), name}, args...)...)
}

// table is the value of goosefs.network.hosts.
func (l *lan) table() string {
	var entries []string
	for _, host := range sorted(l.addresses) {
		entries = append(entries, host+"="+l.addresses[host])
	}
	return strings.Join(entries, ",")
}
