package conf

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// checkValues checks each value that somebody set against its type.
func (c *Conf) checkValues() error {
	var errs []error
	for _, name := range sortedKeys(c.set) {
		p, ok := c.schema.find(name)
		if !ok || p.Ignored != "" {
			continue
		}
		value := c.text(name)
		if err := p.check(value); value != "" && err != nil {
			errs = append(errs, c.bad(name, err.Error()))
		}
	}
	return dedupe(errs)
}

// bad makes the error for the value that a property has.
func (c *Conf) bad(name, reason string) error {
	_, origin := c.raw(name)
	e, _ := c.Lookup(name)
	if e.Secret {
		return &Error{origin, name, e.Shown(), "not a valid value"}
	}
	return &Error{origin, name, e.Value, reason}
}

// check says what is wrong with a value for this property, and what would be right.
func (p Property) check(value string) error {
	switch p.Type {
	case Bool:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return invalidf("write true or false")
		}
	case Int:
		if _, err := strconv.Atoi(value); err != nil {
			return invalidf("not a whole number; write e.g. %s", orElse(p.Default, "10"))
		}
	case Port:
		return checkPort(value)
	case Size:
		_, err := ParseSize(value)
		return err
	case Duration:
		_, err := ParseDuration(value)
		return err
	case Ratio:
		_, err := ParseRatio(value)
		return err
	case Enum:
		if !slices.ContainsFunc(p.Values, func(v string) bool { return strings.EqualFold(v, value) }) {
			return invalidf("write one of %s", strings.Join(p.Values, ", "))
		}
	case Sizes, Addresses, Hosts:
		for _, item := range splitList(value) {
			if err := checkItem(p.Type, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPort(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 0 || n > 65535 {
		return invalidf("%q is not a port; write a number from 0 to 65535, e.g. 9200", value)
	}
	return nil
}

func checkItem(t Type, item string) error {
	switch t {
	case Sizes:
		_, err := ParseSize(item)
		return err
	case Addresses:
		host, port, err := net.SplitHostPort(item)
		if err != nil || host == "" {
			return invalidf("%q is not host:port; write e.g. m1:9200", item)
		}
		return checkPort(port)
	case Hosts:
		name, address, ok := strings.Cut(item, "=")
		if !ok || name == "" || net.ParseIP(address) == nil {
			return invalidf("%q is not name=address; write e.g. m1=10.0.0.1", item)
		}
	}
	return nil
}

// checkTogether checks properties that have to fit each other. It runs on
// values that are each valid, else it stays silent.
func (c *Conf) checkTogether() error {
	if c.checkValues() != nil {
		return nil
	}
	var errs []error
	const election, heartbeat = "goosefs.master.embedded.journal.election.timeout", "goosefs.master.embedded.journal.heartbeat.interval"
	if e, h := c.Duration(election), c.Duration(heartbeat); h <= 0 || e <= h {
		errs = append(errs, c.bad(heartbeat, fmt.Sprintf("has to be above 0 and below %s (%s); a tenth of it is a good choice", election, c.String(election))))
	}
	for _, name := range sortedKeys(c.set) {
		if p, ok := c.schema.find(name); ok && p.Ignored == "" && p.Type == Hosts {
			errs = append(errs, c.checkHosts(name))
		}
	}
	_, err := c.Tiers()
	return dedupe(append(errs, err))
}

// checkHosts refuses one name with two addresses.
func (c *Conf) checkHosts(name string) error {
	seen := map[string]string{}
	for _, item := range c.List(name) {
		host, address, _ := strings.Cut(item, "=")
		if before, ok := seen[host]; ok && before != address {
			return c.bad(name, fmt.Sprintf("%s has two addresses, %s and %s; keep one", host, before, address))
		}
		seen[host] = address
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
