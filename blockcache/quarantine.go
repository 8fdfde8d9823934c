package blockcache

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxQuarantine and quarantineShare bound what a directory keeps of files that
// are not ours: so many bytes, and that part of its quota.
const (
	maxQuarantine   = 64 << 20
	quarantineShare = 16
)

// quarantine moves paths out of the cache's way. It runs while the cache is
// opened; trimQuarantine charges for what is kept.
func (c *Cache) quarantine(d *dir, reason error, paths ...string) {
	for _, path := range paths {
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			continue
		}
		c.counts.quarantined.Add(1)
		to, err := d.moveToQuarantine(path)
		c.log.Warn("cannot use a file of the cache, moved away", "path", path, "to", to, "reason", reason, "err", err)
		if judge(err) == faultDevice {
			c.failDir(d, err)
		}
	}
}

// moveToQuarantine finds a free name; the newest keep theirs longest.
func (d *dir) moveToQuarantine(path string) (to string, err error) {
	for n := range 1 << 20 {
		to = filepath.Join(d.path, "quarantine", fmt.Sprintf("%s.%d", filepath.Base(path), n))
		if _, err := os.Lstat(to); os.IsNotExist(err) {
			break
		}
	}
	return to, os.Rename(path, to)
}

// trimQuarantine removes the oldest until the rest is within bounds, and
// charges the directory for the rest.
func (c *Cache) trimQuarantine(d *dir) error {
	root := filepath.Join(d.path, "quarantine")
	names, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	type kept struct {
		path string
		info fs.FileInfo
		size int64
	}
	var all []kept
	var total int64
	for _, n := range names {
		info, err := n.Info()
		if err != nil {
			continue
		}
		k := kept{filepath.Join(root, n.Name()), info, treeBytes(filepath.Join(root, n.Name()))}
		all = append(all, k)
		total += k.size
	}
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(a.path, b.path))
	})
	for _, k := range all {
		if total <= min(maxQuarantine, d.quota/quarantineShare) {
			break
		}
		if err := os.RemoveAll(k.path); err != nil {
			c.log.Warn("cannot empty the quarantine", "path", k.path, "err", err)
			continue
		}
		total -= k.size
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.used += total
	return nil
}

// treeBytes is the space a file or folder takes.
func treeBytes(path string) (total int64) {
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be seen is not counted
		}
		if info, err := e.Info(); err == nil {
			total += diskBytes(info)
		}
		return nil
	})
	return total
}
