package conf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxValue bounds an expanded value, which references could make explode.
const maxValue = 64 << 10

// reference is a ${name} within a text.
type reference struct {
	before, name, after string
}

// cutReference finds the first reference. A ${ that is never closed is text.
func cutReference(text string) (reference, bool) {
	before, rest, ok := strings.Cut(text, "${")
	if !ok {
		return reference{}, false
	}
	name, after, ok := strings.Cut(rest, "}")
	return reference{before, strings.TrimSpace(name), after}, ok
}

// isProperty tells the two kinds of reference apart: names of properties have
// dots, names of variables cannot.
func (r reference) isProperty() bool { return strings.Contains(r.name, ".") }

// environment expands references to variables.
type environment struct {
	get  func(string) string
	open []string // variables being expanded
}

// expand replaces variables, also within the values of variables. One that is
// undefined, or that leads back to itself, is empty: a container platform that
// does not expand X=${X} leaves exactly that text. References to properties stay.
func (e environment) expand(text string) string {
	var b strings.Builder
	for b.Len() <= maxValue {
		r, ok := cutReference(text)
		if !ok {
			break
		}
		b.WriteString(r.before)
		switch {
		case r.isProperty():
			b.WriteString("${" + r.name + "}")
		case !slices.Contains(e.open, r.name):
			inner := environment{e.get, append(slices.Clip(e.open), r.name)}
			b.WriteString(inner.expand(e.get(r.name)))
		}
		text = r.after
	}
	b.WriteString(text)
	return b.String()
}

// expandAll fills c.values with the expansions of all that is set and of all
// defaults, so that nothing can fail later.
func (c *Conf) expandAll() error {
	var errs []error
	for _, name := range append(slices.Clone(c.schema.names), sortedKeys(c.set)...) {
		if _, err := c.expandProperty(name, nil); err != nil {
			errs = append(errs, err)
		}
	}
	return dedupe(errs)
}

// expandProperty returns the final text of a property; open are the properties
// whose expansion asked for it.
func (c *Conf) expandProperty(name string, open []string) (string, error) {
	if v, ok := c.values[name]; ok {
		return v, nil
	}
	raw, origin := c.raw(name)
	if slices.Contains(open, name) {
		loop := append(open[slices.Index(open, name):], name)
		return "", &Error{origin, name, raw, "refers to itself (" + strings.Join(loop, " → ") + "); give one of them a plain value"}
	}
	open = append(slices.Clip(open), name)
	text := environment{get: c.env}.expand(raw)
	var b strings.Builder
	for {
		r, ok := cutReference(text)
		if !ok {
			break
		}
		b.WriteString(r.before)
		target, ok := c.fullName(r.name)
		if !ok {
			return "", &Error{origin, name, raw, c.undefined(r.name)}
		}
		v, err := c.expandProperty(target, open)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		if b.Len() > maxValue {
			return "", &Error{origin, name, "", "longer than 64 KB once its references are expanded; shorten it"}
		}
		text = r.after
	}
	b.WriteString(text)
	c.values[name] = strings.TrimSpace(b.String())
	return c.values[name], nil
}

// raw returns the text of a property before expansion, and where it stands.
func (c *Conf) raw(name string) (text, origin string) {
	if w, ok := c.set[name]; ok {
		return w.raw, w.origin
	}
	p, _ := c.schema.find(name)
	return p.Default, "default"
}

// fullName resolves aliases; ok is false for a name that is neither in the table
// nor set by anybody.
func (c *Conf) fullName(name string) (string, bool) {
	if p, ok := c.schema.find(name); ok {
		return p.Name, true
	}
	_, ok := c.set[name]
	return name, ok
}

func (c *Conf) undefined(name string) string {
	text := fmt.Sprintf("no property %s for the reference; write its value instead", name)
	if near := c.schema.nearest(name); near != "" {
		text = fmt.Sprintf("no property %s for the reference; did you mean ${%s}?", name, near)
	}
	return text
}

// dedupe joins errors, each text once: a bad property is met again by all that
// refer to it.
func dedupe(errs []error) error {
	seen := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		if err == nil {
			return true
		}
		again := seen[err.Error()]
		seen[err.Error()] = true
		return again
	})...)
}
