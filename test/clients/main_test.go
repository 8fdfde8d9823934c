package clients

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	goosefs "goosefs/test/program"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(goosefs.Main(m))
}

// program is the path of the program under test. Every test that runs it begins here.
func program(t testing.TB) string {
	t.Helper()
	return goosefs.Path(t, "whole clusters")
}

func need(t testing.TB, err error) { t.Helper(); goosefs.Need(t, err) }

// installed is what tools/clients has made below bin/clients, or the test ends for want of it.
func installed(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", "clients", name))
	need(t, err)
	if _, err := os.Stat(path); err != nil {
		need(t, errors.Join(err, errors.New("tools/clients installs it; make test-clients calls it")))
	}
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
