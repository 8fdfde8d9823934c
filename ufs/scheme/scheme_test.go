package scheme

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for uri, want := range map[string]string{
		"http://h/d": KindWeb, "https://ann:pw@h/d/": KindWeb, "HTTP://h": KindWeb,
		"file://" + dir: KindLocal, "local://" + dir: KindLocal, "file://localhost" + dir: KindLocal, dir: KindLocal,
	} {
		u, kind, err := Open(uri, map[string]string{"goosefs.something.else": "x"})
		if err != nil || kind != want || u == nil {
			t.Errorf("Open(%q): %q, %v", uri, kind, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		uri     string
		options map[string]string
		errno   syscall.Errno
		says    string
	}{
		{"gopher://ann:CANARY@h/d", nil, syscall.EINVAL, "scheme gopher is not supported (supported: http, https, file, local"},
		{"relative/dir", nil, syscall.EINVAL, "neither a URI"},
		{"", nil, syscall.EINVAL, "neither a URI"},
		{"file://host/d", nil, syscall.EINVAL, "three slashes"},
		{"file://d", nil, syscall.EINVAL, "three slashes"},
		{"file:///a%00b", nil, syscall.EINVAL, "NUL"},
		{"/no/such/folder", nil, syscall.ENOENT, "/no/such/folder"},
		{"http://h/d?key=CANARY", nil, syscall.EINVAL, "no query"},
		{"http://h/", map[string]string{webTimeout: "soon"}, syscall.EINVAL, webTimeout + "=soon"},
		{"http://h/", map[string]string{webTimeoutAsIs: "-1s"}, syscall.EINVAL, webTimeoutAsIs},
		{"http://h/", map[string]string{webAllow: "10.0.0.0/99"}, syscall.EINVAL, webAllow},
		{"http://h/", map[string]string{webDeny: "everything"}, syscall.EINVAL, webDeny},
		{"http://h/", map[string]string{webLastModified: "QQQ"}, syscall.EINVAL, "QQQ"},
		{"http://h/", map[string]string{webLastModified: "'open"}, syscall.EINVAL, "not closed"},
	}
	for _, test := range tests {
		_, _, err := Open(test.uri, test.options)
		if ufs.Errno(err) != test.errno || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("Open(%q, %v): %v", test.uri, test.options, err)
		}
	}
}

func TestWebOptions(t *testing.T) {
	opt, err := webOptions("http://h/", map[string]string{
		webTimeoutAsIs: "90s", webParentNames: "Up, ..", webTitles: "Contents of,Index of",
		webLastModified: "EEE, dd MMM yyyy HH:mm:ss zzz", webAllow: "169.254.1.1, fe80::/64", webDeny: "loopback,private,1.2.3.0/24",
	})
	if err != nil {
		t.Fatal(err)
	}
	if opt.CallTimeout != 90*time.Second || opt.LastModified != time.RFC1123 || strings.Join(opt.Titles, "|") != "Contents of|Index of" ||
		strings.Join(opt.ParentNames, "|") != "Up|.." || len(opt.Allow) != 2 || len(opt.Deny) != 2+5+1 {
		t.Errorf("%+v", opt)
	}
	opt, err = webOptions("http://h/", map[string]string{webTimeoutAsIs: "90s", webTimeout: "2min"})
	if err != nil || opt.CallTimeout != 2*time.Minute {
		t.Errorf("%v, %v", opt.CallTimeout, err)
	}
	if len(Keys()) != 7 {
		t.Errorf("%v", Keys())
	}
}

func TestLocalPath(t *testing.T) {
	for rest, want := range map[string]string{"/a%20b": "/a b", "/100%": "/100%", "localhost/x": "/x", "/": "/"} {
		if got, err := localPath("file://"+rest, rest); err != nil || got != want {
			t.Errorf("%q: %q, %v", rest, got, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"60s": time.Minute, "1min": time.Minute, "1m": time.Minute, "1.5h": 90 * time.Minute, "500ms": 500 * time.Millisecond,
		"2500": 2500 * time.Millisecond, " 2 Days ": 48 * time.Hour, "10sec": 10 * time.Second,
	} {
		if got, err := duration(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "s", "-5s", "5 parsecs", "1e400", "9999999999d"} {
		if got, err := duration(in); err == nil {
			t.Errorf("%q is %v", in, got)
		}
	}
}

func TestLayout(t *testing.T) {
	for in, want := range map[string]string{
		"EEE, dd MMM yyyy HH:mm:ss zzz":    time.RFC1123,
		"yyyy-MM-dd'T'HH:mm:ss.SSSXXX":     "2006-01-02T15:04:05.000Z07:00",
		"EEEE, d-MMMM-yy h:m:s a Z 'o''c'": "Monday, 2-January-06 3:4:5 PM -0700 oc",
		"''":                               "'",
	} {
		if got, err := layout(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}
