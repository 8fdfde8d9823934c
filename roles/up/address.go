package up

import (
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strconv"
)

// The last byte of the pods' addresses within the cluster's /24.
const (
	hostSample      = 2 // the web server of the quick start
	hostFuse        = 3
	hostFirstMaster = 11
	hostFirstWorker = 51

	maxMasters = hostFirstWorker - hostFirstMaster
	maxWorkers = 255 - hostFirstWorker
)

// The ports of a cluster; a property in the manifest may move all but the sample's.
const (
	portMaster    = 26000
	portMasterWeb = 26001
	portJournal   = 26002
	portWorker    = 26003
	portWorkerWeb = 26004
	portSample    = 26080
)

// subnetOf returns the /24 for a folder. Attempts differ, and the same attempt is always the same. It stays away from
// 127.0.0.0/12, where other software has its habits.
func subnetOf(dir string, attempt int) netip.Prefix {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%d", dir, attempt)
	n := h.Sum64()
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 16 + byte(n%224), byte(n >> 32), 0}), 24)
}

// hostIn is address number n of the /24.
func hostIn(subnet netip.Prefix, n int) string {
	a := subnet.Addr().As4()
	a[3] = byte(n)
	return netip.AddrFrom4(a).String()
}

// chooseSubnet returns the /24 to use: the kept one, if the cluster has one already, else the first of some candidates
// where nothing listens. plan tells the host:ports that a subnet would need; free tells if one can be had.
func chooseSubnet(dir, kept string, needs func(netip.Prefix) ([]string, error), free func(addr string) error) (netip.Prefix, error) {
	if kept != "" {
		subnet, err := netip.ParsePrefix(kept)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("run/cluster.json: network: %w", err)
		}
		addrs, err := needs(subnet)
		if err != nil {
			return netip.Prefix{}, err
		}
		if taken := firstTaken(addrs, free); taken != nil {
			return netip.Prefix{}, fmt.Errorf("this cluster's addresses are in use: %w; stop the process that listens there", taken)
		}
		return subnet, nil
	}
	const attempts = 16
	var taken error
	for attempt := range attempts {
		subnet := subnetOf(dir, attempt)
		addrs, err := needs(subnet)
		if err != nil {
			return netip.Prefix{}, err
		}
		if taken = firstTaken(addrs, free); taken == nil {
			return subnet, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("no free addresses in 127.0.0.0/8 after %d attempts, the last one: %w", attempts, taken)
}

func firstTaken(addrs []string, free func(string) error) error {
	for _, a := range addrs {
		if err := free(a); err != nil {
			return err
		}
	}
	return nil
}

// listenable says if one can listen on addr now.
func listenable(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// endpoints lists every host:port that the pods listen on.
func endpoints(p Plan) []string {
	var addrs []string
	for _, pod := range p.Pods {
		for _, port := range pod.Ports {
			addrs = append(addrs, net.JoinHostPort(pod.Address, strconv.Itoa(port)))
		}
	}
	return addrs
}
