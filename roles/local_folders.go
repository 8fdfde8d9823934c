package roles

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goosefs/client"
	"goosefs/conf"
	"goosefs/roles/master"
)

// localFolders refuses, before anything is made, folders that cannot be / or the place of its state. A root that is not there
// yet the master makes.
func localFolders(cfg *conf.Conf) error {
	root, ok := master.LocalFolder(cfg.String(rootProperty))
	if !ok {
		return nil
	}
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "stat", Path: root, Err: syscall.ENOTDIR}
	}
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("%s cannot be /: %w; name a folder", root, err)
	}
	dir := cfg.String("goosefs.work.dir")
	if below(resolved(dir), resolved(root)) {
		return fmt.Errorf("state and cache in %s would be part of %s, which is to be /; write --dir with a folder outside of it", dir, root)
	}
	return nil
}

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

// below says whether path is folder, or in it.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
