package blockcache

import (
	"os"
	"path/filepath"
)

// Format empties the directories of a cache that is not open, store id included,
// and leaves everything else that lies there. It refuses one that is in use.
func Format(o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	var dirs []*dir
	defer func() { _ = unlockAll(dirs) }()
	for _, t := range o.Tiers {
		for _, od := range t.Dirs {
			d := &dir{path: od.Path}
			if err := os.MkdirAll(d.path, 0o700); err != nil {
				return err
			}
			if err := d.takeLock(); err != nil {
				return err
			}
			dirs = append(dirs, d)
		}
	}
	for _, d := range dirs {
		// The identity last: without it, blocks that are left are refused by Open.
		for _, name := range []string{"blocks", "quarantine", identityName} {
			if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
