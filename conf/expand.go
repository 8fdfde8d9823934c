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
	get   func(string) string
	steps int // references expanded so far
}

// maxSteps bounds the work of one expansion, as maxValue bounds its result.
const maxSteps = 1000

// expand replaces variables, also within the values of variables. One that is
// undefined, or that leads back to itself, is empty: a container platform that
// does not expand X=${X} leaves exactly that text. References to properties stay.
// open are the variables being expanded. ok is false when the text is too large.
func (e *environment) expand(text string, open []string) (expanded string, ok bool) {
	var b strings.Builder
	for {
		r, ok := cutReference(text)
		if !ok {
			break
		}
		b.WriteString(r.before)
		switch {
		case r.isProperty():
			b.WriteString("${" + r.name + "}")
		case !slices.Contains(open, r.name):
			inner, ok := e.expand(e.get(r.name), append(slices.Clip(open), r.name))
			if !ok {
				return "", false
			}
			b.WriteString(inner)
		}
		text = r.after
		if e.steps++; e.steps > maxSteps || b.Len() > maxValue {
			return "", false
		}
	}
	b.WriteString(text)
	return b.String(), true
}

// expandAll fills c.values with the expansions of all that is set and of all
// defaults, so that nothing can fail later.
func (c *Conf) expandAll() error {
	var errs []error
	for _, name := range append(inOrder(c.set), c.schema.names...) {
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
	if err, ok := c.broken[name]; ok {
		return "", err
	}
	v, err := c.expandAnew(name, open)
	if err != nil {
		c.broken[name] = err
		return "", err
	}
	c.values[name] = v
	return v, nil
}

func (c *Conf) expandAnew(name string, open []string) (string, error) {
	raw, origin := c.raw(name)
	shown := Entry{Value: raw, Secret: c.schema.secret(name)}.Shown()
	tooLong := &Error{Source: origin, Key: name, Reason: "longer than 64 KB once its references are expanded; shorten it"}
	if slices.Contains(open, name) {
		loop := append(open[slices.Index(open, name):], name)
		return "", &Error{Source: origin, Key: name, Value: shown, Reason: "refers to itself (" + strings.Join(loop, " → ") + "); give one of them a plain value"}
	}
	open = append(slices.Clip(open), name)
	env := environment{get: c.env}
	text, ok := env.expand(raw, nil)
	if !ok {
		return "", tooLong
	}
	var b strings.Builder
	for {
		r, ok := cutReference(text)
		if !ok {
			break
		}
		b.WriteString(r.before)
		target, ok := c.fullName(r.name)
		if !ok {
			return "", &Error{Source: origin, Key: name, Value: shown, Reason: c.undefined(r.name)}
		}
		v, err := c.expandProperty(target, open)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		if b.Len() > maxValue {
			return "", tooLong
		}
		text = r.after
	}
	b.WriteString(text)
	return strings.TrimSpace(b.String()), nil
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
