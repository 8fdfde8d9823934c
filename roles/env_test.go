package roles

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"goosefs/client"
	"goosefs/conf"
)

// What the command line says of reads goes before the policies of namespaces; a file says what is where there are none.
func TestReadsOfTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		site, named string
		reads       client.ReadPolicy
		noCache     bool
	}{
		{"", "", 0, false},
		{"NO_CACHE", "", 0, true},
		{"", "NO_CACHE", client.NoCache, true},
		{"NO_CACHE", "CACHE", client.Cache, false},
		{"NO_CACHE", "CACHE_PROMOTE", client.Cache, false},
	} {
		dir := t.TempDir()
		t.Setenv("GOOSEFS_CONF_DIR", dir)
		if err := os.WriteFile(filepath.Join(dir, "goosefs-site.properties"), []byte(readTypeProperty+"="+c.site+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		in := conf.Input{Role: conf.RoleUser}
		if c.named != "" {
			in.Args = []string{"-D" + readTypeProperty + "=" + c.named}
		}
		read, _, err := conf.Load(in)
		if err != nil {
			t.Fatal(err)
		}
		o, err := clientConfig(read, slog.New(slog.DiscardHandler))
		if err != nil || o.Reads != c.reads || o.NoCache != c.noCache {
			t.Errorf("%q in the file, %q on the command line: %v, %v; %v", c.site, c.named, o.Reads, o.NoCache, err)
		}
	}
}
