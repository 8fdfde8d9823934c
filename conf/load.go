package conf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Input is where Load looks. The zero value reads the environment of this
// process and the usual files.
type Input struct {
	// Args are the -D options of the command line as key=value, a leading -D
	// is allowed. Later ones win.
	Args []string

	// Env is asked for environment variables. Default: os.Getenv.
	Env func(name string) string

	// Role decides which GOOSEFS_…_JAVA_OPTS count, see the Role constants.
	Role Role

	// ConfDir, if given, holds the properties file, and no other is looked for.
	ConfDir string

	// EtcDir is the last folder searched. Default: /etc/goosefs.
	EtcDir string
}

// Role is the kind of process that configuration is loaded for.
type Role string

// The roles, and with each the variables whose -D pairs it takes after those of
// GOOSEFS_JAVA_OPTS.
const (
	RoleMaster Role = "master" // GOOSEFS_MASTER_JAVA_OPTS
	RoleWorker Role = "worker" // GOOSEFS_WORKER_JAVA_OPTS
	RoleFuse   Role = "fuse"   // GOOSEFS_CLIENT_JAVA_OPTS, GOOSEFS_FUSE_JAVA_OPTS
	RoleUser   Role = "user"   // GOOSEFS_CLIENT_JAVA_OPTS, GOOSEFS_USER_JAVA_OPTS
)

// optionVariables lists the variables with -D pairs, the strongest last.
func (r Role) optionVariables() []string {
	common := "GOOSEFS_JAVA_OPTS"
	switch r {
	case "":
		return []string{common}
	case RoleFuse, RoleUser:
		return []string{common, "GOOSEFS_CLIENT_JAVA_OPTS", "GOOSEFS_" + strings.ToUpper(string(r)) + "_JAVA_OPTS"}
	}
	return []string{common, "GOOSEFS_" + strings.ToUpper(strings.ReplaceAll(string(r), "-", "_")) + "_JAVA_OPTS"}
}

// setting is a value as somebody wrote it.
type setting struct {
	key    string // as written: may be an alias
	raw    string // references not expanded
	origin string // for messages: file:line, variable, "command line"
	source string // for getConf --source
	order  int    // position among all that was written, for messages
}

// Load gathers the values of all places, expands and checks them. All bad values
// are reported together, joined. Warnings are valid even with an error.
func Load(in Input) (*Conf, []Warning, error) {
	if in.Env == nil {
		in.Env = os.Getenv
	}
	if in.EtcDir == "" {
		in.EtcDir = "/etc/goosefs"
	}
	s := newSchema(Table())
	path, filePairs, err := readSite(in)
	if err != nil {
		return nil, nil, err
	}
	warnings := append(duplicates(path, filePairs), exposed(s, path, filePairs)...)
	written := gather(in, s, path, filePairs)
	set := merge(s, written)
	warnings = append(warnings, inspect(s, set)...)

	c := &Conf{schema: s, file: path, env: in.Env, set: set, values: map[string]string{}, broken: map[string]error{}}
	if err := c.expandAll(); err != nil {
		return nil, warnings, err
	}
	if err := errors.Join(c.checkValues(), c.checkTogether()); err != nil {
		return nil, warnings, err
	}
	return c, warnings, nil
}

// commandLine is the origin of what was given with -D.
const commandLine = "command line"

// gather lists every setting there is, weakest first.
func gather(in Input, s *schema, path string, filePairs []Pair) []setting {
	var list []setting
	for _, p := range filePairs {
		list = append(list, setting{key: p.Key, raw: p.Value, origin: at(path, p.Line), source: "SITE_PROPERTY (" + path + ")"})
	}
	for _, name := range s.names {
		if p := s.byName[name]; p.Env != "" {
			list = append(list, setting{key: name, raw: in.Env(p.Env), origin: p.Env, source: "ENVIRONMENT (" + p.Env + ")"})
		}
	}
	for _, variable := range in.Role.optionVariables() {
		for _, p := range SplitJavaOpts(in.Env(variable)) {
			list = append(list, setting{key: p.Key, raw: p.Value, origin: variable, source: "SYSTEM_PROPERTY (" + variable + ")"})
		}
	}
	for _, arg := range in.Args {
		p := splitPair(strings.TrimPrefix(arg, "-D"))
		list = append(list, setting{key: p.Key, raw: p.Value, origin: commandLine, source: "SYSTEM_PROPERTY (" + commandLine + ")"})
	}
	// A reference to nothing but undefined variables is no value either; it
	// must not hide what a weaker place says.
	return slices.DeleteFunc(list, func(w setting) bool {
		env := environment{get: in.Env}
		text, ok := env.expand(w.raw, nil)
		return w.key == "" || ok && strings.TrimSpace(text) == ""
	})
}

// merge keeps the strongest setting of each property, under its full name.
func merge(s *schema, written []setting) map[string]setting {
	set := make(map[string]setting, len(written))
	for i, w := range written {
		w.order = i
		name := w.key
		if p, ok := s.find(w.key); ok {
			name = p.Name
		}
		set[name] = w
	}
	return set
}

// duplicates warns of keys that one file holds twice.
func duplicates(path string, pairs []Pair) []Warning {
	var warnings []Warning
	first := map[string]int{}
	for _, p := range pairs {
		if line, ok := first[p.Key]; ok {
			warnings = append(warnings, Warning{at(path, p.Line), p.Key, fmt.Sprintf("already set in line %d; this later one counts", line)})
		}
		first[p.Key] = p.Line
	}
	return warnings
}

// inspect warns of names that look like slips, and once of all properties that
// are ignored.
func inspect(s *schema, set map[string]setting) []Warning {
	var warnings []Warning
	var ignored []string
	for _, name := range inOrder(set) {
		p, known := s.find(name)
		if known && p.Ignored != "" {
			ignored = append(ignored, name)
		}
		if text := s.slip(name, p, known); text != "" {
			warnings = append(warnings, Warning{set[name].origin, name, text})
		}
	}
	slices.Sort(ignored)
	if len(ignored) > 0 {
		warnings = append(warnings, Warning{Text: "known to GooseFS, without effect here (docs/config.md says why): " + strings.Join(ignored, ", ")})
	}
	return warnings
}

// slip says why a name looks mistyped, "" when it does not. Families other than
// goosefs (fs.cosn, aws, java, …) are free, and so are names that fit a template
// with free text, unless they nearly are a name of the table.
func (s *schema) slip(name string, p Property, known bool) string {
	if known && p.filler == "" {
		return ""
	}
	near := s.nearest(name)
	switch {
	case known && near == "":
		return ""
	case known:
		return "passed on as it is; did you mean " + near + "?"
	case near != "":
		return "no such property; did you mean " + near + "?"
	case strings.HasPrefix(name, "goosefs."):
		return "no such property; it has no effect"
	}
	return ""
}

// inOrder lists the names in the order in which people wrote them.
func inOrder(set map[string]setting) []string {
	return slices.SortedFunc(maps.Keys(set), func(a, b string) int { return set[a].order - set[b].order })
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
