package conf

import (
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
)

// checkValues checks each value that somebody set against its type.
func (c *Conf) checkValues() error {
	var errs []error
	for _, name := range inOrder(c.set) {
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
		reason = "not a valid value"
	}
	return &Error{Source: origin, Key: name, Value: e.Shown(), Reason: reason}
}

// badOrder is the error for a value that has to be below another and is not. It
// blames the one that somebody set.
func (c *Conf) badOrder(low, high string) error {
	if _, ok := c.set[low]; !ok {
		return c.bad(high, fmt.Sprintf("has to be above %s (%s)", low, c.text(low)))
	}
	return c.bad(low, fmt.Sprintf("has to be below %s (%s)", high, c.text(high)))
}

// check says what is wrong with a value for this property, and what would be right.
func (p Property) check(value string) error {
	switch p.Type {
	case Bool:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return invalidf("write true or false")
		}
	case Int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return invalidf("not a whole number; write e.g. %s", orElse(p.Default, "10"))
		}
		return p.checkSign(int64(n))
	case Port:
		return checkPort(value)
	case Size:
		n, err := ParseSize(value)
		if err != nil {
			return err
		}
		return p.checkSign(n)
	case Duration:
		d, err := ParseDuration(value)
		if err != nil {
			return err
		}
		return p.checkSign(int64(d))
	case Octal:
		_, err := parseMode(value)
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

func (p Property) checkSign(n int64) error {
	switch {
	case n < 0 && p.Sign != AnySign:
		return invalidf("may not be negative; write e.g. %s", orElse(p.Default, "10"))
	case n == 0 && p.Sign == Positive:
		return invalidf("has to be above 0; write e.g. %s", orElse(p.Default, "10"))
	}
	return nil
}

// parseMode reads permission bits in octal.
func parseMode(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, invalidf("invalid mode %q; write three octal digits, e.g. 022", text)
	}
	return fs.FileMode(n), nil
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
	const heartbeat, election = "goosefs.master.embedded.journal.heartbeat.interval", "goosefs.master.embedded.journal.election.timeout"
	if c.Duration(heartbeat) >= c.Duration(election) {
		errs = append(errs, c.badOrder(heartbeat, election))
	}
	const permissions, authentication = "goosefs.security.authorization.permission.enabled", "goosefs.security.authentication.type"
	if c.Bool(permissions) && strings.EqualFold(c.String(authentication), "NOSASL") {
		errs = append(errs, c.bad(authentication, "nobody is asked who he is, so permissions cannot be obeyed; write SIMPLE, or set "+permissions+"=false"))
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

// Check judges one property outside of any Conf, for readers of other files that
// hold properties: err is what Load would refuse, hint is what Load would warn of.
// A value with references is not judged, since they can be resolved by Load only.
func Check(name, value string) (hint string, err error) {
	s := newSchema(Table())
	p, known := s.find(name)
	if _, refers := cutReference(value); known && p.Ignored == "" && value != "" && !refers {
		err = p.check(value)
	}
	return s.slip(name, p, known), err
}

// IsSecret says whether the value of a property, or of a mount option of this
// name, must not be shown. Names that nobody knows are judged by their words:
// rather one too many.
func IsSecret(name string) bool {
	return newSchema(Table()).secret(name)
}
