package roles

import (
	"fmt"
	"path/filepath"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/roles/master"
)

// sameRoot refuses a cluster that was made for another root than it is asked for: the root is mounted once.
func sameRoot(cfg *conf.Conf, mounts []client.MountPoint) error {
	asked, dir := cfg.String(rootProperty), cfg.String("goosefs.work.dir")
	for _, m := range mounts {
		if m.Path != "/" || m.UFS == asked {
			continue
		}
		made, local := master.LocalFolder(m.UFS)
		want, wantLocal := master.LocalFolder(asked)
		if local && wantLocal && resolved(made) == resolved(want) {
			continue
		}
		return fmt.Errorf("/ cannot be %s: what is in %s was made for %s; write another --dir, or %s again", asked, dir, m.UFS, m.UFS)
	}
	return nil
}

// resolved is an absolute path without symbolic links, as far as it is there.
func resolved(path string) string {
	path = filepath.Clean(path)
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
}
