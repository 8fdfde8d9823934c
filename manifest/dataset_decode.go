package manifest

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"goosefs/conf"
)

// dataset decodes the spec of a Dataset.
func (d *decoder) dataset(spec *yaml.Node) *Dataset {
	ds := &Dataset{}
	var shared map[string]string
	owners := map[string]string{} // path → field that mounts there
	names := map[string]string{}
	d.object(spec, "spec", fields{
		"mounts": func(n *yaml.Node, at string) {
			d.list(n, at, func(n *yaml.Node, at string) {
				m, ok := d.mount(n, at)
				if ok {
					d.unique(n, at, "path", m.AlluxioPath(), owners)
				}
				if ok && m.Name != "" {
					d.unique(n, at, "name", m.Name, names)
				}
				ds.Mounts = append(ds.Mounts, m)
			})
		},
		"accessModes":          d.accessModes(&ds.AccessModes),
		"owner":                func(n *yaml.Node, at string) { ds.Owner = d.owner(n, at) },
		"sharedOptions":        d.textMap(&shared, d.checkOption),
		"sharedEncryptOptions": d.encryptOptions,
		"placement":            nil,
		"nodeAffinity":         nil,
		"tolerations":          nil,
		"dataRestoreLocation":  nil,
		"runtimes":             nil,
	})
	if mounts := child(spec, "mounts"); mounts == nil || isNull(mounts) || mounts.Kind == yaml.SequenceNode && len(mounts.Content) == 0 {
		d.refuse(orNode(mounts, spec), "spec.mounts", "", "missing; write at least one mount with mountPoint and name")
	}
	if len(ds.AccessModes) == 0 {
		ds.AccessModes = []string{readOnlyMany}
	}
	for i := range ds.Mounts {
		ds.Mounts[i].Options = merge(shared, ds.Mounts[i].Options)
	}
	return ds
}

// unique refuses a second mount of one name or path.
func (d *decoder) unique(n *yaml.Node, at, what, value string, owners map[string]string) {
	if other, ok := owners[value]; ok {
		d.refuse(n, at, "", fmt.Sprintf("has the %s %s of %s; choose another", what, value, other))
		return
	}
	owners[value] = at
}

// mount decodes one mount; ok is false when something in it was refused.
func (d *decoder) mount(n *yaml.Node, at string) (m Mount, ok bool) {
	before := len(d.problems)
	d.object(n, at, fields{
		"mountPoint": func(n *yaml.Node, at string) {
			d.text(&m.MountPoint)(n, at)
			d.checkMountPoint(n, at, m.MountPoint)
		},
		"name": func(n *yaml.Node, at string) {
			d.text(&m.Name)(n, at)
			if strings.Contains(m.Name, "/") || m.Name == "." || m.Name == ".." || len(m.Name) > 255 {
				d.refuse(n, at, short(m.Name), "not the name of a folder; write one name, or give the mount a path")
			}
		},
		"path": func(n *yaml.Node, at string) {
			d.text(&m.Path)(n, at)
			if m.Path != "" && (!path.IsAbs(m.Path) || hasDots(m.Path)) {
				d.refuse(n, at, short(m.Path), "not an absolute path without . and ..; write e.g. /data/hbase")
			}
		},
		"readOnly":       d.flag(&m.ReadOnly),
		"shared":         d.flag(&m.Shared),
		"options":        d.textMap(&m.Options, d.checkOption),
		"encryptOptions": d.encryptOptions,
	})
	if mp := child(n, "mountPoint"); len(d.problems) == before && (mp == nil || isNull(mp)) {
		d.refuse(n, at+".mountPoint", "", "missing; write the URI of the data, e.g. https://host/folder/")
	}
	return m, len(d.problems) == before
}

func hasDots(p string) bool {
	for _, part := range strings.Split(p, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// checkMountPoint checks the form of a URI. Whether its scheme is known, and
// whether anything is there, is for those who open it.
func (d *decoder) checkMountPoint(n *yaml.Node, at, uri string) {
	if uri == "" && n.ShortTag() != "!!str" {
		return // refused already
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	parsed, err := url.Parse(uri)
	switch {
	case !ok || scheme == "" || rest == "":
		d.refuse(n, at, short(uri), "not a URI; write e.g. https://host/folder/, file:///folder or cosn://bucket/folder")
	case err != nil:
		d.refuse(n, at, "", "not a URI; write % as %25, and characters that a URI cannot have as %XX")
	default:
		if _, has := parsed.User.Password(); has {
			d.warn(n, "%s: a password in a URI is shown by many commands; put it in options", at)
		}
	}
}

// checkOption warns of a secret in plain text: the file had better be private.
func (d *decoder) checkOption(n *yaml.Node, at, key, _ string) {
	if conf.IsSecret(key) {
		d.warn(n, "%s: a secret in plain text; keep this file readable by its owner alone", at)
	}
}

// encryptOptions refer to secrets of Kubernetes. Without them the mount would be
// refused by its store later on, so they are refused here.
func (d *decoder) encryptOptions(n *yaml.Node, at string) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return
	}
	d.refuse(n, at, "", "refers to a Kubernetes secret, and there is none on bare hosts; write the values under options, or in goosefs-site.properties")
}

func (d *decoder) accessModes(into *[]string) field {
	return func(n *yaml.Node, at string) {
		d.list(n, at, func(n *yaml.Node, at string) {
			var mode string
			before := len(d.problems)
			d.text(&mode)(n, at)
			switch mode {
			case readOnlyMany, "ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod":
				*into = append(*into, mode)
			default:
				if len(d.problems) == before {
					d.refuse(n, at, short(mode), "write ReadOnlyMany, ReadWriteOnce, ReadWriteMany or ReadWriteOncePod")
				}
			}
		})
	}
}

func (d *decoder) owner(n *yaml.Node, at string) *Owner {
	o := Owner{UID: -1, GID: -1}
	before := len(d.problems)
	d.object(n, at, fields{"uid": d.number(&o.UID), "gid": d.number(&o.GID), "user": d.text(&o.User), "group": d.text(&o.Group)})
	if len(d.problems) == before && (o.UID < 0 || o.GID < 0 || o.User == "" || o.Group == "") {
		d.refuse(n, at, "", "write all of uid and gid (0 or above), user and group")
	}
	return &o
}

// merge lays maps over each other, later ones on top.
func merge(maps ...map[string]string) map[string]string {
	var all map[string]string
	for _, m := range maps {
		for k, v := range m {
			if all == nil {
				all = map[string]string{}
			}
			all[k] = v
		}
	}
	return all
}
