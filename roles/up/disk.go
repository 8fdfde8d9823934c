package up

import (
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is a file system that holds tiers.
type disk struct {
	paths []string
	need  int64 // bytes that all workers together may keep there
	have  int64 // bytes that are free, and those that the tiers hold already
}

// checkDisks returns a warning for each disk that is smaller than the quotas on it.
func checkDisks(disks []disk) []string {
	var warnings []string
	for _, d := range disks {
		if d.need > d.have {
			warnings = append(warnings, fmt.Sprintf("quotas add up to %s in %s, where %s can be had; the cache will be smaller than they say",
				formatSize(d.need), strings.Join(d.paths, ", "), formatSize(d.have)))
		}
	}
	return warnings
}

// disksOf measures the disks of the plan's tiers. Their folders exist.
func disksOf(tiers []tier, workers int) ([]disk, error) {
	var disks []disk
	byDevice := map[uint64]int{}
	for _, t := range tiers {
		for i, path := range t.paths {
			var stat unix.Stat_t
			if err := unix.Stat(path, &stat); err != nil {
				return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
			}
			at, known := byDevice[stat.Dev]
			if !known {
				var sys unix.Statfs_t
				if err := unix.Statfs(path, &sys); err != nil {
					return nil, &fs.PathError{Op: "statfs", Path: path, Err: err}
				}
				at = len(disks)
				byDevice[stat.Dev] = at
				disks = append(disks, disk{have: int64(sys.Bavail) * sys.Bsize})
			}
			disks[at].paths = append(disks[at].paths, path)
			disks[at].need = addQuota(disks[at].need, t.quotas[i], workers)
			disks[at].have += occupied(path)
		}
	}
	return disks, nil
}

// addQuota adds the quota of each worker, and stops at the largest number.
func addQuota(sum, quota int64, workers int) int64 {
	if quota > (math.MaxInt64-sum)/int64(workers) {
		return math.MaxInt64
	}
	return sum + quota*int64(workers)
}

// volatile says if a folder is lost when the machine restarts.
func volatile(path string) bool {
	var sys unix.Statfs_t
	err := unix.Statfs(path, &sys)
	return err == nil && (sys.Type == unix.TMPFS_MAGIC || sys.Type == unix.RAMFS_MAGIC)
}

// occupied is the space that the files below path take. What cannot be read takes none.
func occupied(path string) int64 {
	var total int64
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				total += stat.Blocks * 512
			}
		}
		return nil
	})
	return total
}
