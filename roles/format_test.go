package roles

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/urfave/cli/v2"
)

// run runs one of the verbs with everything below dir.
func run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	t.Setenv("GOOSEFS_CONF_DIR", t.TempDir())
	var out bytes.Buffer
	env := Env{Properties: []string{
		"-Dgoosefs.work.dir=" + dir,
		"-Dgoosefs.worker.tieredstore.level0.dirs.path=" + filepath.Join(dir, "tier"),
	}}
	app := &cli.App{Writer: &out, ErrWriter: &out, Commands: env.Commands(), ExitErrHandler: func(*cli.Context, error) {}}
	err := app.Run(append([]string{"goosefs"}, args...))
	return out.String(), err
}

func TestFormat(t *testing.T) {
	for verb, folders := range map[string][]string{
		"formatMaster":  {"journal", "metastore"},
		"formatJournal": {"journal", "metastore"},
		"formatWorker":  {"tier"},
	} {
		t.Run(verb, func(t *testing.T) {
			dir := t.TempDir()
			var inside []string
			for _, folder := range folders {
				inside = append(inside, filepath.Join(dir, folder, "blocks", "old"))
			}
			fill := func() {
				for _, file := range inside {
					if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			fill()
			if out, err := run(t, dir, verb, "-s"); err != nil || out != "" {
				t.Fatalf("-s over what is there: %q, %v", out, err)
			}
			for _, file := range inside {
				if _, err := os.Stat(file); err != nil {
					t.Errorf("-s took something away: %v", err)
				}
			}
			out, err := run(t, dir, verb)
			if err != nil || strings.Count(out, "Formatted ") != len(folders) {
				t.Fatalf("%q, %v", out, err)
			}
			for _, file := range inside {
				if _, err := os.Stat(file); !os.IsNotExist(err) {
					t.Errorf("%s is still there (%v)", file, err)
				}
			}
		})
	}
}

func TestFormatRefusesAJournalInUse(t *testing.T) {
	dir := t.TempDir()
	if _, err := run(t, dir, "formatMaster"); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(dir, "journal", "LOCK"))
	if held, err := lock.TryLock(); err != nil || !held {
		t.Fatal(held, err)
	}
	defer lock.Close()
	if _, err := run(t, dir, "formatMaster"); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Fatalf("formatted under a running master: %v", err)
	}
}
