package up

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goosefs/manifest"
)

func TestTypedPropertiesWinOverTheManifest(t *testing.T) {
	r := manifest.DefaultRuntime("hbase")
	r.Properties = map[string]string{"goosefs.logs.level": "warn", "goosefs.user.rpc.timeout": "5s"}
	r.Worker.Properties = map[string]string{"goosefs.logs.level": "error"}
	got, err := withProperties(r, []string{"-Dgoosefs.logs.level=debug"})
	if err != nil {
		t.Fatal(err)
	}
	for role, p := range map[string]map[string]string{"all": got.Properties, "master": got.Master.Properties, "worker": got.Worker.Properties, "fuse": got.Fuse.Properties} {
		if p["goosefs.logs.level"] != "debug" {
			t.Errorf("%s: %v", role, p)
		}
	}
	if got.Properties["goosefs.user.rpc.timeout"] != "5s" {
		t.Errorf("the manifest's own properties are gone: %v", got.Properties)
	}
	if r.Properties["goosefs.logs.level"] != "warn" {
		t.Error("the manifest itself was changed")
	}
}

func TestTypedPropertyThatCannotBe(t *testing.T) {
	_, err := withProperties(manifest.DefaultRuntime("hbase"), []string{"-Dgoosefs.master.rpc.port=many"})
	if err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), "goosefs.master.rpc.port=many") {
		t.Fatalf("%v", err)
	}
}

func TestAllOfItIsAHundredPercent(t *testing.T) {
	for _, c := range []struct {
		cached, total int64
		want          string
	}{{0, 0, "0.0%"}, {0, 100, "0.0%"}, {1, 3, "33.3%"}, {101, 100, "100.0%"}} {
		if got := formatPercent(c.cached, c.total); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.cached, c.total, got, c.want)
		}
	}
}

func TestMountPointIsRefusedBeforeAnythingStarts(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "is not a directory", dir: "is not empty (file …)"} {
		if err := checkMountPoint(path); err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	for _, path := range []string{t.TempDir(), filepath.Join(dir, "missing")} {
		if err := checkMountPoint(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
