package manifest

import (
	"fmt"

	"github.com/docker/go-units"
)

// CheckDisks warns of folders that cannot hold their quotas. statfs returns the
// free bytes of the file system that a folder is on, or would be made on. All
// workers are taken to be on this host, each with its own part of the folder.
func (r Runtime) CheckDisks(statfs func(path string) (free int64, err error)) []Warning {
	var warnings []Warning
	for _, l := range r.Levels {
		for i, path := range l.Paths {
			free, err := statfs(path)
			if err != nil {
				warnings = append(warnings, Warning{Text: fmt.Sprintf("cannot tell how much is free in %s: %v", path, err)})
				continue
			}
			quota := l.Quotas[i]
			// Division, since the product may overflow.
			if quota <= free/int64(r.Replicas) {
				continue
			}
			warnings = append(warnings, Warning{Text: fmt.Sprintf("quota beyond the disk: %s × %d (one for each worker) in %s, where %s is free; what does not fit is read without being kept",
				units.BytesSize(float64(quota)), r.Replicas, path, units.BytesSize(float64(free)))})
		}
	}
	return warnings
}
