package conf

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// A Conf holds the values of all properties, each with its source. It does not
// change, and may be used by any number of goroutines.
//
// The typed getters take names of the table and panic on any other name, or when
// the table gives the name another type: both are slips of the programmer, and
// values were checked by Load. They return zero for a property without value.
// Lookup takes names from outside.
type Conf struct {
	schema *schema
	file   string
	env    func(string) string
	set    map[string]setting // by full name
	values map[string]string  // expanded, by full name; complete but for template defaults
	broken map[string]error   // what could not be expanded; empty once Load has returned
}

// An Entry is one property for listings.
type Entry struct {
	Name   string
	Value  string // as is: print Shown
	Source string
	Secret bool
}

// Shown is the value for people and logs: a secret is masked.
func (e Entry) Shown() string {
	if e.Secret && e.Value != "" {
		return "******"
	}
	return e.Value
}

// File is the properties file that was read, or "".
func (c *Conf) File() string { return c.file }

// Set says whether somebody gave the property a value, rather than the table.
func (c *Conf) Set(name string) bool {
	full, _ := c.fullName(name)
	_, ok := c.set[full]
	return ok && c.text(full) != ""
}

// Source says where the value of a property comes from, as getConf --source
// does: DEFAULT, SITE_PROPERTY (FILE), ENVIRONMENT (VARIABLE),
// SYSTEM_PROPERTY (VARIABLE or command line).
func (c *Conf) Source(name string) string {
	full, _ := c.fullName(name)
	if w, ok := c.set[full]; ok {
		return w.source
	}
	return "DEFAULT"
}

// FromCommandLine says whether the value of a property was given with -D on the
// command line: for this one command.
func (c *Conf) FromCommandLine(name string) bool {
	full, _ := c.fullName(name)
	return c.set[full].origin == commandLine
}

// Lookup returns the entry of any name, in the table or set by somebody.
func (c *Conf) Lookup(name string) (Entry, bool) {
	full, ok := c.fullName(name)
	if !ok {
		return Entry{}, false
	}
	return Entry{full, c.text(full), c.Source(full), c.schema.secret(full)}, true
}

// All lists every property of the table but the templates, and whatever else was
// set, sorted by name.
func (c *Conf) All() []Entry {
	names := map[string]bool{}
	for _, n := range c.schema.names {
		names[n] = true
	}
	for n := range c.set {
		names[n] = true
	}
	var list []Entry
	for _, n := range sortedKeys(names) {
		e, _ := c.Lookup(n)
		list = append(list, e)
	}
	return list
}

// Prefix returns what was set under names that start with prefix, by full name:
// the goosefs.underfs. and fs.cosn. options of a mount, for example. Defaults are
// not in it.
func (c *Conf) Prefix(prefix string) map[string]string {
	m := map[string]string{}
	for n := range c.set {
		if strings.HasPrefix(n, prefix) {
			m[n] = c.text(n)
		}
	}
	return m
}

// Mode returns an Octal.
func (c *Conf) Mode(name string) fs.FileMode {
	return must(parse(c.typed(name, Octal), parseMode))
}

// String returns the text of a property of any type.
func (c *Conf) String(name string) string { return c.text(c.mustFind(name).Name) }

// Bool returns a Bool.
func (c *Conf) Bool(name string) bool { return strings.EqualFold(c.typed(name, Bool), "true") }

// Int returns an Int or a Port.
func (c *Conf) Int(name string) int {
	return must(parse(c.typed(name, Int, Port), strconv.Atoi))
}

// Bytes returns a Size.
func (c *Conf) Bytes(name string) int64 { return must(parse(c.typed(name, Size), ParseSize)) }

// Duration returns a Duration.
func (c *Conf) Duration(name string) time.Duration {
	return must(parse(c.typed(name, Duration), ParseDuration))
}

// Ratio returns a Ratio.
func (c *Conf) Ratio(name string) float64 { return must(parse(c.typed(name, Ratio), ParseRatio)) }

// List returns the items of a List, Addresses or Hosts.
func (c *Conf) List(name string) []string {
	return splitList(c.typed(name, List, Addresses, Hosts))
}

// Sizes returns the items of a Sizes.
func (c *Conf) Sizes(name string) []int64 {
	var sizes []int64
	for _, item := range splitList(c.typed(name, Sizes)) {
		sizes = append(sizes, must(ParseSize(item)))
	}
	return sizes
}

// text returns the expanded value of a full name.
func (c *Conf) text(name string) string {
	if v, ok := c.values[name]; ok {
		return v
	}
	// The default of a template's instance. The cache is left alone, for the
	// sake of other goroutines; all that it may refer to is in the cache.
	copied := *c
	copied.values = make(map[string]string, len(c.values)+4)
	for k, v := range c.values {
		copied.values[k] = v
	}
	return must(copied.expandProperty(name, nil))
}

// typed returns the text of a property that has one of the types.
func (c *Conf) typed(name string, types ...Type) string {
	p := c.mustFind(name)
	for _, t := range types {
		if p.Type == t {
			return c.text(p.Name)
		}
	}
	panic(fmt.Sprintf("conf: %s is a %v in the table, not a %v", name, p.Type, types[0]))
}

func (c *Conf) mustFind(name string) Property {
	p, ok := c.schema.find(name)
	if !ok {
		panic("conf: no property " + name + " in the table")
	}
	return p
}

func (s *schema) secret(name string) bool {
	p, ok := s.find(name)
	return p.Secret || (!ok || p.Template) && looksSecret(name)
}

// looksSecret guesses for names that are not in the table, or only by a template.
func looksSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"secret", "password", "passwd", "token", "accesskey", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// parse returns zero for no text.
func parse[T any](text string, f func(string) (T, error)) (zero T, err error) {
	if text == "" {
		return zero, nil
	}
	return f(text)
}

// must is for values that Load has checked.
func must[T any](v T, err error) T {
	if err != nil {
		panic("conf: " + err.Error())
	}
	return v
}

// splitList drops empty items: charts write lists with a leading comma.
func splitList(text string) []string {
	var items []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
