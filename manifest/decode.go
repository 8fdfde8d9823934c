package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"goosefs/conf"
)

// decoder turns the nodes of one file into structs and gathers all that is wrong
// with them. A method that finds something wrong says so and goes on, so that the
// user hears of everything at once.
type decoder struct {
	file     string
	problems []*Error
	warnings []Warning
	// idle are the fields without meaning on bare hosts.
	idle []idleField
	seen map[*yaml.Node]bool
}

// idleField is a field without meaning on bare hosts, and where it stands.
type idleField struct {
	name, file string
	line       int
}

// field decodes one field's value; at is its name with all that leads to it. A
// nil field is one without meaning on bare hosts.
type field func(n *yaml.Node, at string)

// fields are those that an object may have.
type fields map[string]field

func (d *decoder) refuse(n *yaml.Node, at, value, reason string) {
	e := &Error{File: d.file, Field: at, Value: value, Reason: reason}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	d.problems = append(d.problems, e)
}

func (d *decoder) warn(n *yaml.Node, format string, args ...any) {
	d.warnings = append(d.warnings, Warning{d.file, n.Line, fmt.Sprintf(format, args...)})
}

// err joins the problems in the order of the file.
func (d *decoder) err() error {
	slices.SortStableFunc(d.problems, func(a, b *Error) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	errs := make([]error, len(d.problems))
	for i, p := range d.problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// resolve follows aliases. inspect has made sure that they end.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// object decodes a mapping. A field that is null counts as not given, as in
// Kubernetes.
func (d *decoder) object(n *yaml.Node, at string, known fields) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		d.refuse(n, at, written(n), "not an object; write its fields below it, indented")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		name := join(at, key.Value)
		f, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" && key.Value != "<<":
			d.refuse(key, at, written(key), "not the name of a field; write a name, without brackets or quotes")
		case !ok:
			d.refuse(key, name, "", d.unknown(key.Value, known))
		case isNull(value):
		case f == nil:
			d.idle = append(d.idle, idleField{name, d.file, key.Line})
		default:
			f(value, name)
		}
	}
}

func (d *decoder) unknown(name string, known fields) string {
	if name == "<<" {
		return "merge keys are not supported; write the fields out"
	}
	names := slices.Sorted(maps.Keys(known))
	if near := conf.Nearest(name, names); near != "" {
		return "no such field; did you mean " + near + "?"
	}
	return "no such field; there are " + strings.Join(names, ", ")
}

// list decodes a sequence, item by item.
func (d *decoder) list(n *yaml.Node, at string, item field) {
	if n.Kind != yaml.SequenceNode {
		d.refuse(n, at, written(n), "not a list; write each item after a dash")
		return
	}
	for i, child := range n.Content {
		item(resolve(child), fmt.Sprintf("%s[%d]", at, i))
	}
}

// text decodes a string. A number or true is refused as in Kubernetes: it has to
// be quoted.
func (d *decoder) text(into *string) field {
	return func(n *yaml.Node, at string) {
		switch {
		case n.Kind != yaml.ScalarNode:
			d.refuse(n, at, written(n), "not a text; write it in one line")
		case n.ShortTag() != "!!str":
			d.refuse(n, at, written(n), "not a text; put it in quotes: "+strconv.Quote(n.Value))
		case strings.ContainsFunc(n.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			d.refuse(n, at, short(n.Value), "has a control character in it; remove it")
		default:
			*into = n.Value
		}
	}
}

// loose is text that may be written as a number too: sizes and ratios.
func (d *decoder) loose(into *string, example string) field {
	return func(n *yaml.Node, at string) {
		tag := n.ShortTag()
		if n.Kind != yaml.ScalarNode || tag != "!!str" && tag != "!!int" && tag != "!!float" {
			d.refuse(n, at, written(n), "write e.g. "+example)
			return
		}
		*into = n.Value
	}
}

func (d *decoder) texts(into *[]string) field {
	return func(n *yaml.Node, at string) {
		d.list(n, at, func(n *yaml.Node, at string) {
			var s string
			d.text(&s)(n, at)
			*into = append(*into, s)
		})
	}
}

// textMap decodes a map of texts. The values are not named in errors, as they
// may be secret.
func (d *decoder) textMap(into *map[string]string, check func(n *yaml.Node, at, key, value string)) field {
	return func(n *yaml.Node, at string) {
		if n.Kind != yaml.MappingNode {
			d.refuse(n, at, written(n), "not an object; write name: value pairs below it, indented")
			return
		}
		m := map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
			name := fmt.Sprintf("%s[%s]", at, key.Value)
			switch {
			case key.Kind != yaml.ScalarNode || key.Value == "" || key.Value == "<<":
				d.refuse(key, at, written(key), "not a name; write name: value")
			case value.Kind != yaml.ScalarNode || value.ShortTag() != "!!str":
				d.refuse(value, name, "", `not a text; put the value in quotes, as in "1" or "true"`)
			case strings.ContainsAny(value.Value, "\x00\n\r"):
				d.refuse(value, name, "", "more than one line; write it in one")
			default:
				m[key.Value] = value.Value
				if check != nil {
					check(value, name, key.Value, value.Value)
				}
			}
		}
		*into = m
	}
}

func (d *decoder) flag(into *bool) field {
	return func(n *yaml.Node, at string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(into) != nil {
			d.refuse(n, at, written(n), "write true or false, without quotes")
		}
	}
}

// number decodes a whole number; the sense of it is checked by the caller.
func (d *decoder) number(into *int) field {
	return func(n *yaml.Node, at string) {
		var v int32
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&v) != nil {
			d.refuse(n, at, written(n), "not a whole number; write e.g. 3, without quotes")
			return
		}
		*into = int(v)
	}
}

// written shows a node in a message.
func written(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "nothing"
		}
		return short(n.Value)
	}
	return ""
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
