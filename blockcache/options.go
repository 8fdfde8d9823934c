package blockcache

import (
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"syscall"
)

const (
	defaultHigh      = 0.95
	defaultLow       = 0.7
	defaultOpenFiles = 512
	defaultHandouts  = 1024
)

// withDefaults returns the options with every default filled in, or the first
// thing that is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.open == nil {
		o.open = openOS
	}
	if o.OpenFiles == 0 {
		o.OpenFiles = defaultOpenFiles
	}
	if o.Handouts == 0 {
		o.Handouts = defaultHandouts
	}
	if o.Policy == "" {
		o.Policy = LRU
	}
	if o.Policy != TINYLFU && o.Policy != LRU && o.Policy != NONE {
		return o, refuse(o.Policy, "no such eviction policy, use %s, %s or %s", TINYLFU, LRU, NONE)
	}
	tiers := make([]Tier, len(o.Tiers))
	seen := map[string]bool{}
	for i, t := range o.Tiers {
		if t.High == 0 && t.Low == 0 {
			t.High, t.Low = defaultHigh, defaultLow
		}
		if !(0 < t.Low && t.Low < t.High && t.High <= 1) {
			return o, refuse(t.Alias, "watermarks need 0 < low < high <= 1, not low %v, high %v", t.Low, t.High)
		}
		t.Dirs = append([]Dir(nil), t.Dirs...)
		for j, d := range t.Dirs {
			path, err := filepath.Abs(d.Path)
			if d.Path == "" || err != nil {
				return o, refuse(t.Alias, "a directory without a path")
			}
			if d.Quota <= 0 {
				return o, refuse(path, "the quota must be above 0")
			}
			if seen[path] {
				return o, refuse(path, "the directory is given twice")
			}
			seen[path] = true
			t.Dirs[j].Path = path
		}
		tiers[i] = t
	}
	if len(seen) == 0 {
		return o, refuse("", "a cache needs at least one directory")
	}
	o.Tiers = tiers
	return o, nil
}

// refuse is an EINVAL with a reason a person can act on.
func refuse(path, format string, args ...any) error {
	return because(&fs.PathError{Op: "open cache", Path: path, Err: syscall.EINVAL}, format, args...)
}

// because adds a reason to an error whose errno stays within reach.
func because(err error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", err, fmt.Sprintf(format, args...))
}
