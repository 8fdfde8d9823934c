package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"goosefs/ufs"
	"goosefs/ufs/ufstest"
)

func TestNewRefuses(t *testing.T) {
	for _, base := range []string{
		"ftp://h/d", "http://", "http:///d", "/d", "", "http://h/d?token=CANARY", "http://h/d#f", "http://h/a/../d", "http://h/a/%2e%2e/d",
		"http://h/a//d", "http://ann:CANARY@h/%zz", "http://ann:CANARY@h:port/", "http://h/a%2fb", "http://h/a%00",
	} {
		_, err := New(base, Options{})
		if err == nil || ufs.Errno(err) != syscall.EINVAL || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("New(%q): %v", base, err)
		}
	}
}

func TestURLOf(t *testing.T) {
	for _, test := range []struct{ base, name, want string }{
		{"http://h", "", "http://h/"},
		{"http://h/a%20b", "f", "http://h/a%20b/f"},
		{"HTTP://ann:pw@h:8080/d/", "x y/ü?#%41+&;=", "http://h:8080/d/x%20y/%C3%BC%3F%23%2541+&%3B="},
		{"http://h/%7Eann/", "f", "http://h/%7Eann/f"},
	} {
		u, err := New(test.base, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := u.urlOf(test.name, false).String(); got != test.want {
			t.Errorf("%s + %q = %s, want %s", test.base, test.name, got, test.want)
		}
		if got := u.urlOf(test.name, true).String(); !strings.HasSuffix(got, "/") {
			t.Errorf("a directory's URL: %s", got)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"http://h/d":                    "http://h/d",
		"http://ann:pw@h/d?token=x":     "http://******@h/d?******",
		"http://ann@h/d":                "http://******@h/d",
		"http://ann:pw@h:port/%zz?to=x": "http://******@h:port/%zz",
		"ann:pw@h":                      "******@h",
		"nothing":                       "nothing",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRedirectsAllowed(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"http://h/d/f", "http://h/d/g", true}, {"http://h/d/f", "http://H:80/d/x/y/", true}, {"http://h/d/f", "https://h/d/f", true},
		{"http://h/d/f", "http://h/d/f?signed=1", true},
		{"https://h/d/f", "http://h/d/f", false}, {"http://h/d/f", "http://h/g", false}, {"http://h/d/f", "http://h/d/%2e%2e/g", false},
		{"http://h/d/f", "http://h/dd/f", false}, {"http://h/d/f", "http://g/d/f", false}, {"http://h/d/f", "http://h:8080/d/f", false},
		{"http://h/d/f", "https://h:8443/d/f", false}, {"http://h/d/f", "mailto:a@b", false}, {"http://h/d/f", "http://169.254.169.254/d/f", false},
	} {
		base, _ := url.Parse("http://h/d/")
		from, _ := url.Parse(test.from)
		to, err := url.Parse(test.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := within(base, from, to); got != test.want {
			t.Errorf("%s → %s: %v", test.from, test.to, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	prefix := netip.MustParsePrefix
	tests := []struct {
		rule    addresses
		ip      string
		allowed bool
	}{
		{addresses{}, "127.0.0.1", true}, {addresses{}, "::1", true}, {addresses{}, "10.1.2.3", true}, {addresses{}, "192.168.1.1", true},
		{addresses{}, "93.184.216.34", true}, {addresses{}, "2606:2800:220:1::1", true}, {addresses{}, "fd00::1", true},
		{addresses{}, "169.254.169.254", false}, {addresses{}, "169.254.0.1", false}, {addresses{}, "0.0.0.0", false}, {addresses{}, "0.1.2.3", false},
		{addresses{}, "100.100.100.200", false}, {addresses{}, "168.63.129.16", false}, {addresses{}, "192.0.0.192", false}, {addresses{}, "224.0.0.1", false},
		{addresses{}, "255.255.255.255", false}, {addresses{}, "::", false}, {addresses{}, "fe80::1", false}, {addresses{}, "fe80::1%eth0", false},
		{addresses{}, "fd00:ec2::254", false}, {addresses{}, "fd20:ce::254", false}, {addresses{}, "ff02::1", false},
		{addresses{}, "::ffff:169.254.169.254", false}, {addresses{}, "::ffff:a9fe:a9fe", false}, {addresses{}, "64:ff9b::169.254.169.254", false},
		{addresses{}, "::169.254.169.254", false}, {addresses{}, "2002:a9fe:a9fe::", false}, {addresses{}, "64:ff9b::93.184.216.34", true},
		{addresses{deny: Loopback()}, "127.0.0.1", false}, {addresses{deny: Loopback()}, "127.255.0.9", false}, {addresses{deny: Loopback()}, "::1", false},
		{addresses{deny: Loopback()}, "::ffff:127.0.0.1", false}, {addresses{deny: Loopback()}, "10.0.0.1", true},
		{addresses{deny: Private()}, "10.0.0.1", false}, {addresses{deny: Private()}, "172.31.0.1", false}, {addresses{deny: Private()}, "172.32.0.1", true},
		{addresses{deny: Private()}, "192.168.0.1", false}, {addresses{deny: Private()}, "100.64.0.1", false}, {addresses{deny: Private()}, "fd12::1", false},
		{addresses{allow: []netip.Prefix{prefix("169.254.7.0/24")}}, "169.254.7.1", true},
		{addresses{allow: []netip.Prefix{prefix("169.254.7.0/24")}}, "169.254.8.1", false},
		{addresses{allow: []netip.Prefix{prefix("10.1.0.0/16")}, deny: Private()}, "10.1.2.3", true},
		{addresses{allow: []netip.Prefix{prefix("10.1.0.0/16")}, deny: Private()}, "10.2.2.3", false},
	}
	for _, test := range tests {
		address := "[" + test.ip + "]:80"
		if err := test.rule.control("tcp", address, nil); (err == nil) != test.allowed {
			t.Errorf("%s with %+v: %v", test.ip, test.rule, err)
		}
	}
	for _, bad := range []string{"127.0.0.1", "name:80", ""} {
		if (addresses{}).control("tcp", bad, nil) == nil {
			t.Errorf("%q is allowed", bad)
		}
	}
}

// The rule is asked at the dial, whatever the URL looks like; it is not retried.
func TestDeniedAddress(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(good))
	defer s.Close()
	opt := impatient()
	opt.Deny = Loopback()
	for _, base := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)} {
		u, err := New(base, opt)
		if err != nil {
			t.Fatal(err)
		}
		_, err = u.Stat(t.Context(), "f")
		ufstest.WantErrno(t, err, syscall.EACCES)
		if ufs.Retryable(err) {
			t.Errorf("retryable: %v", err)
		}
	}
	u, err := New("http://169.254.169.254/latest/", impatient())
	if err != nil {
		t.Fatal(err)
	}
	_, err = ufstest.Collect(t.Context(), u, "")
	ufstest.WantErrno(t, err, syscall.EACCES)
}

func TestCertificateIsNotRetried(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(good))
	s.Config.ErrorLog = nil
	defer s.Close()
	u, err := New(s.URL, impatient())
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Stat(t.Context(), "f")
	ufstest.WantErrno(t, err, syscall.EIO)
	if ufs.Retryable(err) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999": 0, "Sat, 03 Feb 2024 04:05:16 GMT": 10 * time.Second, "Sat, 03 Feb 2024 04:05:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestContentRange(t *testing.T) {
	for value, want := range map[string]contentRange{
		"bytes 0-9/100": {0, 9, 100}, "bytes */100": {-1, -1, 100}, "Bytes 5-5/6": {5, 5, 6}, "bytes */0": {-1, -1, 0},
	} {
		if got, ok := parseContentRange(value); !ok || got != want {
			t.Errorf("%q: %+v, %v", value, got, ok)
		}
	}
	for _, value := range []string{
		"", "bytes", "bytes 0-9", "bytes 0-9/*", "bytes 9-0/100", "bytes 0-100/100", "bytes -1-9/100", "bytes +0-9/100", "bytes 0-/100",
		"bytes -9/100", "items 0-9/100", "bytes 0-9/100,200-300/400", "bytes 0-9/99999999999999999999", "bytes=0-9/100", "bytes 0 - 9/100",
	} {
		if got, ok := parseContentRange(value); ok {
			t.Errorf("%q is accepted as %+v", value, got)
		}
	}
}

// A version survives being written down.
func TestVersions(t *testing.T) {
	for _, p := range []pin{{byETag, 0, `"a:b"`}, {byTime, 5, date1}, {byWeakETag, 7, `"x"`}, {bySize, 1 << 40, ""}} {
		if got, ok := parsePin(p.version()); !ok || got != p {
			t.Errorf("%q: %+v, %v", p.version(), got, ok)
		}
	}
}

// Bytes may be handed on as they come if the head of the answer proves their version, and not if a look after the last
// byte does.
func TestProven(t *testing.T) {
	data := ufstest.Bytes(1 << 10)
	for _, test := range []struct {
		pin  pin
		tag  string
		want bool
	}{
		{pin{byETag, 1 << 10, etag1}, etag1, true},
		{pin{byTime, 1 << 10, date1}, "", false},
		{pin{byWeakETag, 1 << 10, etag1}, "W/" + etag1, false},
		{pin{bySize, 1 << 10, ""}, "", true},
	} {
		u := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if test.tag != "" {
				w.Header().Set("ETag", test.tag)
			}
			if test.pin.kind == byTime {
				w.Header().Set("Last-Modified", date1)
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}, Options{})
		r, err := u.Open(t.Context(), "f", test.pin.version(), 100, 200)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(interface{ Proven() bool }).Proven(); got != test.want {
			t.Errorf("a version known by %c: proven as they come: %v", test.pin.kind, got)
		}
		r.Close()
	}
}

func BenchmarkOpen(b *testing.B) {
	data := ufstest.Bytes(4 << 20)
	u := serve(b, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag1)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}, Options{})
	v := pin{byETag, 4 << 20, etag1}.version()
	for _, test := range []struct {
		name string
		n    int64
	}{{"4KiB", 4 << 10}, {"1MiB", 1 << 20}, {"4MiB", 4 << 20}} {
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(test.n)
			for b.Loop() {
				r, err := u.Open(b.Context(), "f", v, 0, test.n)
				if err != nil {
					b.Fatal(err)
				}
				if got, err := io.Copy(io.Discard, r); err != nil || got != test.n {
					b.Fatal(got, err)
				}
				r.Close()
			}
		})
	}
}
