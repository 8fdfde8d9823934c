package conf

import (
	"net"
	"strconv"
	"strings"
)

// MasterAddresses lists the host:port at which clients and workers reach the
// masters: goosefs.master.rpc.addresses; else the hosts of the embedded journal
// with goosefs.master.rpc.port; else the one goosefs.master.hostname. (Charts set
// only the journal's addresses, so the derivation is part of the contract.)
func (c *Conf) MasterAddresses() []string {
	if a := c.List("goosefs.master.rpc.addresses"); len(a) > 0 {
		return a
	}
	port := strconv.Itoa(c.Int("goosefs.master.rpc.port"))
	journal := c.List("goosefs.master.embedded.journal.addresses")
	if len(journal) == 0 {
		return []string{net.JoinHostPort(c.String("goosefs.master.hostname"), port)}
	}
	var list []string
	for _, a := range journal {
		host, _, _ := net.SplitHostPort(a)
		list = append(list, net.JoinHostPort(host, port))
	}
	return list
}

// JournalAddresses lists the host:port of the masters among themselves:
// goosefs.master.embedded.journal.addresses, else the one master.
func (c *Conf) JournalAddresses() []string {
	if a := c.List("goosefs.master.embedded.journal.addresses"); len(a) > 0 {
		return a
	}
	port := strconv.Itoa(c.Int("goosefs.master.embedded.journal.port"))
	return []string{net.JoinHostPort(c.String("goosefs.master.hostname"), port)}
}

// HostTable returns goosefs.network.hosts as a map from name to address, nil when
// names resolve by DNS and /etc/hosts alone.
func (c *Conf) HostTable() map[string]string {
	var hosts map[string]string
	for _, item := range c.List("goosefs.network.hosts") {
		name, address, _ := strings.Cut(item, "=")
		if hosts == nil {
			hosts = map[string]string{}
		}
		hosts[name] = address
	}
	return hosts
}
