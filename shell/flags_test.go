package shell

import (
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestSplitProperties(t *testing.T) {
	for _, c := range []struct{ line, rest, props string }{
		{"goosefs fs ls /", "goosefs fs ls /", ""},
		{"goosefs fs -Da=0 ls -R /x", "goosefs fs ls -R /x", "-Da=0"},
		{"goosefs -Da=1 fs ls -R -Db=2=3 /x -Da=2", "goosefs fs ls -R /x", "-Da=1 -Db=2=3 -Da=2"},
		{"goosefs fs ls -Da= -- -Db=1", "goosefs fs ls -- -Db=1", "-Da="},
		{"goosefs fs ls -D -Dab", "goosefs fs ls -D -Dab", ""},
	} {
		rest, props := SplitProperties(strings.Fields(c.line))
		if got := strings.Join(rest, " "); got != c.rest {
			t.Errorf("%s: rest %q, want %q", c.line, got, c.rest)
		}
		if got := strings.Join(props, " "); got != c.props {
			t.Errorf("%s: props %q, want %q", c.line, got, c.props)
		}
	}
}

func TestReorderFlags(t *testing.T) {
	flags := []cli.Flag{
		toggle("R", ""), toggle("h", ""), toggle("readonly", ""),
		&cli.StringFlag{Name: "expire-time", Aliases: []string{"e"}}, &cli.StringFlag{Name: "c"},
	}
	for _, c := range []struct{ line, want string }{
		{"", "--"},
		{"/a /b", "-- /a /b"},
		{"/a -R /b --readonly", "-R --readonly -- /a /b"},
		{"/path --expire-time 1", "--expire-time 1 -- /path"},
		{"/path -expire-time=1 -e 2", "-expire-time=1 -e 2 -- /path"},
		{"-Rh /path", "-R -h -- /path"},
		{"/path -c -5", "-c -5 -- /path"},
		{"/path -c", "-c -- /path"},
		{"-R -- -h --", "-R -- -h --"},
		{"- /path", "-- - /path"},
		{"-Rc /path", "unknown flag -Rc; did you mean -R?"},
		{"--readnoly /path", "unknown flag --readnoly; did you mean --readonly?"},
		{"--nothing-like-it", "unknown flag --nothing-like-it"},
		{"-expiretime 1", "unknown flag -expiretime; did you mean --expire-time?"},
	} {
		got, err := ReorderFlags(flags, strings.Fields(c.line))
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%q: %q, want %q", c.line, text, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"ls", "load", "loadMetadata", "masterInfo", "mkdir", "mount", "mv"}
	for word, want := range map[string]string{
		"sl": "ls", "laod": "load", "masterinfo": "masterInfo", "MKDIR": "mkdir", "moutn": "mount", "loadmetdata": "loadMetadata",
		"xyzzy": "", "": "", "q": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest to %q: %q, want %q", word, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	fit := func(pattern string) (names []string) {
		for _, name := range []string{"a", "ab", "abc", "a*c", "b", "aXbXc"} {
			if fits(pattern, name) {
				names = append(names, name)
			}
		}
		return names
	}
	for pattern, want := range map[string]string{
		"*": "a ab abc a*c b aXbXc", "a*": "a ab abc a*c aXbXc", "*c": "abc a*c aXbXc", "a*c": "abc a*c aXbXc", `a\*c`: "a*c",
		"*b*": "ab abc b aXbXc", "ab": "ab", "a**": "a ab abc a*c aXbXc", "*X*X*": "aXbXc", "ab*b": "", `*\**`: "a*c",
	} {
		if got := fit(pattern); !reflect.DeepEqual(got, strings.Fields(want)) && len(got)+len(want) > 0 {
			t.Errorf("%s fits %q, want %q", pattern, got, want)
		}
	}
}
