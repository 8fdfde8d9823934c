package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"goosefs/conf"
)

// media are the kinds of storage, the fastest first.
func media() []string { return []string{"MEM", "SSD", "HDD"} }

// tieredStore decodes the levels and puts the fastest first.
func (d *decoder) tieredStore(n *yaml.Node, at string, rt *Runtime) {
	seen := map[string]string{}   // medium → field
	owners := map[string]string{} // folder → field
	d.object(n, at, fields{"levels": func(n *yaml.Node, at string) {
		d.list(n, at, func(n *yaml.Node, at string) {
			l, ok := d.level(n, at)
			if !ok {
				return
			}
			if other, twice := seen[l.MediumType]; twice {
				d.refuse(n, at, "", fmt.Sprintf("has the mediumtype %s of %s; put the folders of both in one path list", l.MediumType, other))
			}
			seen[l.MediumType] = at
			for _, p := range l.Paths {
				if other, twice := owners[p]; twice {
					d.refuse(n, at+".path", short(p), "already used by "+other+"; use each folder once")
				}
				owners[p] = at
			}
			rt.Levels = append(rt.Levels, l)
		})
	}})
	slices.SortStableFunc(rt.Levels, func(a, b Level) int {
		return slices.Index(media(), a.MediumType) - slices.Index(media(), b.MediumType)
	})
}

// writtenLevel is a level as the file has it.
type writtenLevel struct {
	medium, path, quota, quotaList, high, low string
}

// level decodes one level; ok is false when something in it was refused.
func (d *decoder) level(n *yaml.Node, at string) (l Level, ok bool) {
	before := len(d.problems)
	var w writtenLevel
	d.object(n, at, fields{
		"mediumtype": d.text(&w.medium), "path": d.text(&w.path),
		"quota": d.loose(&w.quota, "2G"), "quotaList": d.loose(&w.quotaList, "2G,1G"),
		"high": d.loose(&w.high, `"0.8"`), "low": d.loose(&w.low, `"0.7"`),
		"alias": nil, "volumeType": nil, "volumeSource": nil,
	})
	if len(d.problems) > before {
		return l, false
	}
	l = Level{MediumType: w.medium, Line: n.Line}
	// where finds the node of a field, for messages.
	where := func(name string) (*yaml.Node, string) { return orNode(child(n, name), n), at + "." + name }
	if !slices.Contains(media(), w.medium) {
		node, field := where("mediumtype")
		d.refuse(node, field, short(w.medium), "write MEM, SSD or HDD")
	}
	l.Paths = d.paths(where, w.path)
	if len(d.problems) == before {
		l.Quotas = d.quotas(where, w, len(l.Paths))
	}
	l.High, l.Low = d.ratio(where, "high", w.high, defaultHigh), d.ratio(where, "low", w.low, defaultLow)
	if len(d.problems) == before && l.Low >= l.High {
		name, value, rule := "low", l.Low, fmt.Sprintf("has to be below high (%v)", l.High)
		if w.low == "" {
			name, value, rule = "high", l.High, fmt.Sprintf("has to be above low (%v, as none is given)", l.Low)
		}
		node, field := where(name)
		d.refuse(node, field, fmt.Sprint(value), rule)
	}
	return l, len(d.problems) == before
}

// finder finds the node and the full name of a level's field.
type finder = func(name string) (*yaml.Node, string)

// paths splits a comma list of folders.
func (d *decoder) paths(where finder, text string) []string {
	node, field := where("path")
	var list []string
	for _, p := range splitList(text) {
		if !path.IsAbs(p) || hasDots(p) {
			d.refuse(node, field, short(p), "not an absolute path without . and ..; write e.g. /mnt/disk1")
			continue
		}
		list = append(list, path.Clean(p))
	}
	if len(splitList(text)) == 0 {
		d.refuse(node, field, "", "missing; write a folder, or several with commas between, e.g. /mnt/disk1,/mnt/disk2")
	}
	return list
}

// quotas gives each folder its bytes: those of quotaList, or an even share of
// quota.
func (d *decoder) quotas(where finder, w writtenLevel, folders int) []int64 {
	size := func(name, text string) int64 {
		node, field := where(name)
		n, err := conf.ParseSize(text)
		switch {
		case err != nil:
			d.refuse(node, field, "", err.Error())
		case n == 0:
			d.refuse(node, field, short(text), "a quota of 0 keeps nothing; write e.g. 2G")
		}
		return n
	}
	var quotas []int64
	switch list := splitList(w.quotaList); {
	case w.quotaList != "" && len(list) != folders:
		node, field := where("quotaList")
		d.refuse(node, field, short(w.quotaList), fmt.Sprintf("%d quotas for %d folders in path; write one for each", len(list), folders))
	case w.quotaList != "":
		if w.quota != "" {
			node, field := where("quota")
			d.warn(node, "%s: has no effect beside quotaList", field)
		}
		for _, text := range list {
			quotas = append(quotas, size("quotaList", text))
		}
	case w.quota != "":
		total := size("quota", w.quota)
		share := total / int64(folders)
		if total > 0 && share == 0 {
			node, field := where("quota")
			d.refuse(node, field, short(w.quota), fmt.Sprintf("less than a byte for each of the %d folders in path; write e.g. 2G", folders))
		}
		for range folders {
			quotas = append(quotas, share)
		}
	default:
		node, field := where("quota")
		d.refuse(node, field, "", "missing; write how much the level may keep, e.g. 2G")
	}
	return quotas
}

// ratio decodes a watermark.
func (d *decoder) ratio(where finder, name, text string, missing float64) float64 {
	if text == "" {
		return missing
	}
	r, err := conf.ParseRatio(text)
	if err != nil {
		node, field := where(name)
		d.refuse(node, field, "", err.Error())
	}
	return r
}

func splitList(text string) []string {
	var items []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
