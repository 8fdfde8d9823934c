package shell

import (
	"math"
	"testing"
	"time"
)

func TestHumanSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0B", -1: "-1B", 5120: "5120B", 5121: "5.00KB", 5130: "5.01KB", 5 << 20: "5120.00KB", 5<<20 + 6000: "5.01MB",
		5000000000: "4768.37MB", 10 << 30: "10.00GB", 1610612736000: "1500.00GB", 6 << 40: "6.00TB",
		math.MaxInt64: "8192.00PB",
	} {
		if got := humanSize(bytes); got != want {
			t.Errorf("%d is %s, want %s", bytes, got, want)
		}
	}
}

func TestCommas(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 6367897: "6,367,897", -1234: "-1,234", -999: "-999"} {
		if got := commas(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct{ part, whole, want int64 }{{0, 0, 0}, {1, 0, 0}, {1, 3, 33}, {2, 3, 66}, {999, 1000, 99}, {7, 7, 100}, {1 << 60, 1 << 61, 50}} {
		if got := percent(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d is %d%%, want %d%%", c.part, c.whole, got, c.want)
		}
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2021, 3, 7, 0, 5, 9, 42e6, time.FixedZone("CST", 8*3600))
	for pattern, want := range map[string]string{
		"MM-dd-yyyy HH:mm:ss:SSS":      "03-07-2021 00:05:09:042",
		"yyyy-MM-dd'T'HH:mm:ss.SSSX":   "2021-03-07T00:05:09.042+08:00",
		"EEE, d MMM yy hh:mm a z Z":    "Sun, 7 Mar 21 12:05 AM CST +0800",
		"EEEE MMMM 'o''clock' '' 'end": "Sunday March oclock ' end",
		"H?kk":                         "0?kk",
		"":                             "",
	} {
		if got := formatTime(at, pattern); got != want {
			t.Errorf("%q: %q, want %q", pattern, got, want)
		}
	}
}

func TestUptime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:            "0 day(s), 0 hour(s), 0 minute(s), and 0 second(s)",
		-time.Second: "0 day(s), 0 hour(s), 0 minute(s), and 0 second(s)", // clocks differ
		5*24*time.Hour + 23*time.Hour + 25*time.Minute + 37900*time.Millisecond: "5 day(s), 23 hour(s), 25 minute(s), and 37 second(s)",
	} {
		if got := uptime(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestMaskURI(t *testing.T) {
	for uri, want := range map[string]string{
		"https://host/path":            "https://host/path",
		"https://user@host/path":       "https://user@host/path",
		"https://user:pw@host:80/path": "https://user:******@host:80/path",
		"https://user:p@w@host/a@b:c":  "https://user:******@host/a@b:c",
		"https://user:p%w@host":        "https://user:******@host",
		"cosn://bucket-125/dir":        "cosn://bucket-125/dir",
		"/underFSStorage":              "/underFSStorage",
		"file:///a:b@c":                "file:///a:b@c",
	} {
		if got := maskURI(uri); got != want {
			t.Errorf("%s is %s, want %s", uri, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	for name, want := range map[string]string{
		"/a b/ü/文件":           "/a b/ü/文件",
		"/a\x1b[31mred":       `"/a\x1b[31mred"`,
		"/line\nfeed":         `"/line\nfeed"`,
		"/bad\xff":            `"/bad\xff"`,
		"/right\u202eto left": `"/right\u202eto left"`,
	} {
		if got := shown(name); got != want {
			t.Errorf("%q is shown as %s, want %s", name, got, want)
		}
	}
	if got, want := oneLine("read \"/a\n\": gone"), `read "/a\n": gone`; got != want {
		t.Errorf("an error reads %s, want %s", got, want)
	}
}
