package up

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// layout names every file of a cluster. Both paths are absolute.
type layout struct {
	Dir   string
	Mount string
}

// newLayout resolves what the user typed. An empty mount is DIR/mnt.
func newLayout(dir, mount string) (layout, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("--dir %s: %w", dir, err)
	}
	// These paths become items of lists in properties, where a comma separates and ${ begins a reference.
	if i := strings.IndexAny(abs, ",\n"); i >= 0 || strings.Contains(abs, "${") {
		return layout{}, usageError(fmt.Sprintf("--dir %q: a comma, a line end or ${ cannot stand in this path; take another folder", abs))
	}
	if mount == "" {
		return layout{Dir: abs, Mount: filepath.Join(abs, "mnt")}, nil
	}
	at, err := filepath.Abs(mount)
	if err != nil {
		return layout{}, fmt.Errorf("--mount %s: %w", mount, err)
	}
	return layout{Dir: abs, Mount: at}, nil
}

func (l layout) conf() string              { return filepath.Join(l.Dir, "conf") }
func (l layout) run() string               { return filepath.Join(l.Dir, "run") }
func (l layout) podConf(pod string) string { return filepath.Join(l.Dir, "run", pod) }
func (l layout) pid(pod string) string     { return filepath.Join(l.Dir, "run", pod+".pid") }
func (l layout) record() string            { return filepath.Join(l.Dir, "run", "cluster.json") }
func (l layout) lock() string              { return filepath.Join(l.Dir, "run", "lock") }
func (l layout) logs() string              { return filepath.Join(l.Dir, "logs") }
func (l layout) log(pod string) string     { return filepath.Join(l.Dir, "logs", pod+".log") }
func (l layout) state(name string) string  { return filepath.Join(l.Dir, "state", name) }
func (l layout) tiers() string             { return filepath.Join(l.Dir, "tiers") }
func (l layout) sample() string            { return filepath.Join(l.Dir, "sample") }

// short is a path as a user in the working directory would type it.
func short(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}
