package web

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// addresses decides to which IP addresses a mount may connect. It is asked at
// each dial, for the address that is really dialled, so neither a redirect nor a
// name that resolves differently the second time gets around it.
type addresses struct {
	allow, deny []netip.Prefix
}

// reserved are the addresses that no dataset lives at and that are dangerous to
// ask on behalf of others: they answer with a host's credentials.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),          // "this host"
		netip.MustParsePrefix("169.254.0.0/16"),     // link-local, AWS and most clouds' metadata
		netip.MustParsePrefix("100.100.100.200/32"), // Alibaba's metadata
		netip.MustParsePrefix("168.63.129.16/32"),   // Azure's
		netip.MustParsePrefix("192.0.0.192/32"),     // Oracle's
		netip.MustParsePrefix("224.0.0.0/4"),        // multicast
		netip.MustParsePrefix("255.255.255.255/32"), // broadcast
		netip.MustParsePrefix("::/128"),             // unspecified
		netip.MustParsePrefix("fe80::/10"),          // link-local
		netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS's metadata
		netip.MustParsePrefix("fd20:ce::254/128"),   // Google's metadata
		netip.MustParsePrefix("ff00::/8"),           // multicast
	}
}

// Loopback and Private are what Options.Deny may name to keep a mount out of this
// host and its networks.
func Loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// Private are the networks of RFC 1918, RFC 6598 and RFC 4193.
func Private() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("fc00::/7"),
	}
}

// denied is the error of a dial that addresses refused.
type denied struct{ ip netip.Addr }

func (d *denied) Error() string { return fmt.Sprintf("connections to %s are not allowed", d.ip) }

// permit decides about one address.
func (a addresses) permit(ip netip.Addr) error {
	for _, form := range forms(ip) {
		if contains(a.allow, form) {
			return nil
		}
		if contains(a.deny, form) || contains(reserved(), form) {
			return &denied{ip}
		}
	}
	return nil
}

// forms are the addresses that ip stands for: itself, and an IPv4 address carried
// inside an IPv6 one (mapped, NAT64, 6to4).
func forms(ip netip.Addr) []netip.Addr {
	ip = ip.WithZone("").Unmap()
	if ip.Is4() {
		return []netip.Addr{ip}
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip), netip.MustParsePrefix("::/96").Contains(ip) && ip != netip.IPv6Loopback() && !ip.IsUnspecified():
		return []netip.Addr{ip, netip.AddrFrom4([4]byte(b[12:16]))}
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return []netip.Addr{ip, netip.AddrFrom4([4]byte(b[2:6]))}
	}
	return []netip.Addr{ip}
}

func contains(prefixes []netip.Prefix, ip netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// control is a net.Dialer's Control.
func (a addresses) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	return a.permit(ip)
}
