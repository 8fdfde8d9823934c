package conf

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// What FormatSize writes, ParseSize reads.
func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"0", "2G", "1.5GiB", "64MB", "-1", "1e9", "9223372036854775807", "8191P", " 1 k "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			return
		}
		if back, err := ParseSize(FormatSize(n)); n < 0 || err != nil || back != n {
			t.Errorf("%q → %d → %s → %d, %v", s, n, FormatSize(n), back, err)
		}
	})
}

// What time.Duration writes, ParseDuration reads.
func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"0", "-1", "30sec", "2day", "1h30m", "1.5h", "250us", "106751day", "1e3s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if back, err := ParseDuration(d.String()); err != nil || back != d {
			t.Errorf("%q → %v → %v, %v", s, d, back, err)
		}
	})
}

func FuzzParseRatio(f *testing.F) {
	for _, s := range []string{"0.8", "80%", "80", "1", "0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRatio(s); err == nil && !(r > 0 && r <= 1) {
			t.Errorf("%q → %v", s, r)
		}
	})
}

// Another reader of the same format, and our own writer, agree with the parser.
func FuzzParseProperties(f *testing.F) {
	for _, s := range []string{
		"a=1\nb: 2\nc 3\n", "\uFEFFa=1\r\n\r\nb=2", "a=1,\\\n  2\n", "# c \\\na=\\u4e2d\\t\\q", "a\\ b\\==c", "a=1\na=2", "a", "a=\\", "\\",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pairs, err := ParseProperties("x", []byte(s))
		if err != nil {
			return
		}
		ours := map[string]string{}
		line := 0
		for _, p := range pairs {
			if p.Line <= line || p.Line > strings.Count(s, "\n")+strings.Count(s, "\r")+1 {
				t.Errorf("line %d after line %d", p.Line, line)
			}
			line = p.Line
			ours[p.Key] = p.Value
		}
		back, err := ParseProperties("x", FormatProperties(ours))
		if err != nil || len(back) != len(ours) {
			t.Fatalf("not read back: %v", err)
		}
		for _, p := range back {
			if p.Value != ours[p.Key] {
				t.Errorf("%s: %q read back as %q", p.Key, ours[p.Key], p.Value)
			}
		}
		theirs, ok := readTheirs(s)
		if !ok {
			return
		}
		for k, v := range ours {
			if got, ok := theirs.Get(k); !ok || strings.TrimSpace(got) != v {
				t.Errorf("%q: ours %q, theirs %q, %v", k, v, got, ok)
			}
		}
	})
}

// readTheirs is for the texts on which the two readers are meant to agree.
// Theirs knows no surrogate pairs, ends no lines at a lone \r or \f, reads
// "a\" and a key of white space differently, and has no byte order mark.
func readTheirs(s string) (*properties.Properties, bool) {
	if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\f\\\uFEFF\x00") {
		return nil, false
	}
	p, err := (&properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}).LoadBytes([]byte(s))
	return p, err == nil
}

// No text in any place makes Load panic, and what it accepts can be read.
func FuzzLoad(f *testing.F) {
	f.Add("goosefs.worker.rpc.port", "1", "-Dgoosefs.home=/x")
	f.Add("goosefs.work.dir", "${goosefs.home}/${HOME}", "-Da.b=${a.b}")
	f.Add("goosefs.worker.tieredstore.level0.dirs.quota", "1,2", "-Dgoosefs.worker.tieredstore.levels=2")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, key, value, opts string) {
		env := func(name string) string {
			switch name {
			case "GOOSEFS_JAVA_OPTS":
				return opts
			case "SELF":
				return value
			}
			return ""
		}
		c, _, err := Load(Input{Env: env, EtcDir: dir, Args: []string{key + "=" + value}})
		if err != nil {
			return
		}
		for _, e := range c.All() {
			_ = e.Shown()
		}
		if _, err := c.Tiers(); err != nil {
			t.Error(err)
		}
		c.MasterAddresses()
	})
}
