package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestLoad plays testdata/load: each file is a story about one computer, told in
// these commands:
//
//	file NAME     makes a file; NAME is below DIR, where ~ and /etc/goosefs are
//	env           sets environment variables; DIR stands for the folder
//	load [role=R] [conf=DIR]   input: -D options, one a line; output: what went wrong
//	get           input: names; output: values and sources
//	masters, tiers, hosts      what is derived
//	prefix P      what is set below a prefix
//
// go test ./conf -run TestLoad -rewrite writes the outputs anew; commit only what you understand.
func TestLoad(t *testing.T) {
	datadriven.Walk(t, "testdata/load", func(t *testing.T, path string) {
		dir := t.TempDir()
		env := map[string]string{"HOME": filepath.Join(dir, "home")}
		var c *Conf
		play := func(d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				name := filepath.Join(dir, d.CmdArgs[0].Key)
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(d.Input), 0o644), os.Chmod(name, 0o644)); err != nil {
					t.Fatal(err)
				}
				return ""
			case "env":
				for _, line := range strings.Split(d.Input, "\n") {
					name, value, _ := strings.Cut(line, "=")
					env[name] = strings.ReplaceAll(value, "DIR", dir)
				}
				return ""
			case "load":
				in := Input{Env: func(name string) string { return env[name] }, EtcDir: filepath.Join(dir, "etc")}
				if d.Input != "" {
					in.Args = strings.Split(d.Input, "\n")
				}
				for _, a := range d.CmdArgs {
					switch a.Key {
					case "role":
						in.Role = Role(a.Vals[0])
					case "conf":
						in.ConfDir = filepath.Join(dir, a.Vals[0])
					}
				}
				var warnings []Warning
				var err error
				c, warnings, err = Load(in)
				return report(t, warnings, err)
			case "prefix":
				var b strings.Builder
				m := c.Prefix(d.CmdArgs[0].Key)
				for _, k := range sortedKeys(m) {
					fmt.Fprintf(&b, "%s=%s\n", k, m[k])
				}
				return b.String()
			}
			return query(d, c)
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return strings.ReplaceAll(play(d), dir, "DIR")
		})
	})
}

func report(t *testing.T, warnings []Warning, err error) string {
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %v\n", w)
	}
	if err == nil {
		return b.String() + "ok\n"
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		t.Errorf("error without an errno: %v", err)
	}
	return fmt.Sprintf("%s%v\n%v\n", b.String(), err, errno)
}

func query(d *datadriven.TestData, c *Conf) string {
	var b strings.Builder
	switch d.Cmd {
	case "get":
		for _, name := range strings.Split(d.Input, "\n") {
			e, ok := c.Lookup(name)
			if !ok {
				fmt.Fprintf(&b, "%s is not a valid configuration key\n", name)
				continue
			}
			fmt.Fprintf(&b, "%s=%s (%s)\n", e.Name, e.Shown(), e.Source)
		}
	case "masters":
		fmt.Fprintf(&b, "rpc %v\njournal %v\n", c.MasterAddresses(), c.JournalAddresses())
	case "hosts":
		m := c.HostTable()
		for _, k := range sortedKeys(m) {
			fmt.Fprintf(&b, "%s %s\n", k, m[k])
		}
	case "tiers":
		tiers, err := c.Tiers()
		if err != nil {
			return err.Error() + "\n"
		}
		for _, tier := range tiers {
			fmt.Fprintf(&b, "%s high %v low %v\n", tier.Alias, tier.High, tier.Low)
			for _, dir := range tier.Dirs {
				fmt.Fprintf(&b, "  %s %s %s\n", dir.Path, dir.Medium, FormatSize(dir.Quota))
			}
		}
	default:
		return "unknown command " + d.Cmd + "\n"
	}
	return b.String()
}

// TestValues plays testdata/values: one text a line, read as size, duration,
// ratio, words of JAVA_OPTS, or a properties file.
func TestValues(t *testing.T) {
	datadriven.Walk(t, "testdata/values", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			show := func(text string, v any, err error) {
				if err != nil {
					v = err
				}
				fmt.Fprintf(&b, "%s → %v\n", text, v)
			}
			if d.Cmd == "properties" {
				pairs, err := ParseProperties("file", []byte(strings.NewReplacer("␍", "\r", "␀", "\x00", "␠", " ", "␉", "\t").Replace(d.Input)))
				if err != nil {
					return err.Error() + "\n"
				}
				for _, p := range pairs {
					fmt.Fprintf(&b, "%d %q %q\n", p.Line, p.Key, p.Value)
				}
				return b.String()
			}
			for _, line := range strings.Split(d.Input, "\n") {
				switch d.Cmd {
				case "size":
					v, err := ParseSize(line)
					show(line, v, err)
				case "duration":
					v, err := ParseDuration(line)
					show(line, v, err)
				case "ratio":
					v, err := ParseRatio(line)
					show(line, v, err)
				case "javaopts":
					for _, p := range SplitJavaOpts(line) {
						fmt.Fprintf(&b, "%q %q\n", p.Key, p.Value)
					}
				}
			}
			return b.String()
		})
	})
}
