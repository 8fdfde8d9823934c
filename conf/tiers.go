package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Tier is one level of a worker's store.
type Tier struct {
	Alias     string // MEM, SSD or HDD, in capitals
	Dirs      []TierDir
	High, Low float64 // watermarks, shares of each folder's quota
}

// A TierDir is one folder of a tier.
type TierDir struct {
	Path   string
	Medium string // MEM, SSD or HDD, in capitals
	Quota  int64  // bytes
}

// Tiers returns the worker's tiers, the fastest first, from the properties
// goosefs.worker.tieredstore.*. A list of quotas or media that is shorter than
// that of the folders goes on with its last item, as in GooseFS.
func (c *Conf) Tiers() ([]Tier, error) {
	const levels = "goosefs.worker.tieredstore.levels"
	n := c.Int(levels)
	if n < 1 || n > 16 {
		return nil, c.bad(levels, "write a number from 1 to 16")
	}
	var tiers []Tier
	owner := map[string]string{} // path → property that names it
	for level := range n {
		t, err := c.tier(level, owner)
		if err != nil {
			return nil, err
		}
		tiers = append(tiers, t)
	}
	return tiers, nil
}

func (c *Conf) tier(level int, owner map[string]string) (Tier, error) {
	prefix := "goosefs.worker.tieredstore.level" + strconv.Itoa(level)
	paths := c.List(prefix + ".dirs.path")
	media := c.List(prefix + ".dirs.mediumtype")
	quotas := c.Sizes(prefix + ".dirs.quota")
	t := Tier{
		Alias: strings.ToUpper(c.String(prefix + ".alias")),
		High:  c.Ratio(prefix + ".watermark.high.ratio"),
		Low:   c.Ratio(prefix + ".watermark.low.ratio"),
	}
	switch {
	case t.Alias == "":
		return t, c.bad(prefix+".alias", "tier without a name; write MEM, SSD or HDD")
	case len(paths) == 0:
		return t, c.bad(prefix+".dirs.path", "tier without a folder; write one or several, separated by commas, or lower goosefs.worker.tieredstore.levels")
	case len(quotas) == 0:
		return t, c.bad(prefix+".dirs.quota", "tier without a quota; write one for each folder, e.g. 2GB")
	case len(quotas) > len(paths):
		return t, c.bad(prefix+".dirs.quota", fmt.Sprintf("%d quotas for %d folders; write one for each folder", len(quotas), len(paths)))
	case len(media) > len(paths):
		return t, c.bad(prefix+".dirs.mediumtype", fmt.Sprintf("%d media for %d folders; write one for each folder", len(media), len(paths)))
	case t.Low >= t.High:
		return t, c.badOrder(prefix+".watermark.low.ratio", prefix+".watermark.high.ratio")
	}
	for i, path := range paths {
		if other, ok := owner[path]; ok {
			return t, c.bad(prefix+".dirs.path", fmt.Sprintf("folder %s is already in %s; use each folder once", path, other))
		}
		owner[path] = prefix + ".dirs.path"
		d := TierDir{Path: path, Medium: t.Alias, Quota: quotas[min(i, len(quotas)-1)]}
		if len(media) > 0 {
			d.Medium = strings.ToUpper(media[min(i, len(media)-1)])
		}
		if !slices.Contains([]string{"MEM", "SSD", "HDD"}, d.Medium) {
			return t, c.bad(prefix+".dirs.mediumtype", "write MEM, SSD or HDD for each folder")
		}
		if d.Quota == 0 {
			return t, c.bad(prefix+".dirs.quota", "a quota of 0 keeps nothing; write e.g. 2GB, or remove the folder")
		}
		t.Dirs = append(t.Dirs, d)
	}
	return t, nil
}
