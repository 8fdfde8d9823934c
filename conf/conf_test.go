package conf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestGetters(t *testing.T) {
	in := input(t, nil)
	in.Args = []string{
		"goosefs.logs.level=DEBUG", "goosefs.master.mount.table.root.readonly=TRUE", "goosefs.worker.rpc.port=1",
		"goosefs.worker.memory.size=3M", "goosefs.master.worker.timeout=2day", "goosefs.security.authorization.permission.umask=077",
		"goosefs.worker.tieredstore.level0.watermark.high.ratio=90%", "goosefs.underfs.web.titles= a , ,b",
		"goosefs.worker.tieredstore.level0.dirs.quota=1K,2K", "goosefs.worker.tieredstore.level0.dirs.path=/a,/b",
		"goosefs.worker.bind.host=${goosefs.master.bind.host}",
	}
	c := load(t, in)
	for _, test := range []struct{ got, want any }{
		{c.String("goosefs.logs.level"), "DEBUG"},
		{c.Bool("goosefs.master.mount.table.root.readonly"), true},
		{c.Bool("goosefs.master.mount.table.root.shared"), false},
		{c.Int("goosefs.worker.rpc.port"), 1},
		{c.Int("goosefs.user.file.replication.max"), -1},
		{c.Bytes("goosefs.worker.ramdisk.size"), int64(3 << 20)},
		{c.Bytes("goosefs.worker.memory.size"), int64(3 << 20)},
		{c.Duration("goosefs.master.worker.timeout"), 48 * time.Hour},
		{c.Ratio("goosefs.worker.tieredstore.level0.watermark.high.ratio"), 0.9},
		{c.Ratio("goosefs.worker.tieredstore.level5.watermark.low.ratio"), 0.7},
		{int(c.Mode("goosefs.security.authorization.permission.umask")), 0o77},
		{c.List("goosefs.underfs.web.titles"), []string{"a", "b"}},
		{c.List("goosefs.master.rpc.addresses"), []string(nil)},
		{c.Sizes("goosefs.worker.tieredstore.level0.dirs.quota"), []int64{1 << 10, 2 << 10}},
		{c.HostTable(), map[string]string(nil)},
		{c.Set("goosefs.worker.memory.size"), true},
		{c.Set("goosefs.worker.web.port"), false},
		{c.Set("goosefs.worker.bind.host"), false}, // a reference to a property without value
		{c.Set("goosefs.no.such"), false},
		{c.Source("goosefs.worker.web.port"), "DEFAULT"},
		{c.FromCommandLine("goosefs.worker.memory.size"), true},
		{c.FromCommandLine("goosefs.worker.ramdisk.size"), true},
		{c.FromCommandLine("goosefs.worker.web.port"), false},
		{c.File(), ""},
		{len(c.Prefix("goosefs.worker.tieredstore.")), 3},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("got %#v, want %#v", test.got, test.want)
		}
	}
}

func TestSlipsOfTheProgrammerPanic(t *testing.T) {
	c := load(t, input(t, nil))
	for want, f := range map[string]func(){
		"conf: no property goosefs.typo in the table":                      func() { c.String("goosefs.typo") },
		"conf: goosefs.worker.rpc.port is a port in the table, not a size": func() { c.Bytes("goosefs.worker.rpc.port") },
		"conf: goosefs.home is a text in the table, not a number":          func() { c.Int("goosefs.home") },
		"conf: goosefs.worker.tieredstore.level0.dirs.quota is a list of sizes in the table, not a list": func() {
			c.List("goosefs.worker.tieredstore.level0.dirs.quota")
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("panic %q, want %q", got, want)
				}
			}()
			f()
		}()
	}
}

func TestAll(t *testing.T) {
	in := input(t, nil)
	in.Args = []string{"my.password=CANARY", "goosefs.worker.tieredstore.level0.dirs.path=/a"}
	entries := load(t, in).All()
	if !slices.IsSortedFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
	listed := map[string]string{}
	for _, e := range entries {
		if strings.Contains(e.Name, "{") {
			t.Errorf("template %s is listed", e.Name)
		}
		listed[e.Name] = e.Shown()
	}
	for name, want := range map[string]string{
		"my.password": "******",
		"goosefs.worker.tieredstore.level0.dirs.path": "/a",
		"goosefs.worker.rpc.port":                     "9203",
		"goosefs.master.metastore":                    "",
		"aws.secretKey":                               "",
	} {
		if got, ok := listed[name]; !ok || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, want)
		}
	}
}

func TestZeroInputReadsTheProcess(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, SiteFile), []byte("goosefs.worker.rpc.port=7"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOSEFS_CONFIG_FILE", "")
	t.Setenv("GOOSEFS_CONF_DIR", dir)
	c := load(t, Input{})
	if got := c.Int("goosefs.worker.rpc.port"); got != 7 || c.File() != filepath.Join(dir, SiteFile) {
		t.Errorf("port %d from %q", got, c.File())
	}
}

// A file that exists and cannot be used is never skipped for the next one.
func TestUnusableFiles(t *testing.T) {
	place := func(make func(path string) error) error {
		in := input(t, nil)
		if err := make(filepath.Join(in.EtcDir, SiteFile)); err != nil {
			t.Fatal(err)
		}
		_, _, err := Load(in)
		return err
	}
	for name, test := range map[string]struct {
		make func(path string) error
		want syscall.Errno
	}{
		"folder":    {func(p string) error { return os.Mkdir(p, 0o755) }, syscall.EISDIR},
		"too large": {func(p string) error { return os.WriteFile(p, make([]byte, maxFile+1), 0o644) }, syscall.EFBIG},
		"loop":      {func(p string) error { return os.Symlink(p, p) }, syscall.ELOOP},
		"binary":    {func(p string) error { return os.WriteFile(p, make([]byte, 10), 0o644) }, syscall.EINVAL},
	} {
		err := place(test.make)
		var errno syscall.Errno
		if !errors.As(err, &errno) || errno != test.want {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err != nil && !strings.Contains(err.Error(), SiteFile) {
			t.Errorf("%s: %q does not name the file", name, err)
		}
	}
	// A path that leads through a file is a missing file.
	in := input(t, map[string]string{"GOOSEFS_CONF_DIR": "/dev/null"})
	load(t, in)
}

func TestFormatProperties(t *testing.T) {
	values := map[string]string{
		"a": "1", "key with = : # !": "v", "b": `C:\x\`, "c": "two\nlines\r\f", "d": "=x", "e": "", "f": "中文 🪿", "g": "#no comment", "i": "\x00\x01", "h": "in\tside",
	}
	data := FormatProperties(values, "first", "second\ngoosefs.x=1")
	pairs, err := ParseProperties("x", data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	got := map[string]string{}
	for _, p := range pairs {
		got[p.Key] = p.Value
	}
	values["c"] = "two\nlines" // outer white space is lost
	if !maps.Equal(got, values) {
		t.Errorf("got %q\nwant %q\nfrom\n%s", got, values, data)
	}
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1: "1B", 1023: "1023B", 1024: "1KB", 1500: "1500B", 2 << 30: "2GB", 1 << 62: "4096PB", 3 << 49: "1536TB"} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"", "abc", 3}, {"quota", "qouta", 1}, {"kitten", "sitting", 3},
	} {
		if got := editDistance(test.a, test.b, 9); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	for v := String; v <= Octal; v++ {
		if v.String() == "?" {
			t.Errorf("type %d has no name", v)
		}
	}
	if got := Type(200).String(); got != "?" {
		t.Errorf("a type that is none: %q", got)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct{ name, value, hint, err string }{
		{"goosefs.worker.rpc.port", "1", "", ""},
		{"goosefs.worker.rpc.port", "", "", ""},
		{"goosefs.worker.rpc.port", "x", "", `"x" is not a port; write a number from 0 to 65535, e.g. 9200`},
		{"goosefs.worker.rpc.port", "${MY_PORT}", "", ""},
		{"goosefs.worker.rpc.prot", "x", "no such property; did you mean goosefs.worker.rpc.port?", ""},
		{"goosefs.fuse.jnifuse.enabled", "perhaps", "", ""},
		{"fs.cosn.any", "thing", "", ""},
	} {
		hint, err := Check(test.name, test.value)
		if hint != test.hint || (err != nil || test.err != "") && fmt.Sprint(err) != test.err {
			t.Errorf("%s=%s: %q, %v; want %q, %s", test.name, test.value, hint, err, test.hint, test.err)
		}
	}
}

func TestIsSecret(t *testing.T) {
	for name, want := range map[string]bool{
		"fs.cosn.userinfo.secretKey": true, "s3a.accessKeyId": true, "goosefs.underfs.x.Password": true, "my.token": true,
		"fs.cosn.bucket.region": false, "goosefs.underfs.web.titles": false,
	} {
		if IsSecret(name) != want {
			t.Errorf("IsSecret(%q) is %v", name, !want)
		}
	}
}

func TestSecretsInPublicFiles(t *testing.T) {
	for _, test := range []struct {
		mode os.FileMode
		text string
		want int
	}{
		{0o644, "\naws.secretKey=CANARY", 1}, {0o640, "aws.secretKey=CANARY", 0}, {0o644, "aws.secretKey=", 0}, {0o644, "goosefs.worker.rpc.port=1", 0},
	} {
		in := input(t, nil)
		path := filepath.Join(in.EtcDir, SiteFile)
		if err := errors.Join(os.WriteFile(path, []byte(test.text), 0o600), os.Chmod(path, test.mode)); err != nil {
			t.Fatal(err)
		}
		_, warnings, err := Load(in)
		// That COS and S3 are not built yet is told too, and not what this is about.
		warnings = slices.DeleteFunc(warnings, func(w Warning) bool { return strings.Contains(w.String(), "without effect here") })
		if err != nil || len(warnings) != test.want {
			t.Fatalf("%v %q: %v, %v", test.mode, test.text, warnings, err)
		}
		for _, w := range warnings {
			if want := path + ":2: aws.secretKey: a secret in a file that everybody can read; run: chmod 600 " + path; w.String() != want {
				t.Errorf("got %q, want %q", w, want)
			}
		}
	}
}

func TestParsersReturnEINVAL(t *testing.T) {
	_, size := ParseSize("")
	_, duration := ParseDuration("")
	_, ratio := ParseRatio(".")
	for _, err := range []error{size, duration, ratio} {
		var errno syscall.Errno
		if !errors.As(err, &errno) || errno != syscall.EINVAL {
			t.Errorf("%v is no EINVAL", err)
		}
	}
}
