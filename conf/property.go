package conf

import "strings"

// Type says how the text of a value is read.
type Type uint8

const (
	String    Type = iota // any text
	Bool                  // true or false
	Int                   // a whole number, possibly negative
	Port                  // 0 to 65535; 0 lets the kernel choose
	Size                  // bytes, see ParseSize
	Duration              // see ParseDuration
	Ratio                 // above 0, at most 1, see ParseRatio
	Enum                  // one of Property.Values, in any case
	List                  // texts separated by commas; empty items are dropped
	Sizes                 // a List of Size
	Addresses             // a List of host:port
	Hosts                 // a List of name=address
	Octal                 // permission bits
)

// String names the type as docs/config.md does.
func (t Type) String() string {
	switch t {
	case String:
		return "text"
	case Bool:
		return "true or false"
	case Int:
		return "number"
	case Port:
		return "port"
	case Size:
		return "size"
	case Duration:
		return "duration"
	case Ratio:
		return "ratio"
	case Enum:
		return "choice"
	case List:
		return "list"
	case Sizes:
		return "list of sizes"
	case Addresses:
		return "list of host:port"
	case Hosts:
		return "list of name=address"
	case Octal:
		return "octal"
	}
	return "?"
}

// Sign says which numbers an Int, a Size or a Duration may be.
type Sign uint8

const (
	Positive Sign = iota // above 0
	ZeroToo              // 0 or above
	AnySign              // any
)

// Scope says which processes look at a property.
type Scope uint8

const (
	All    Scope = iota // every process
	Master              // goosefs master
	Worker              // goosefs worker
	Client              // the shell, the mount, and workers where they act as clients
)

// String names the scope as docs/config.md does.
func (s Scope) String() string {
	switch s {
	case Master:
		return "master"
	case Worker:
		return "worker"
	case Client:
		return "client"
	}
	return "all"
}

// A Property is one row of the table.
type Property struct {
	Name    string   // a Template has one {placeholder} in it
	Aliases []string // other names that mean the same: older ones, and misspellings of GooseFS itself
	Env     string   // environment variable that stands for this property, if any
	Type    Type
	Sign    Sign
	Default string // may contain references; "" is: no default, or the meaning says
	Values  []string
	Scope   Scope
	Meaning string

	// Secret values are shown as ****** everywhere.
	Secret bool

	// Template rows stand for many properties. {x} stands for a number, in the
	// default too; any other placeholder stands for any text.
	Template bool

	// filler is what took the place of a placeholder for any text, in a row
	// that find made from a template.
	filler string

	// Ignored is why we accept this GooseFS property without honouring it, or
	// "" when we honour it. Ignored values are not validated.
	Ignored string
}

// Table lists every property: those that we honour, then those of GooseFS that
// we accept and ignore. The caller owns the result.
func Table() []Property {
	var t []Property
	for _, g := range groups() {
		t = append(t, g.rows...)
	}
	return t
}

// group is a part of the table under one heading.
type group struct {
	title string
	rows  []Property
}

func groups() []group {
	return []group{
		{"All processes", commonProperties()},
		{"Masters", masterProperties()},
		{"Workers", workerProperties()},
		{"Clients", userProperties()},
		{"The mount", fuseProperties()},
		{"Security", securityProperties()},
		{"Under file systems", ufsProperties()},
		{"Accepted without effect", ignoredProperties()},
	}
}

// Find returns the row for a full name, an alias or a name that fits a
// template. The row's Name and Default are those of the full name.
func Find(name string) (Property, bool) {
	return newSchema(Table()).find(name)
}

// schema is the table, indexed.
type schema struct {
	byName    map[string]Property // names and aliases of rows that are no templates
	templates []Property
	names     []string // all canonical names of byName, in table order
}

func newSchema(table []Property) *schema {
	s := &schema{byName: make(map[string]Property, len(table))}
	for _, p := range table {
		if p.Template {
			s.templates = append(s.templates, p)
			continue
		}
		s.names = append(s.names, p.Name)
		s.byName[p.Name] = p
		for _, a := range p.Aliases {
			s.byName[a] = p
		}
	}
	return s
}

// find prefers a row of exactly this name to a template.
func (s *schema) find(name string) (Property, bool) {
	if p, ok := s.byName[name]; ok {
		return p, true
	}
	for _, t := range s.templates {
		pattern := t.Name
		if filler, ok := matchTemplate(pattern, name); ok {
			t.Name = name
			if strings.Contains(pattern, "{x}") {
				t.Default = strings.ReplaceAll(t.Default, "{x}", filler)
			} else {
				t.filler = filler
			}
			return t, true
		}
	}
	return Property{}, false
}

// cutPlaceholder cuts a template at its {placeholder}.
func cutPlaceholder(pattern string) (before, after string, ok bool) {
	before, rest, ok := strings.Cut(pattern, "{")
	_, after, _ = strings.Cut(rest, "}")
	return before, after, ok
}

// matchTemplate returns the text at the place of the pattern's placeholder.
func matchTemplate(pattern, name string) (filler string, ok bool) {
	before, after, _ := cutPlaceholder(pattern)
	if len(name) <= len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return "", false
	}
	filler = name[len(before) : len(name)-len(after)]
	return filler, !strings.Contains(pattern, "{x}") || strings.Trim(filler, "0123456789") == ""
}

func fillTemplate(pattern, filler string) string {
	before, after, _ := cutPlaceholder(pattern)
	return before + filler + after
}
