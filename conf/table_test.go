package conf

import (
	"maps"
	"strings"
	"testing"
)

// The table is data, so its rules are tested rather than compiled.
func TestTable(t *testing.T) {
	owner := map[string]string{}
	claim := func(name, by string) {
		if other, ok := owner[name]; ok {
			t.Errorf("%s is a name of both %s and %s", name, other, by)
		}
		owner[name] = by
	}
	for _, p := range Table() {
		claim(p.Name, p.Name)
		for _, a := range p.Aliases {
			claim(a, p.Name)
		}
		if p.Env != "" {
			claim(p.Env, p.Name)
		}
		if p.Template != strings.Contains(p.Name, "{") {
			t.Errorf("%s: Template is %v", p.Name, p.Template)
		}
		if p.Template && len(p.Aliases) > 0 {
			t.Errorf("%s: a template cannot have aliases", p.Name)
		}
		if (p.Type == Enum) != (len(p.Values) > 0) {
			t.Errorf("%s: a choice needs Values, and nothing else has them", p.Name)
		}
		if !strings.HasSuffix(p.Meaning, ".") && !strings.HasSuffix(p.Meaning, ".)") && !strings.HasSuffix(p.Meaning, "…") {
			t.Errorf("%s: the meaning is not a sentence: %q", p.Name, p.Meaning)
		}
		if p.Ignored != "" && p.Default != "" {
			t.Errorf("%s: ignored, yet it has a default", p.Name)
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	c := load(t, input(t, nil))
	for _, p := range Table() {
		name := strings.ReplaceAll(p.Name, "{x}", "7")
		if v := c.String(name); v != "" {
			if err := p.check(v); err != nil {
				t.Errorf("%s: default %q: %v", name, v, err)
			}
		}
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"goosefs.worker.rpc.port":                             "goosefs.worker.rpc.port",
		"goosefs.worker.memory.size":                          "goosefs.worker.ramdisk.size",
		"goosefs.underfs.web.connnection.timeout":             "goosefs.underfs.web.connection.timeout",
		"goosefs.worker.tieredstore.level12.dirs.path":        "goosefs.worker.tieredstore.level12.dirs.path",
		"goosefs.worker.tieredstore.levelx.dirs.path":         "",
		"goosefs.worker.tieredstore.level.dirs.path":          "",
		"goosefs.master.security.impersonation.hive.users":    "goosefs.master.security.impersonation.hive.users",
		"goosefs.master.mount.table.root.option.fs.cosn.what": "goosefs.master.mount.table.root.option.fs.cosn.what",
		"goosefs.nothing":                                     "",
	} {
		p, ok := Find(name)
		if p.Name != want || ok != (want != "") {
			t.Errorf("Find(%q) = %q, %v; want %q", name, p.Name, ok, want)
		}
	}
	p, _ := Find("goosefs.worker.tieredstore.level3.dirs.mediumtype")
	if want := "${goosefs.worker.tieredstore.level3.alias}"; p.Default != want {
		t.Errorf("default of a template's instance: %q, want %q", p.Default, want)
	}
}

func TestTableIsACopy(t *testing.T) {
	Table()[0].Name = "changed"
	if Table()[0].Name == "changed" {
		t.Error("a caller changed the table")
	}
}

// input makes an Input that sees only the given environment.
func input(t *testing.T, env map[string]string) Input {
	env = maps.Clone(env)
	return Input{Env: func(name string) string { return env[name] }, EtcDir: t.TempDir()}
}

func load(t *testing.T, in Input) *Conf {
	t.Helper()
	c, _, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
