package web

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"goosefs/ufs"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of index pages anew; look at the difference")

func rules() pageRules {
	o := Options{}.withDefaults()
	return pageRules{o.Titles, o.ParentNames, o.MaxEntries}
}

func parse(t testing.TB, text, at string) (listing, error) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return parseIndex(strings.NewReader(text), u, rules())
}

// pageURL is where each golden page was found.
func pageURL(name string) string {
	at := map[string]string{
		"apache-fancy": "/fancy/", "apache-fancy-empty": "/fancy/empty/", "apache-table": "/table/", "apache-table-empty": "/table/empty/",
		"mirror": "/apache/hbase/stable/", "fancyindex": "/dir%20one/",
	}[name]
	if at == "" && strings.HasSuffix(name, "-empty") {
		at = "/empty/"
	}
	return "http://127.0.0.1" + at
}

// The pages of real servers, each with what it lists. The names are the same odd ones for all.
func TestGoldenPages(t *testing.T) {
	pages, err := filepath.Glob("testdata/index/*.html")
	if err != nil || len(pages) < 17 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, path := range pages {
		name := strings.TrimSuffix(filepath.Base(path), ".html")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			at := pageURL(name)
			if !strings.HasSuffix(at, "/") {
				at += "/"
			}
			l, err := parse(t, string(text), at)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, e := range l.entries {
				fmt.Fprintf(&got, "%q", e.name)
				if e.dir {
					got.WriteString(" dir")
				}
				got.WriteByte('\n')
			}
			fmt.Fprintf(&got, "dropped %d\n", l.dropped)
			golden := strings.TrimSuffix(path, ".html") + ".golden"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got.String() != string(want) {
				t.Errorf("lists\n%s\nwant (%v)\n%s", got.String(), err, want)
			}
			if !l.closed {
				t.Error("the end was not seen")
			}
		})
	}
}

func TestWhatIsAListing(t *testing.T) {
	const at = "http://h/dir/"
	tests := []struct {
		name, page string
		want       int // entries; -1: not a listing
	}{
		{"title", `<title>Index of /dir</title><a href=a>a</a>`, 1},
		{"title in other letters", `<TITLE>INDEX OF /dir</TITLE>`, 0},
		{"heading", `<h2>Index of /dir</h2><a href=a>x</a>`, 1},
		{"title in Python's words", `<title>Directory listing for /dir/</title>`, 0},
		{"link to the parent", `<a href="/">Parent Directory</a><a href=a>x</a>`, 1},
		{"link to the parent, dots", `<a href="../">../</a><a href=a>x</a>`, 1},
		{"link to the parent, with markup", `<a href="../"><b>Parent</b> Directory</a>`, 0},
		{"link with that text to elsewhere", `<a href="/other/">Parent Directory</a><a href=a>x</a>`, -1},
		{"bare links", "<pre>\n<a href=\"a\">a</a>\n</pre>", 1},
		{"bare, empty", "<pre>\n</pre>", 0},
		{"bare links with other texts", "<pre>\n<a href=\"a\">click</a>\n</pre>", -1},
		{"bare links with words between", "<pre>\n<a href=\"a\">a</a> 12\n</pre>", -1},
		{"links without a pre", `<a href="a">a</a>`, -1},
		{"a form", "<pre></pre><form></form>", -1},
		{"empty", "", -1},
		{"text", "404 not found", -1},
		{"login", `<html><title>Sign in</title><a href="forgot">Forgot?</a></html>`, -1},
		{"title inside a script", `<script>"<title>Index of</title>"</script>`, -1},
		{"title inside a comment", `<!-- <title>Index of</title> -->`, -1},
		{"an unclosed link", `<title>Index of</title><a href=a>a<a href=b>b`, 2},
		{"an unclosed tag", `<title>Index of</title><a href="a">a</a><a href="b`, 1},
		{"twice the same", `<title>Index of</title><a href=a>icon</a><a href=a>a</a><a href=./a/>a</a>`, 1},
		{"equal after decoding", `<title>Index of</title><a href="a%41">1</a><a href="aA">2</a><a href="%61A">3</a>`, 1},
		{"base element", `<base href="/dir/"><title>Index of</title><a href=a>a</a>`, 1},
		{"base element elsewhere", `<base href="http://evil/"><title>Index of</title><a href=a>a</a>`, 0},
		{"no href", `<title>Index of</title><a name=x>x</a>`, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := parse(t, test.page, at)
			if test.want < 0 {
				if !errors.Is(err, errNotListing) {
					t.Errorf("%d entries, %v", len(l.entries), err)
				}
			} else if err != nil || len(l.entries) != test.want {
				t.Errorf("%v, %v", l.entries, err)
			}
		})
	}
}

// Whatever a link looks like, it names a safe direct child or nothing.
func TestHostileLinks(t *testing.T) {
	const at = "http://host:80/a%20b/dir/"
	tests := []struct {
		href string
		want verdict
		name string
	}{
		{"f", child, "f"}, {"./f", child, "f"}, {"f/", child, "f"}, {"/a%20b/dir/f", child, "f"}, {"/a b/dir/f", child, "f"},
		{"http://host/a%20b/dir/f", child, "f"}, {"HTTP://HOST/a%20b/dir/f", child, "f"}, {"//host/a%20b/dir/f", child, "f"},
		{"../dir/f", child, "f"}, {"x/../f", child, "f"}, {"  f\n", child, "f"}, {"%C3%BC", child, "ü"}, {"ü", child, "ü"},
		{"a+b", child, "a+b"}, {"a%2Bb", child, "a+b"}, {"%2541", child, "%41"}, {"a&b", child, "a&b"}, {"...", child, "..."},
		{"./a:b", child, "a:b"}, {"f%3Fx", child, "f?x"}, {"f%23x", child, "f#x"}, {`a%5Cb`, child, `a\b`}, {"user@host", child, "user@host"},
		{"http://user@host/a%20b/dir/f", child, "f"},

		{"../", parent, ""}, {"..", parent, ""}, {"/a%20b/", parent, ""}, {"%2e%2e/", foreign, ""},
		{"", control, ""}, {".", control, ""}, {"./", control, ""}, {"?C=N;O=D", control, ""}, {"/a%20b/dir/?C=S", control, ""},
		{"#top", control, ""}, {"//", control, ""}, {"f?x", control, ""}, {"f#x", control, ""}, {"f?", control, ""},

		{"../x", foreign, ""}, {"../../x", foreign, ""}, {"%2e%2e%2fx", foreign, ""}, {"..%2fx", foreign, ""}, {"%2e%2e", foreign, ""},
		{"..%5cx", foreign, ""}, {"..%5c", foreign, ""}, {"x%5c..%5cy", foreign, ""}, {`..\x`, foreign, ""}, {"a%2fb", foreign, ""}, {"%2f", foreign, ""},
		{"%2e", foreign, ""}, {"f/g", foreign, ""}, {"f//", foreign, ""}, {"/f", foreign, ""}, {"/etc/passwd", foreign, ""},
		{"//evil/a%20b/dir/f", foreign, ""}, {"http://evil/a%20b/dir/f", foreign, ""}, {"http://host:81/a%20b/dir/f", foreign, ""},
		{"https://host/a%20b/dir/f", foreign, ""}, {"http://169.254.169.254/", foreign, ""}, {"http://host.evil/a%20b/dir/f", foreign, ""},
		{"file:///a%20b/dir/f", foreign, ""}, {"javascript:alert(1)", foreign, ""}, {"data:text/html,x", foreign, ""}, {"mailto:a@b", foreign, ""},
		{"C:f", foreign, ""}, {"http:f", foreign, ""}, {"f%00", foreign, ""}, {"f\x00", foreign, ""}, {"f%0a", foreign, ""}, {"f%0d%0aX:y", foreign, ""},
		{"f%7f", foreign, ""}, {"f%1b[2J", foreign, ""}, {"%ff%fe", foreign, ""}, {"%zz", foreign, ""}, {"%", foreign, ""}, {"http://[::1", foreign, ""},
		{strings.Repeat("x", 255), child, strings.Repeat("x", 255)}, {strings.Repeat("x", 256), foreign, ""}, {strings.Repeat("x", 4096), foreign, ""},
		{strings.Repeat("%41", 255), child, strings.Repeat("A", 255)}, {strings.Repeat("x/", 20000), foreign, ""},
	}
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		e, v := childOf(base, base, test.href)
		if v != test.want || e.name != test.name {
			t.Errorf("%.40q: verdict %d, name %.40q; want %d, %.40q", test.href, v, e.name, test.want, test.name)
		}
		if e.dir != (v == child && strings.HasSuffix(strings.TrimSpace(test.href), "/")) {
			t.Errorf("%.40q: dir %v", test.href, e.dir)
		}
	}
}

// Bombs cost what they weigh: one giant tag is refused, depth costs nothing.
func TestPageBombs(t *testing.T) {
	at, _ := url.Parse("http://h/")
	deep := strings.NewReader("<title>Index of</title>" + strings.Repeat("<div>", 400_000))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if l, err := parseIndex(deep, at, rules()); err != nil || len(l.entries) != 0 {
		t.Errorf("%v", err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+1<<20 {
		t.Errorf("%d bytes are held", after.HeapAlloc-before.HeapAlloc)
	}
	giant := strings.NewReader(`<title>Index of</title><a href="` + strings.Repeat("x", 4<<20))
	if _, err := parseIndex(giant, at, rules()); !errors.Is(err, errGiantTag) {
		t.Errorf("a giant tag: %v", err)
	}
	entities := "<title>Index of</title><a href=\"" + strings.Repeat("&amp;", 60) + "\">x</a>" + strings.Repeat("&lt;", 100_000)
	if l, err := parse(t, entities, "http://h/"); err != nil || len(l.entries) != 1 {
		t.Errorf("entities: %v, %v", l.entries, err)
	}
}

func FuzzParseIndex(f *testing.F) {
	pages, _ := filepath.Glob("testdata/index/*.html")
	for _, path := range pages {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(text)
		}
	}
	at, _ := url.Parse("http://127.0.0.1/a/b/")
	f.Fuzz(func(t *testing.T, page []byte) {
		l, err := parseIndex(bytes.NewReader(page), at, rules())
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, e := range l.entries {
			if !ufs.ValidElement(e.name) || seen[e.name] {
				t.Errorf("entry %q", e.name)
			}
			seen[e.name] = true
		}
	})
}

func FuzzChildOf(f *testing.F) {
	for _, href := range []string{"f", "../x", "%2e%2e%2f", "//h/x", "javascript:1", "./a:b", "/a/b/c/", "http://h/a/b/c?x#y"} {
		f.Add(href)
	}
	at, _ := url.Parse("http://h/a/b/")
	u, _ := New("http://h/a/b/", Options{})
	f.Fuzz(func(t *testing.T, href string) {
		e, v := childOf(at, at, href)
		if v != child {
			if e != (entry{}) {
				t.Errorf("%q: verdict %d with entry %+v", href, v, e)
			}
			return
		}
		if !ufs.ValidElement(e.name) {
			t.Errorf("%q: unsafe name %q", href, e.name)
		}
		// The URL that we would ask for is below the directory and means the same name.
		again, v := childOf(at, at, u.urlOf(e.name, e.dir).String())
		if v != child || again != e {
			t.Errorf("%q: %+v, but its URL %s is %+v", href, e, u.urlOf(e.name, e.dir), again)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/100", "bytes */100", "bytes 0-0/*", "bytes -1--2/+3", "", "items 0-1/2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseContentRange(s)
		if !ok {
			return
		}
		if r.first == -1 && r.last == -1 {
			if r.total < 0 {
				t.Errorf("%q: %+v", s, r)
			}
			return
		}
		if r.first < 0 || r.first > r.last || r.last >= r.total {
			t.Errorf("%q: %+v", s, r)
		}
	})
}

func BenchmarkParseIndex(b *testing.B) {
	var page strings.Builder
	page.WriteString("<html><head><title>Index of /</title></head><body><h1>Index of /</h1><pre>")
	for i := range 10_000 {
		fmt.Fprintf(&page, "<a href=\"file%%20%d.tar.gz\">file %d.tar.gz</a>   03-Feb-2024 04:05   %d\n", i, i, i)
	}
	page.WriteString("</pre></body></html>")
	text := page.String()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if l, err := parse(b, text, "http://h/"); err != nil || len(l.entries) != 10_000 {
			b.Fatal(len(l.entries), err)
		}
	}
}
